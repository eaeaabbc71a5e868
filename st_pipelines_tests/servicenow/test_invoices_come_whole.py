"""Approved invoices: all lines or none, changed lines bring their invoice again, one bad record costs no other."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.invoices import Approved, ApprovedInvoices, Seen
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines_tests.servicenow.hostile import Hostile
from st_pipelines_tests.servicenow.samples import demo_profile, fill, invoice, line

PROFILE = demo_profile()
INVOICES, LINES = "sn_shop_invoice", "sn_shop_invoice_line"


@pytest.fixture
def tables(hostile: Hostile) -> dict[str, list[Any]]:
    fill(hostile, PROFILE)
    return hostile.tables


def polled(client: ServiceNow, seen: Seen | None = None, profile: Profile = PROFILE) -> list[Approved]:
    return list(ApprovedInvoices(Procurement(client, profile)).poll(seen or Seen()))


def numbers(found: list[Approved]) -> list[str]:
    return [one.supplier_invoice_number for each in found for one in each.invoices]


def test_only_approved_invoices_come_with_their_lines_exact_to_the_cent(
    tables: dict[str, list[Any]], client: ServiceNow
) -> None:
    tables[INVOICES] += [invoice("1"), invoice("2", state="10"), invoice("3", 5)]
    for place, head in enumerate(tables[INVOICES]):
        tables[LINES] += [line(str(10 + place), head), line(str(20 + place), head, line_amount="USD;0.10")]
    found = polled(client)
    assert numbers(found) == ["S-1", "S-3"]
    first = found[0].invoices[0]
    assert (first.state, first.supplier, first.currency, first.amount) == ("Approved", "V100", "USD", Decimal("108.25"))
    assert [one.amount for one in first.lines] == [Decimal("100.00"), Decimal("0.10")]
    assert [one.gl_account for one in first.lines] == ["5000", "5000"]


def test_an_invoice_whose_lines_may_not_all_be_read_is_named_and_the_others_come(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow
) -> None:
    tables[INVOICES] += [invoice(str(n)) for n in range(1, 8)]
    for place, head in enumerate(tables[INVOICES]):
        tables[LINES] += [line(str(10 + place), head), line(str(30 + place), head)]
    hostile.hidden = lambda table, row: table == LINES and row["number"] == "L33"
    found = polled(client)
    assert sorted(numbers(found)) == ["S-1", "S-2", "S-3", "S-5", "S-6", "S-7"]
    (bad,) = [one for each in found for one in each.unreadable]
    assert bad.number == "INV4"
    assert "not all of its lines may be read" in bad.why


@pytest.mark.parametrize(
    ("changes", "blamed"),
    [({"invoice_amount": "USD;1e5"}, "invoice_amount: '1e5' is no plain decimal number"),
     ({"invoice_amount": "108.25"}, "invoice_amount: '108.25' does not say its currency"),
     ({"invoice_amount": "EUR;5", "tax_amount": "USD;1"}, "tax_amount is in USD, the document in EUR"),
     ({"invoice_date": "30.09.2026"}, "invoice_date: '30.09.2026' is no date"),
     ({"supplier_invoice_number": ""}, "supplier_invoice_number: is empty"),
     ({"supplier.erp_company_code": ""}, "supplier.erp_company_code: is empty")],
)  # fmt: skip
def test_one_bad_invoice_costs_no_other(
    changes: dict[str, str], blamed: str, tables: dict[str, list[Any]], client: ServiceNow
) -> None:
    tables[INVOICES] += [invoice("1"), invoice("2", **changes), invoice("3")]
    tables[LINES] += [line(str(10 + place), head) for place, head in enumerate(tables[INVOICES])]
    found = polled(client)
    assert numbers(found) == ["S-1", "S-3"]
    (bad,) = [one for each in found for one in each.unreadable]
    assert blamed in str(bad)


def test_a_bad_line_names_its_invoice(tables: dict[str, list[Any]], client: ServiceNow) -> None:
    tables[INVOICES] += [invoice("1"), invoice("2")]
    tables[LINES] += [line("11", tables[INVOICES][0], line_amount="USD;12,50"), line("12", tables[INVOICES][1])]
    found = polled(client)
    assert numbers(found) == ["S-2"]
    assert "its line L11 cannot be read: line_amount: '12,50' is no plain decimal" in str(found[0].unreadable[0])


def test_a_changed_line_brings_its_invoice_again(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow
) -> None:
    hostile.clock = datetime(2026, 10, 2, tzinfo=UTC)
    tables[INVOICES] += [invoice("1", 10), invoice("2", 20), invoice("3", 20, state="5")]
    tables[LINES] += [line(str(10 + place), head, 30) for place, head in enumerate(tables[INVOICES])]
    seen = polled(client)[-1].seen
    for changed in (tables[LINES][0], tables[LINES][2]):  # the stamp of the header does not move
        changed.update(sys_updated_on="2026-10-02 06:00:00", line_amount="USD;50.00")
    hostile.clock = datetime(2026, 10, 3, tzinfo=UTC)
    client.read("/api/now/table/sys_user", entity="clock")
    found = [one for each in polled(client, seen) for one in each.invoices]
    assert [(one.number, one.lines[0].amount) for one in found if one.lines[0].amount == Decimal("50.00")][-1:] == [
        ("INV1", Decimal("50.00"))
    ]
    assert "INV3" not in {one.number for one in found}  # still a draft


def test_a_line_of_a_draft_brings_nothing(tables: dict[str, list[Any]], client: ServiceNow) -> None:
    tables[INVOICES] += [invoice("1", state="5")]
    tables[LINES] += [line("11", tables[INVOICES][0])]
    assert numbers(polled(client)) == []
    assert numbers(polled(client, Seen(None, None))) == []


def test_the_state_is_looked_up_by_its_label(tables: dict[str, list[Any]], client: ServiceNow) -> None:
    for one in tables["sys_choice"]:
        if one["label"] == "Approved":
            one["value"] = "7777"
    tables[INVOICES] += [invoice("1"), invoice("2", state="7777")]
    tables[LINES] += [line(str(10 + place), head) for place, head in enumerate(tables[INVOICES])]
    assert numbers(polled(client)) == ["S-2"]


def test_a_poll_that_finds_nothing_new_costs_three_requests_a_table_at_most(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow, connected: Callable[..., ServiceNow],
    address: str,
) -> None:  # fmt: skip
    hostile.clock = datetime(2026, 10, 2, tzinfo=UTC)
    tables[INVOICES] += [invoice("1", 10), invoice("2", 20)]
    tables[LINES] += [line(str(10 + place), head, 30) for place, head in enumerate(tables[INVOICES])]
    seen = polled(client)[-1].seen
    hostile.clock = datetime(2026, 10, 3, tzinfo=UTC)
    fresh, before = connected(address), len(hostile.requests)
    again = ApprovedInvoices(Procurement(fresh, PROFILE))
    assert numbers(list(again.poll(Seen(seen.lines, seen.lines)))) == []
    assert len(hostile.requests) - before <= 2 * 3
    before = len(hostile.requests)
    list(again.poll(Seen(seen.lines, seen.lines)))
    assert len(hostile.requests) - before == 2


def test_an_answer_that_breaks_off_is_asked_for_invoice_by_invoice(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow
) -> None:
    tables[INVOICES] += [invoice(str(n)) for n in range(1, 6)]
    tables[LINES] += [line(str(10 + place), head) for place, head in enumerate(tables[INVOICES])]

    def spoil(path: str, params: dict[str, str], body: bytes) -> bytes:
        return body[:-20] if path.endswith(LINES) and params["sysparm_query"].count("^OR") else body

    hostile.spoil = spoil
    assert sorted(numbers(polled(client))) == [f"S-{n}" for n in range(1, 6)]
