"""Approved supplier invoices on their accounts: exact to the cent, received goods by order line, what is final."""

from datetime import date
from decimal import Decimal

from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from st_pipelines.documents.bill import Bill, OrderMatch, cover_key
from st_pipelines.documents.mapped import ControlLine
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines_tests.mapping import given, given_approved

CENTS = st.decimals(Decimal("-9999"), Decimal("9999"), places=2)


def test_a_coded_line_takes_its_sub_account_from_the_legal_entity() -> None:
    document = given.only(given_approved.mapped([given_approved.invoice()], [given_approved.line()]))
    assert isinstance(document.payload, Bill)
    (line,) = document.payload.lines
    assert (line.gl_account, line.cost_center, line.sub_account, line.amount) == (
        "5000",
        "1100",
        "01",
        Decimal("100.00"),
    )
    assert (document.payload.supplier_code, document.payload.supplier_reference) == ("PS0001", "F1")
    assert (document.needs, document.is_final, document.stands_as) == ((), True, "")
    assert document.control == (
        ControlLine("10USACO", "2000", "", -10000),
        ControlLine("10USACO", "5000", "1100", 10000),
    )


def test_a_line_of_an_order_takes_its_goods_and_the_invoice_waits_for_them() -> None:
    of_order = given_approved.line(order="PR000001", order_line="2", gl_account="", cost_center="")
    document = given.only(given_approved.mapped([given_approved.invoice()], [of_order]))
    assert isinstance(document.payload, Bill)
    (line,) = document.payload.lines
    assert (line.kind, line.gl_account, line.cost_center) == ("matched", "2100", "")
    assert document.payload.matches == (OrderMatch(1, "PR000001", "2", Decimal(2), Decimal(50)),)
    assert document.needs == (cover_key(document.doc_key),)


def test_tax_and_freight_go_where_the_table_says() -> None:
    charged = given_approved.invoice(tax_amount=Decimal("8.25"), freight_amount=Decimal("5"), amount=Decimal("113.25"))
    document = given.only(given_approved.mapped([charged], [given_approved.line()]))
    assert isinstance(document.payload, Bill)
    assert [(line.kind, line.gl_account, line.amount) for line in document.payload.lines] == [
        ("expense", "5000", Decimal("100.00")), ("tax", "5300", Decimal("8.25")), ("freight", "5200", Decimal("5.00")),
    ]  # fmt: skip


def test_what_is_not_to_be_posted_need_not_be_complete() -> None:
    canceled = given_approved.invoice(eligibility="Canceled in ServiceNow (INVC1)", amount=None, invoice_date=None,
                                      currency="", business_unit="", unreadable="invoice_amount: is empty")  # fmt: skip
    document = given.only(given_approved.mapped([canceled], []))
    assert (document.disposition, document.reason) == ("not_eligible", "Canceled in ServiceNow (INVC1)")
    assert document.business_date == date(2026, 10, 6)


def test_what_the_source_calls_posted_is_passed_on() -> None:
    document = given.only(given_approved.mapped([given_approved.invoice(stands_as="4711")], [given_approved.line()]))
    assert (document.disposition, document.stands_as) == ("ready", "4711")


@settings(deadline=None, max_examples=60)
@examples(st.lists(st.lists(st.tuples(CENTS, st.booleans()), min_size=1, max_size=4), max_size=4), CENTS)
def test_every_invoice_comes_out_once_and_balances_to_the_cent(
    invoices: list[list[tuple[Decimal, bool]]], tax: Decimal
) -> None:
    documents, lines = [], []
    for number, amounts in enumerate(invoices):
        total = sum((amount for amount, _ in amounts), tax)
        documents.append(given_approved.invoice(number, amount=total, tax_amount=tax))
        lines += [
            given_approved.line(number, place, amount=amount,
                                **({"order": "PR1", "order_line": str(place)} if of_order else {}))
            for place, (amount, of_order) in enumerate(amounts, start=1)
        ]  # fmt: skip
    found = list(mapped_documents(given_approved.mapped(documents, lines)))
    assert [one.doc_key for one in found] == sorted(one["doc_key"] for one in documents)
    for one in found:
        assert one.disposition == ("ready" if one.total else "nothing_to_post")
        if isinstance(one.payload, Bill):
            assert sum(line.amount for line in one.payload.lines) == one.total
            assert sum(line.amount_minor for line in one.control) == 0
            matched = [line.sequence for line in one.payload.lines if line.kind == "matched"]
            assert [match.sequence for match in one.payload.matches] == matched
            assert (cover_key(one.doc_key) in one.needs) == bool(matched)
