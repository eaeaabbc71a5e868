"""What holds for every day of documents, whatever is in it: nothing lost, balanced, exact to the cent, and the order of
rows decides nothing."""

import random
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st

from st_pipelines.documents.bill import Bill
from st_pipelines.documents.frames import (
    APPLICATION_SOURCE,
    BILL_LINE_SOURCE,
    BILL_SOURCE,
    INVOICE_LINE_SOURCE,
    INVOICE_SOURCE,
    PARTY_SOURCE,
    PAYMENT_SOURCE,
)
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.mapped import DISPOSITIONS, MappedDocument
from st_pipelines.documents.money import to_minor
from st_pipelines.documents.payment import Payment
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines_tests.mapping import given

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

CENTS = st.decimals(-99999, 99999, places=2)
FINE = st.decimals(-999, 999, places=4)
UNIT = st.sampled_from(["101", "102", "106", "107", ""])
WRONG = st.sampled_from([Decimal(0)] * 6 + [Decimal("0.01"), Decimal("-1")])


def sometimes(usual: Any, *odd: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 8 + list(odd))


@st.composite
def header(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "is_active": draw(sometimes(True, False, None)), "eligibility": draw(sometimes("", "pending")),
        "unreadable": draw(sometimes("", "bad field")), "currency": draw(sometimes("USD", "", "EUR")),
        "business_unit": draw(UNIT),
    }  # fmt: skip


@st.composite
def invoice_day(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    documents, lines = [], []
    for number in range(draw(st.integers(0, 5))):
        items = [
            given.item(number, place, amount=draw(st.one_of(CENTS, CENTS, FINE, st.just(Decimal(0)))),
                       item_type=draw(sometimes("Service", "Material", "Odd")),
                       business_unit=draw(sometimes("", "101", "106", "107")))
            for place in range(1, 1 + draw(st.integers(0, 4)))
        ]  # fmt: skip
        sub_total = sum((item["amount"] for item in items), Decimal(0))
        tax = draw(st.sampled_from([Decimal(0), Decimal("8.25"), Decimal("-3.30")]))
        documents.append(given.invoice(number, sub_total=sub_total, tax_amount=tax, total=sub_total + tax + draw(WRONG),
                                       tax_zone=draw(sometimes("301", "", "999")),
                                       invoice_date=draw(sometimes(date(2026, 10, 5), None)))
                         | draw(header()))  # fmt: skip
        lines += items
    return documents, lines


@st.composite
def payment_day(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    documents, lines = [], []
    for number in range(draw(st.integers(0, 5))):
        applied = [
            given.application(number, place, amount=draw(CENTS), invoice_key=given.key("invoice", place))
            for place in range(1, 1 + draw(st.integers(0, 3)))
        ]
        unapplied = draw(sometimes(Decimal(0), Decimal("5.50"), Decimal("0.001")))
        amount = sum((one["amount"] for one in applied), unapplied) + draw(WRONG)
        refunds = given.key("payment", 99) if amount < 0 else ""
        documents.append(given.payment(number, amount=amount, unapplied=unapplied,
                                       refunds_key=draw(sometimes(refunds, "")),
                                       payment_type=draw(sometimes("502", "599"))) | draw(header()))  # fmt: skip
        lines += applied
    return documents, lines


@st.composite
def bill_day(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    documents, lines = [], []
    for number in range(draw(st.integers(0, 5))):
        items = [
            given.bill_item(number, place, quantity=draw(st.decimals(-50, 50, places=2)),
                            unit_cost=draw(st.decimals(0, 500, places=4)))
            for place in range(1, 1 + draw(st.integers(0, 4)))
        ]  # fmt: skip
        charges = {name: draw(st.sampled_from([Decimal(0), Decimal("6.60")]))
                   for name in ("tax_amount", "freight_amount", "other_amount")}  # fmt: skip
        total = sum((one["quantity"] * one["unit_cost"] for one in items), Decimal(0)) + sum(charges.values())
        documents.append(given.bill(number, amount=total + draw(WRONG), **charges) | draw(header()))
        lines += items
    return documents, lines


DAYS = {
    "invoices": (invoice_day(), given.invoices, INVOICE_SOURCE, INVOICE_LINE_SOURCE),
    "payments": (payment_day(), given.payments, PAYMENT_SOURCE, APPLICATION_SOURCE),
    "bills": (bill_day(), given.bills, BILL_SOURCE, BILL_LINE_SOURCE),
}


def every_flow() -> st.SearchStrategy[tuple[str, Any]]:
    return st.one_of(*(st.tuples(st.just(flow), day) for flow, (day, *_) in DAYS.items()))


def mapped(flow: str, day: Any) -> list[MappedDocument]:
    return list(mapped_documents(DAYS[flow][1](*day)))


@SLOW
@examples(every_flow())
def test_each_document_comes_out_once_with_one_disposition_and_its_reason(drawn: tuple[str, Any]) -> None:
    flow, day = drawn
    found = mapped(flow, day)
    assert [one.doc_key for one in found] == sorted(one["doc_key"] for one in day[0])
    for one in found:
        assert one.disposition in DISPOSITIONS
        assert (one.hold is not None) == (one.disposition == "held")
        assert bool(one.reason) == (one.disposition in ("nothing_to_post", "not_eligible", "void"))
        if one.disposition == "ready":
            assert one.payload is not None
            assert one.company in ("10USA_10USACO", "10USA_20USACO")


@SLOW
@examples(every_flow())
def test_what_is_ready_balances_to_the_cent(drawn: tuple[str, Any]) -> None:
    flow, day = drawn
    given_totals = {one["doc_key"]: one.get("total", one.get("amount")) for one in day[0]}
    for one in mapped(flow, day):
        assert sum(line.amount_minor for line in one.control) == 0
        if one.disposition != "ready":
            continue
        assert abs(one.total - given_totals[one.doc_key]) <= Decimal("0.005")
        match one.payload:
            case Invoice() | Bill() as document:
                assert sum(line.amount for line in document.lines) == document.total == one.total
                assert all(line.gl_account and line.amount for line in document.lines)
                left = sum(line.amount for line in document.lines if line.kind == "rounding")
                assert abs(left) <= given.OPTIONS.rounding_limit
            case Payment() as document:
                applied = sum(application.amount for application in document.applications)
                assert applied + document.unapplied == document.amount == one.total
            case other:
                raise AssertionError(other)
        assert (
            sum(line.amount_minor for line in one.control if line.amount_minor > 0)
            >= abs(to_minor(one.total, one.currency))
            or one.total == 0
        )


@SLOW
@examples(every_flow(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_rows_decides_nothing(drawn: tuple[str, Any], shuffled: random.Random) -> None:
    flow, (documents, lines) = drawn
    other = (shuffled.sample(documents, len(documents)), shuffled.sample(lines, len(lines)))
    assert mapped(flow, (documents, lines)) == mapped(flow, other)
    frames = DAYS[flow][1](documents, lines)
    assert frames.documents.equals(DAYS[flow][1](*other).documents)
    assert frames.lines.equals(DAYS[flow][1](*other).lines)


@SLOW
@examples(every_flow())
def test_mapping_a_day_in_parts_gives_the_same_as_mapping_it_whole(drawn: tuple[str, Any]) -> None:
    flow, (documents, lines) = drawn
    apart = [
        one
        for document in documents
        for one in mapped(flow, ([document], [line for line in lines if line["doc_key"] == document["doc_key"]]))
    ]
    assert sorted(apart, key=lambda one: one.doc_key) == mapped(flow, (documents, lines))


@SLOW
@examples(
    st.lists(
        st.fixed_dictionaries({
            "name": sometimes("Ada", "", "O'Brien & Söhne"), "is_active": sometimes(True, False),
            "unreadable": sometimes("", "bad"), "terms": sometimes("Net 30", "", "Net 99"),
            "tax_zone": sometimes("301", "", "999"), "tax_exempt": st.booleans(),
        }), max_size=4),
    st.sampled_from(["customer", "vendor"]), st.randoms(use_true_random=False),
)  # fmt: skip
def test_each_party_becomes_all_its_parts_with_one_disposition(
    changes: list[dict[str, Any]], role: str, shuffled: random.Random
) -> None:
    rows = [given.party(number, role, **changed) for number, changed in enumerate(changes)]
    found = list(mapped_documents(given.parties(rows)))
    parts = {"customer": ["", ":domain", ":relation"], "vendor": ["", ":relation"]}[role]
    assert [one.doc_key for one in found] == sorted(row["doc_key"] + part for row in rows for part in parts)
    for row in rows:
        assert len({one.disposition for one in found if one.doc_key.startswith(row["doc_key"])}) == 1
    assert found == list(mapped_documents(given.parties(shuffled.sample(rows, len(rows)))))
    assert given.table([], PARTY_SOURCE).num_rows == 0
