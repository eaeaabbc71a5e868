"""Payments, refunds, allocations, voids: open balances and the ledger follow to the cent."""

from decimal import Decimal
from typing import Any

import pytest

from st_pipelines_tests.sandbox.qad_client import KEYS, Qad, day, invoice, line, payment, to


@pytest.fixture
def customer(qad: Qad) -> str:
    return str(qad.customer()["customerCode"])


def make(qad: Qad, customer: str, amount: str, kind: str = "Invoice") -> dict[str, Any]:
    credit = kind == "Credit Note"
    lines = [line("4000", amount, debit=credit, centre="1100", sub="01")]
    daybook = "ARCRN" if credit else "ARINV"
    return qad.create(
        "customerInvoices", **invoice(customer, amount, invoiceType=kind, daybookCode=daybook, postingLines=lines)
    )


def balance(qad: Qad, document: dict[str, Any]) -> Decimal:
    held = qad.read("customerInvoices", **{key: document[key] for key in KEYS["customerInvoices"]})
    assert held is not None
    return Decimal(held["balanceTC"])


def cash(qad: Qad) -> Decimal:
    rows = [row for row in qad.state("gl_entries") if row["glCode"] == "1030"]
    return sum((row["amountTC"] if row["isDebit"] else -row["amountTC"] for row in rows), Decimal(0))


def fields(answer: Any) -> list[str]:
    errors = answer["submitResult"]["errors"] if isinstance(answer, dict) else answer
    return [error["fieldName"] for error in errors]


def test_a_payment_settles_several_invoices_and_keeps_the_rest_on_account(qad: Qad, customer: str) -> None:
    one, two = make(qad, customer, "100.10"), make(qad, customer, "50.00")
    paid = qad.create("customerPayments", **payment(customer, "130.00", [to(one, "100.10"), to(two, "20.00")]))
    assert paid["unallocatedAmountTC"] == Decimal("9.90") and paid["voucherNumber"] == 1
    assert (balance(qad, one), balance(qad, two)) == (0, Decimal("30.00"))
    assert cash(qad) == Decimal("130.00")


def test_later_allocations_come_as_an_update(qad: Qad, customer: str) -> None:
    one = make(qad, customer, "100.00")
    paid = qad.create("customerPayments", **payment(customer, "60.00", []))
    changed = qad.update("customerPayments", {**paid, "allocations": [to(one, "60.00")]})
    assert changed["customerPayments"][0]["unallocatedAmountTC"] == 0 and balance(qad, one) == Decimal("40.00")
    back = qad.update("customerPayments", {**changed["customerPayments"][0], "allocations": [to(one, "10.00")]})
    assert back["submitResult"]["success"] is True and balance(qad, one) == Decimal("90.00")
    assert cash(qad) == Decimal("60.00")


@pytest.mark.parametrize(
    ("amount", "parts", "field"),
    [
        ("200.00", ["100.01"], "Allocations"),
        ("99.00", ["99.01"], "Allocations"),
        ("200.00", ["60.00", "60.00"], "Allocations"),
        ("10.00", ["-5.00"], "Allocations"),
        ("10.00", ["0.00"], "AmountTC"),
        ("10.00", ["1.001"], "AmountTC"),
        ("-10.00", [], "AmountTC"),
        ("0.00", [], "AmountTC"),
    ],
)
def test_allocations_stay_within_the_payment_and_the_open_balance(
    qad: Qad, customer: str, amount: str, parts: list[str], field: str
) -> None:
    one = make(qad, customer, "100.00")
    errors = qad.refused("customerPayments", **payment(customer, amount, [to(one, part) for part in parts]))
    assert field in fields(errors)
    assert balance(qad, one) == Decimal("100.00") and cash(qad) == 0 and qad.state("customer_payments") == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bankGLCode": "4000"}, "BankGLCode"), ({"bankGLCode": "9999"}, "BankGLCode"),
        ({"bankGLCode": ""}, "BankGLCode"),
        ({"daybookCode": "ARINV"}, "DaybookCode"), ({"customerCode": "NOBODY"}, "CustomerCode"),
        ({"postingDate": day("2026-08-01")}, "PostingDate"), ({"paymentType": "Gift"}, "PaymentType"),
        ({"paymentStatus": "Odd"}, "PaymentStatus"), ({"paymentStatus": "Voided"}, "PaymentStatus"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_field(qad: Qad, customer: str, changes: dict[str, Any], field: str) -> None:
    assert fields(qad.refused("customerPayments", **{**payment(customer, "10.00", []), **changes})) == [field]
    assert cash(qad) == 0


def test_another_customers_invoice_or_none_cannot_be_paid(qad: Qad, customer: str) -> None:
    other = make(qad, str(qad.customer()["customerCode"]), "100.00")
    assert fields(qad.refused("customerPayments", **payment(customer, "10.00", [to(other, "10.00")]))) == [
        "CustomerCode"
    ]
    absent = {**to(other, "10.00"), "voucherNumber": 99}
    assert fields(qad.refused("customerPayments", **payment(customer, "10.00", [absent]))) == ["VoucherNumber"]


def test_a_discount_has_no_account_here(qad: Qad, customer: str) -> None:
    part = {**to(make(qad, customer, "100.00"), "10.00"), "discountTC": Decimal("1.00")}
    assert fields(qad.refused("customerPayments", **payment(customer, "10.00", [part]))) == ["DiscountTC"]


def test_a_refund_pays_out(qad: Qad, customer: str) -> None:
    credit = make(qad, customer, "30.00", "Credit Note")
    refund = payment(customer, "25.00", [to(credit, "25.00")], paymentType="Refund")
    assert qad.create("customerPayments", **refund)["unallocatedAmountTC"] == 0
    assert balance(qad, credit) == Decimal("5.00") and cash(qad) == Decimal("-25.00")


def test_a_refund_can_open_a_paid_invoice_again_but_not_beyond_what_was_paid(qad: Qad, customer: str) -> None:
    one = make(qad, customer, "100.00")
    qad.create("customerPayments", **payment(customer, "80.00", [to(one, "80.00")]))
    too_much = payment(customer, "81.00", [to(one, "81.00")], paymentType="Refund")
    assert "Allocations" in fields(qad.refused("customerPayments", **too_much))
    qad.create("customerPayments", **payment(customer, "30.00", [to(one, "30.00")], paymentType="Refund"))
    assert balance(qad, one) == Decimal("50.00") and cash(qad) == Decimal("50.00")


def test_a_credit_note_can_be_set_against_an_invoice(qad: Qad, customer: str) -> None:
    one, credit = make(qad, customer, "100.00"), make(qad, customer, "30.00", "Credit Note")
    qad.create("customerPayments", **payment(customer, "0.00", [to(one, "30.00"), to(credit, "-30.00")]))
    assert (balance(qad, one), balance(qad, credit)) == (Decimal("70.00"), 0) and cash(qad) == 0


def test_a_void_takes_everything_back(qad: Qad, customer: str) -> None:
    one = make(qad, customer, "100.00")
    paid = qad.create("customerPayments", **payment(customer, "100.00", [to(one, "100.00")]))
    void = qad.update("customerPayments", {**paid, "paymentStatus": "Voided"})["customerPayments"][0]
    assert (void["paymentStatus"], void["allocations"], void["amountTC"]) == ("Voided", [], Decimal("100.00"))
    assert balance(qad, one) == Decimal("100.00") and cash(qad) == 0
    reversal = [row for row in qad.state("gl_entries") if row["isReversal"]]
    assert {row["postingDate"] for row in reversal} == {day("2026-10-06")} and len(reversal) == 2
    assert fields(qad.update("customerPayments", {**void, "paymentStatus": "Paid"})) == ["PaymentStatus"]


def test_a_void_in_a_closed_period_needs_a_date_of_its_own(qad: Qad, customer: str) -> None:
    paid = qad.create("customerPayments", **payment(customer, "100.00", []))
    period = qad.read("glPeriods", entityCode="10USACO", year=2026, period=10)
    assert period is not None
    qad.update("glPeriods", {**period, "isOpen": False})
    assert fields(qad.update("customerPayments", {**paid, "paymentStatus": "Voided"})) == ["PostingDate"]
    answer = qad.update("customerPayments", {**paid, "paymentStatus": "Voided", "voidDate": day("2026-11-02")})
    assert answer["submitResult"]["success"] is True
    assert {row["postingDate"] for row in qad.state("gl_entries") if row["isReversal"]} == {day("2026-11-02")}


def test_a_void_that_would_push_an_invoice_over_its_amount_is_refused(qad: Qad, customer: str) -> None:
    one = make(qad, customer, "100.00")
    paid = qad.create("customerPayments", **payment(customer, "100.00", [to(one, "100.00")]))
    qad.create("customerPayments", **payment(customer, "100.00", [to(one, "100.00")], paymentType="Refund"))
    assert "Allocations" in fields(qad.update("customerPayments", {**paid, "paymentStatus": "Voided"}))
    assert balance(qad, one) == Decimal("100.00")


def test_amount_bank_and_date_of_a_payment_stay(qad: Qad, customer: str) -> None:
    paid = qad.create("customerPayments", **payment(customer, "100.00", []))
    for field, value in (("amountTC", Decimal("1.00")), ("bankGLCode", "1010"), ("postingDate", day("2026-10-07"))):
        assert fields(qad.update("customerPayments", {**paid, field: value})) == [field[0].upper() + field[1:]]


def test_paying_an_invoice_changes_its_hash(qad: Qad, customer: str) -> None:
    one = make(qad, customer, "100.00")
    qad.create("customerPayments", **payment(customer, "1.00", [to(one, "1.00")]))
    assert qad.update("customerInvoices", {**one, "description": "x"})["submitResult"]["errors"][0]["code"] == "4001"
