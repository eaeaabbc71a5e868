"""The journal's entries come whole and exact, or the reading says why not."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.documents.frames import JOURNAL_DETAIL, JOURNAL_SUMMARY
from st_pipelines.systems.http.errors import BadAnswer, Forbidden
from st_pipelines.systems.servicetitan.journal import SCOPE, Currencies, journal_details, journal_summary
from st_pipelines.systems.servicetitan.journal_models import JournalEntry, JournalEntryDetails, JournalEntrySummary
from st_pipelines.systems.servicetitan.pages import SourceKeepsMoving
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import TENANT, Hostile
from st_pipelines_tests.servicetitan.test_requests_follow_the_published_document import (
    _document,
    _operation,
    _resolved,
    _row_schema,
)

LIST, FIRST, LAST = "journal-entries", date(2026, 10, 1), date(2026, 10, 31)
USD = Currencies({106: "CAD"}, "USD")
ENTRY = "0b1c2d3e-0000-4000-8000-00000000000{}"


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": ENTRY.format(number), "createdOn": "2026-10-05T12:00:00Z", "modifiedOn": "2026-10-06T12:00:00.1234567Z",
        "number": number, "name": f"Daily {number}", "source": "ServiceTitan", "status": "Open",
        "syncStatus": "NotSynced", "versionId": 1, "postDate": f"2026-10-0{number}T00:00:00", "isEmpty": False,
        **changes,
    }  # fmt: skip


def line(account: str | None, debit: str, credit: str, **changes: Any) -> dict[str, Any]:
    """``debit`` and ``credit`` become JSON numbers, digit for digit: see ``exact``."""
    return {
        "postDate": "2026-10-05T00:00:00", "account": {"id": 9001, "number": account, "name": "Some account"},
        "credit": f"#{credit}#", "debit": f"#{debit}#", "memo": None,
        "businessUnit": {"id": 101, "name": "HVAC Service"}, **changes,
    }  # fmt: skip


def exact(path: str, number: int, body: bytes) -> bytes:
    return body.replace(b'"#', b"").replace(b'#"', b"")


@pytest.fixture
def journal(hostile: Hostile) -> Hostile:
    hostile.spoil = exact
    hostile.rows[LIST] = [entry(1), entry(2)]
    for number in (1, 2):
        hostile.rows[f"{LIST}/{ENTRY.format(number)}/summary"] = []
        hostile.rows[f"{LIST}/{ENTRY.format(number)}/details"] = []
    return hostile


def summary_of(journal: Hostile, number: int) -> list[dict[str, Any]]:
    return journal.rows[f"{LIST}/{ENTRY.format(number)}/summary"]


def test_every_line_of_every_page_comes_out_exactly(journal: Hostile, day: Day) -> None:
    summary_of(journal, 1).extend(line("4000", "0.00", f"{n}.10") for n in range(37))
    summary_of(journal, 2).append(line("1200", "123456789012345.67", "0"))
    table = journal_summary(day.client, FIRST, LAST, USD)
    assert table.schema == JOURNAL_SUMMARY and table.num_rows == 38
    assert sum(table["credit"].to_pylist()) == Decimal("669.70")
    assert table["debit"].to_pylist()[-1] == Decimal("123456789012345.67")
    (asked, *_) = journal.asked(LIST)
    assert asked["transactionPostedFrom"] == "2026-10-01T00:00:00Z"
    assert asked["transactionPostedTo"] == "2026-10-31T00:00:00Z"


def test_a_page_is_never_larger_than_published(
    journal: Hostile, day: Day, connected: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    day.with_reading(page_size=5000)
    journal_summary(day.client, FIRST, LAST, USD)
    assert {asked["pageSize"] for asked in journal.asked(LIST)} == {"500"}


def test_missing_number_unit_currency_and_date_have_their_substitutes(journal: Hostile, day: Day) -> None:
    summary_of(journal, 1).append(line(None, "1", "0", businessUnit=None, postDate=None))
    summary_of(journal, 2).append(line("4000", "0", "1", businessUnit={"id": 106, "name": "Milwaukee"}))
    first, second = journal_summary(day.client, FIRST, LAST, USD).to_pylist()
    assert (first["gl_account"], first["business_unit"], first["currency"]) == ("Some account", "", "USD")
    assert first["post_date"] == date(2026, 10, 1), "the entry's own date"
    assert (second["business_unit"], second["currency"]) == ("106", "CAD")


def test_details_name_our_documents_and_nobody_elses(journal: Hostile, day: Day) -> None:
    kinds = ["Invoice", "Payment", "Bill", "BankDeposit", "PaymentApplication", "SomethingNew"]
    rows = journal.rows[f"{LIST}/{ENTRY.format(1)}/details"]
    rows += [line("1200", "1", "0", transaction={"id": n, "type": kind, "refNumber": None})
             for n, kind in enumerate(kinds)]  # fmt: skip
    rows.append(line("1200", "1", "0", transaction=None))
    table = journal_details(day.client, FIRST, LAST, USD)
    assert table.schema == JOURNAL_DETAIL
    keys = [f"ST:{TENANT}:{kind}:{n}" for n, kind in enumerate(("invoice", "payment", "bill"))]
    assert table["doc_key"].to_pylist() == [*keys, "", "", "", ""]
    assert table["kind"].to_pylist()[:4] == ["customer_invoice", "customer_payment", "supplier_invoice", ""]
    assert table["transaction"].to_pylist() == [*kinds, "Unspecified"]
    assert table["modified_on"].to_pylist()[0] == datetime(2026, 10, 6, 12, 0, 0, 123456, tzinfo=UTC)


def test_entries_of_other_programs_are_left_out(journal: Hostile, day: Day) -> None:
    journal.rows[LIST] = [entry(1, source="External"), entry(2)]
    summary_of(journal, 1).append(line("4000", "0", "1"))
    summary_of(journal, 2).append(line("4100", "0", "1"))
    assert journal_summary(day.client, FIRST, LAST, USD)["gl_account"].to_pylist() == ["4100"]


def test_an_entry_that_changes_while_it_is_read_is_read_again(journal: Hostile, day: Day) -> None:
    summary_of(journal, 1).append(line("4000", "0", "1"))
    changed = []

    def change(path: str, number: int) -> None:
        if path.endswith("/summary") and not changed:
            changed.append(path)
            journal.rows[LIST] = [entry(1, versionId=2), entry(2)]
            summary_of(journal, 1)[0] = line("4000", "0", "2")

    journal.before_page = change
    assert changed == [] and journal_summary(day.client, FIRST, LAST, USD)["credit"].to_pylist() == [Decimal(2)]
    assert len(journal.asked(LIST)) == 4, "two readings, each with the list before and after"


def test_a_journal_that_never_stands_still_is_no_journal(journal: Hostile, day: Day) -> None:
    versions = iter(range(10_000))

    def change(path: str, number: int) -> None:
        journal.rows[LIST] = [entry(1, versionId=next(versions)), entry(2)]

    journal.before_page = change
    with pytest.raises(SourceKeepsMoving, match="during each of 4 readings"):
        journal_summary(day.client, FIRST, LAST, USD)


def test_a_page_that_hides_rows_is_noticed(journal: Hostile, day: Day) -> None:
    summary_of(journal, 1).extend(line("4000", "0", "1") for _ in range(15))

    def short(path: str, number: int, body: bytes) -> bytes:
        body = exact(path, number, body)
        if path.endswith("1/summary") and number == 2:
            page = json.loads(body)
            return json.dumps(page | {"data": page["data"][:-1]}).encode()
        return body

    journal.spoil = short
    with pytest.raises(SourceKeepsMoving):
        journal_summary(day.client, FIRST, LAST, USD)


def test_what_cannot_be_kept_exactly_is_refused(journal: Hostile, day: Day) -> None:
    summary_of(journal, 1).append(line("4000", "0", "0.123456789"))
    with pytest.raises(BadAnswer, match="cannot be kept exactly"):
        journal_summary(day.client, FIRST, LAST, USD)
    journal.rows[LIST] = [entry(1, id=None)]
    with pytest.raises(BadAnswer):
        journal_summary(day.client, FIRST, LAST, USD)


def test_a_missing_scope_is_forbidden_and_no_entries_are_an_empty_table(journal: Hostile, day: Day) -> None:
    journal.rows[LIST] = []
    assert journal_summary(day.client, FIRST, LAST, USD).num_rows == 0
    assert journal_details(day.client, FIRST, LAST, USD).num_rows == 0
    journal.forbidden.add(LIST)
    with pytest.raises(Forbidden):
        journal_summary(day.client, FIRST, LAST, USD)


def test_paths_parameters_scope_and_fields_are_published(specs: Path) -> None:
    document = _document(specs, "accounting")
    for path, model in ((LIST, JournalEntry), (f"{LIST}/{{id}}/summary", JournalEntrySummary),
                        (f"{LIST}/{{id}}/details", JournalEntryDetails)):  # fmt: skip
        operation = _operation(specs, "accounting", path)
        published = {parameter["name"] for parameter in operation["parameters"]}
        sent = {"page", "pageSize", "includeTotal"}
        sent |= {"transactionPostedFrom", "transactionPostedTo", "sort"} if path == LIST else set()
        assert sent <= published
        assert [scope for one in operation["security"] for scope in one.get("oauth", ())] == [SCOPE]
        row = _row_schema(document, operation)
        assert set(model.__struct_encode_fields__) <= set(row["properties"])
    lines = _row_schema(document, _operation(specs, "accounting", f"{LIST}/{{id}}/details"))["properties"]
    for amount in ("debit", "credit"):
        assert (lines[amount]["type"], lines[amount]["format"]) == ("number", "decimal")
    transaction, _ = _resolved(document, lines["transaction"])
    types, _ = _resolved(document, transaction["properties"]["type"])
    assert {"Invoice", "Payment", "Bill"} <= set(types["enum"])
