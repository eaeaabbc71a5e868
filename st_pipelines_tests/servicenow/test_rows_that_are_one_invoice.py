"""Rows of ServiceNow as documents: one supplier, number and type is one document, whatever rows it has and in whatever
order they come; what contradicts each other is never chosen from.
"""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.documents.keys import coded, first_of, fitting
from st_pipelines.systems.servicenow.invoice_documents import not_told, supplier_invoices
from st_pipelines.systems.servicenow.invoice_rows import identity, unfit
from st_pipelines.systems.servicenow.invoice_tables import SCHEMAS

SHOWN = {"approved": "Approved", "canceled": "Canceled", "paid": "Paid", "new": "New", "processed": "Processed",
         "failed": "Failed", "in_process": "In process"}  # fmt: skip
NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)


def row(number: int, amount: str = "100.00", **changed: Any) -> dict[str, Any]:
    """``INVC<number>``, an approved row of F1 from PS0001 with one line of the same amount."""
    made = {
        "id": f"{number:0>32x}", "modified_on": NOON + timedelta(minutes=number), "number": f"INVC{number:07}",
        "state": "approved", "kind": "invoice", "supplier": "PS0001", "supplier_invoice_number": "F1",
        "invoice_date": date(2026, 10, 5), "due_date": None, "currency": "USD", "amount": Decimal(amount),
        "tax": Decimal(0), "freight": Decimal(0), "order": "", "legal_entity": "10USACO", "submission": "",
        "submitted": "", "voucher": "", "message": "",
    } | changed  # fmt: skip
    made["identity"] = identity(made["supplier"], made["supplier_invoice_number"], made["kind"])
    made["shown_state"] = SHOWN[made["state"]]
    made["submission"] = made["submission"] or made["id"]
    return made


def broken(number: int, reason: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in row(number, **changed).items()
            if name in SCHEMAS["invoices_unreadable"].names} | {"reason": reason}  # fmt: skip


def documents(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    whole = [one for one in rows if "reason" not in one]
    lines = [
        {"id": f"l{one['id']}", "invoice": one["id"], "modified_on": NOON, "line_number": "1", "description": "Work",
         "currency": one["currency"], "quantity": Decimal(1), "unit_price": one["amount"], "amount": one["amount"],
         "tax": Decimal(0), "order": "", "order_line": "", "order_currency": "", "cost_center": "1100",
         "gl_account": "5000"}
        for one in whole
    ]  # fmt: skip
    tables = {
        "invoices": whole,
        "invoice_lines": lines,
        "invoices_unreadable": [one for one in rows if "reason" in one],
    }
    headers, made = supplier_invoices(
        {name: pa.Table.from_pylist(of, SCHEMAS[name]) for name, of in tables.items()}, "demo"
    )
    found = headers.to_pylist()
    for one in found:
        one["lines"] = [line["amount"] for line in made.to_pylist() if line["doc_key"] == one["doc_key"]]
    return found


def test_the_same_content_twice_is_one_document_made_of_the_first_row() -> None:
    (one,) = documents(row(2), row(1))
    assert (one["doc_key"], one["number"], one["conflict"]) == ("SN:demo:invoice:F1-PS0001-invoice", "INVC0000001", "")
    assert one["lines"] == [Decimal("100.00")]
    assert one["modified_on"] == NOON + timedelta(minutes=2), "the newest that is known of it"


def test_rows_that_differ_are_a_conflict_that_names_them_all() -> None:
    (one,) = documents(row(1), row(2, "120.00"))
    assert one["conflict"] == "INVC0000001 of 100.00 USD and INVC0000002 of 120.00 USD are all to be posted, and differ"


def test_a_row_that_was_closed_no_longer_counts() -> None:
    (one,) = documents(row(1, state="canceled"), row(2, "120.00"))
    assert (one["conflict"], one["amount"], one["eligibility"]) == ("", Decimal("120.00"), "")


def test_without_a_row_to_be_posted_the_newest_says_why() -> None:
    (one,) = documents(row(1, state="canceled"), row(2, state="failed", message="blocked"))
    assert one["eligibility"] == "Failed in ServiceNow (INVC0000002): blocked"
    assert one["unreadable"] == ""


def test_of_several_submissions_of_one_row_the_last_counts() -> None:
    (one,) = documents(row(1, submission="a", submitted="2026-10-06 12:00:00", state="processed", voucher="17"),
                       row(2, "140.00", submission="a", submitted="2026-10-07 12:00:00", state="new"))  # fmt: skip
    assert (one["amount"], one["conflict"], one["stands_as"]) == (Decimal("140.00"), "", "")


@pytest.mark.parametrize(("changed", "said"), [
    ({"voucher": "17"}, "17"), ({"state": "paid"}, "state Paid"), ({"state": "paid", "voucher": "17"}, "17"), ({}, ""),
    ({"state": "in_process"}, ""), ({"state": "processed"}, "state Processed"),
])  # fmt: skip
def test_what_the_row_says_of_the_books(changed: dict[str, str], said: str) -> None:
    (one,) = documents(row(1, **changed))
    assert one["stands_as"] == said


def test_one_row_that_cannot_be_read_holds_the_invoice_with_its_reason() -> None:
    (one,) = documents(row(1), broken(2, "invoice_amount: is empty"))
    assert one["unreadable"] == "INVC0000002: invoice_amount: is empty"


def test_a_row_without_identity_is_held_by_itself() -> None:
    found = documents(row(1), broken(2, "supplier_invoice_number: is empty", supplier_invoice_number=""))
    assert [one["doc_key"] for one in found] == ["SN:demo:invoice:F1-PS0001-invoice", f"SN:demo:invoice_row:{2:0>32x}"]


@pytest.mark.parametrize("amount", ["100.00", "-100.00"])
def test_a_credit_memo_is_negative_whichever_sign_it_has(amount: str) -> None:
    (one,) = documents(row(1, amount, kind="credit_memo"))
    assert (one["amount"], one["lines"]) == (Decimal("-100.00"), [Decimal("-100.00")])


def test_what_is_not_told_yet_is_named() -> None:
    rows = [row(1, voucher="17"), row(2, supplier_invoice_number="F2"), row(3, state="canceled")]
    tables = {"invoices": pa.Table.from_pylist(rows, SCHEMAS["invoices"])}
    assert not_told(tables, "demo") == ["SN:demo:invoice:F2-PS0001-invoice"]


STATES = st.sampled_from(["approved", "paid", "canceled"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(STATES, st.sampled_from(["100.00", "120.00"]), st.sampled_from(["F1", "F2"])), max_size=6),
       st.randoms(use_true_random=False))  # fmt: skip
def test_the_order_of_rows_decides_nothing_and_no_identity_is_lost(
    given_rows: list[tuple[str, str, str]], rng: random.Random
) -> None:
    rows = [row(place, amount, state=state, supplier_invoice_number=number)
            for place, (state, amount, number) in enumerate(given_rows, start=1)]  # fmt: skip
    shuffled = rng.sample(rows, len(rows))
    assert documents(*rows) == documents(*shuffled)
    assert {one["supplier_reference"] for one in documents(*rows)} == {one["supplier_invoice_number"] for one in rows}
    for one in documents(*rows):
        own = [other for other in rows if other["supplier_invoice_number"] == one["supplier_reference"]]
        live = {other["amount"] for other in own if other["state"] != "canceled"}
        assert bool(one["conflict"]) == (len(live) > 1)


TEXT = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")), min_size=1,
               max_size=100)  # fmt: skip


@given(TEXT, TEXT)
def test_the_number_or_its_beginning_is_read_back_from_the_identity(number: str, supplier: str) -> None:
    found, whole = first_of(identity(supplier, number, "invoice"))
    assert (found == number) if whole else (number.startswith(found) and bool(found))


@given(TEXT, TEXT, TEXT, TEXT)
def test_identities_meet_only_where_supplier_and_number_do(one: str, two: str, three: str, four: str) -> None:
    assert (identity(one, two, "invoice") == identity(three, four, "invoice")) == ((one, two) == (three, four))
    assert identity(one, two, "invoice") == fitting(coded(two, one, "invoice"))


@given(st.text(min_size=1, max_size=100))
def test_what_no_query_can_name_is_told_before(number: str) -> None:
    from st_pipelines.systems.servicenow.query import Columns, UnfitValue, equals

    column = Columns("t", ["n"])["n"]
    try:
        equals(column, number)
    except UnfitValue:
        assert unfit(number)
        assert identity("PS0001", number, "invoice") == "", "such a row is held by itself"
