"""What ServiceTitan may have wrong in a document: it is held with the exact missing thing and its cure, the rest of the
day is posted, and once it is mended the document goes through, once.

All of it happens on one day of one company; the tests look at what came of each case. How each single hold comes about
is in ``mapping/test_every_hold.py``, what a record may have wrong in
``servicetitan/test_one_bad_record_costs_no_page``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines_tests.integrations.company import LATE, Company, Record, copied_mappings, edit, started

RUN = ("run", "--from", LATE.isoformat(), "--to", LATE.isoformat())


def key(record: Record, kind: str = "invoice") -> str:
    return f"ST:1234567:{kind}:{record['id']}"


@dataclass
class Case:
    """``words``: code, missing thing and cure that a person must read. ``cure``: fields that are right."""

    wrong: Record
    words: tuple[str, ...]
    cure: Record = field(default_factory=dict)
    record: Record = field(default_factory=dict)


# Applied to a new invoice of business unit 103, one line at 100.00, not taxed.
CASES = {
    "business unit": Case(
        {"businessUnit": {"id": 177, "name": "Roofing"}},
        ("business_unit.no_row", "business_unit_id=177", "Add a row to business_units.csv"),
    ),
    "account without a row": Case(
        {"items": {"type": "Subscription"}},
        ("gl_account.no_row", "item_type=Subscription", "Add a row to invoice_accounts.csv"),
    ),
    "account unknown to QAD": Case(
        {"items": {"type": "Diagnostic"}},
        ("gl_account.unknown", "gl_account=4777", "Create GL account 4777 in the target, or correct it in"),
    ),
    "sync status": Case(
        {"syncStatus": "Archived"}, ("unreadable", "unknown syncStatus Archived", "Correct"), {"syncStatus": "Posted"}
    ),
    "lines and subtotal": Case(
        {"subTotal": "90.00"}, ("unbalanced", "100.00", "90.00", "Correct the amounts"), {"subTotal": "100.00"}
    ),
    "subtotal, tax and total": Case(
        {"total": "109.99"}, ("unbalanced", "100.00", "109.99", "Correct the amounts"), {"total": "100.00"}
    ),
    "amount that is none": Case({"salesTax": "1e2"}, ("unreadable", "salesTax", "Correct"), {"salesTax": "0.00"}),
    "no list of items": Case({"items": "none"}, ("unreadable", "items", "Correct")),
    "no date": Case({"invoiceDate": "2026-02-30T00:00:00Z"}, ("unreadable", "invoiceDate", "Correct"),
                    {"invoiceDate": "2026-11-02T00:00:00Z"}),
}  # fmt: skip


@dataclass
class Told:
    """What happened on the day: ``holds`` as ``holds list --json`` has them, by document."""

    run: Any
    holds: dict[str, Any]
    screen: str
    sound: Record
    foreign: Record
    live: dict[str, Decimal]


@pytest.fixture(scope="module")
def company(posted_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("bad")
    mappings = copied_mappings(folder / "mappings")
    edit(mappings / "demo_qad" / "invoice_accounts.csv", lambda text: text + ",,Diagnostic,,4777\n")
    # A mark moves modifiedOn: documents of other days would be read with this one, in the new currency of their unit.
    edit(mappings / "demo_qad" / "integration.yaml", lambda text: text.replace("mark_exported: true",
                                                                               "mark_exported: false"))  # fmt: skip
    with started(folder / "home", copied_from=posted_month, mappings=mappings) as opened:
        yield opened


def new_invoice(company: Company, unit: int = 103, price: str = "100.00") -> Record:
    line = {"type": "Service", "quantity": "1", "price": price}
    return company.business("add_invoice", business_unit_id=unit, lines=[line])[0]


def change(company: Company, record: Record, fields: Record) -> Record:
    """``items`` as an object changes the one line that the invoice has."""
    given = dict(fields)
    if isinstance(given.get("items"), dict):
        given["items"] = [{**record["items"][0], **given["items"]}]
    return company.business("set_fields", entity="invoices", record_id=record["id"], fields=given)[0]


@pytest.fixture(scope="module")
def told(company: Company) -> Told:
    for case in CASES.values():
        case.record = new_invoice(company)
        case.cure = {name: case.record[name] for name in case.wrong} | case.cure
        change(company, case.record, case.wrong)
    sound = new_invoice(company, price="55.00")
    foreign = new_invoice(company, unit=105, price="70.00")
    company.business("set_fields", entity="business_units", record_id=105, fields={"currency": "CAD"})
    garbled = {"action": "garble", "count": 1, "match": {"path": "/accounting/v2/.*/invoices$", "query": "page=1"}}
    company.arm("servicetitan", garbled)
    ran = company.here(*RUN, "--json")
    assert company.disarm() == {"servicetitan garble": 1}, ran
    listed = company.here("holds", "list", "--json")
    assert listed.code == 1
    return Told(ran, {one["document"]: one for one in listed.json}, company.here("holds", "list").out, sound, foreign,
                company.live())  # fmt: skip


def test_what_is_right_is_posted_beside_what_is_not_even_from_a_page_that_came_garbled(told: Told) -> None:
    assert told.live[key(told.sound)] == Decimal("55.00")
    assert told.run.code == 1, "done, but something is held"
    assert len(told.holds) == len(CASES) + 1


@pytest.mark.parametrize("name", CASES)
def test_the_document_is_held_and_its_reason_names_what_is_missing_and_what_to_do(told: Told, name: str) -> None:
    case = CASES[name]
    held = told.holds[key(case.record)]
    said = f"{held['code']} {held['reason']}"
    for words in case.words:
        assert words in said, said
    assert key(case.record) not in told.live and not held["releasable"]
    assert case.words[0] in " ".join(told.screen.split())


def test_a_foreign_currency_is_held_with_its_code(told: Told) -> None:
    held = told.holds[key(told.foreign)]
    assert held["code"] == "currency.unknown" and held["currency"] == "CAD"
    assert "currency=CAD" in held["reason"] and "Add CAD to options.currencies in integration.yaml" in held["reason"]


def test_mended_in_the_source_or_in_the_tables_everything_goes_through_once(company: Company, told: Told) -> None:
    folder = company.mappings / "demo_qad"
    for name, case in CASES.items():
        if name not in ("business unit", "account without a row", "account unknown to QAD"):
            change(company, company.record("invoices", case.record["id"]), case.cure)
    edit(folder / "business_units.csv", lambda text: text + "177,Roofing,10USA,10USACO,2100,01,,\n")
    edit(folder / "invoice_accounts.csv", lambda text: text.replace("4777", "4000") + ",,Subscription,,4000\n")
    edit(folder / "integration.yaml", lambda text: text.replace("  currency: USD\n",
                                                                "  currency: USD\n  currencies: [CAD]\n"))  # fmt: skip
    ran = company.here(*RUN, "--json")
    assert ran.code == 0 and ran.json["sent"] == len(CASES) + 1, (ran, company.held())
    live = company.live()  # fails where anything stands twice
    for case in CASES.values():
        assert live[key(case.record)] == Decimal("100.00")
        assert company.postings(key(case.record)) == [("create", "posted", key(case.record))]
    assert live[key(told.foreign)] == Decimal("70.00")
    (voucher,) = [one for one in company.records("qad", "customer_invoices") if one["customLong0"] == key(told.foreign)]
    assert voucher["currencyCode"] == "CAD"
    assert company.here(*RUN, "--json").json["sent"] == 0
    listed = company.here("holds", "list")
    assert (listed.code, listed.out.strip()) == (0, "Nothing is held.")
    company.require_proof()
