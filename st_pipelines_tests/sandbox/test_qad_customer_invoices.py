"""Customer invoices and credit notes: what is taken, what is refused by which field, and what the ledger then says."""

from decimal import Decimal
from typing import Any

import pytest

from st_pipelines_tests.sandbox.qad_client import KEYS, Qad, day, invoice, line


@pytest.fixture
def customer(qad: Qad) -> str:
    return str(qad.customer()["customerCode"])


def ledger(qad: Qad) -> list[tuple[str, Decimal]]:
    """Account and amount, debit positive, in the order of posting."""
    return [(row["glCode"], row["amountTC"] if row["isDebit"] else -row["amountTC"]) for row in qad.state("gl_entries")]


def fields(errors: list[dict[str, Any]]) -> list[str]:
    return [error["fieldName"] for error in errors]


def taxed(customer: str, **changes: Any) -> dict[str, Any]:
    """108.25 = 100.00 + 8.25 tax; the tax is among the lines, the control account too."""
    lines = [
        line("1200", "108.25", debit=True),
        line("4000", "120.00", debit=False, centre="1100", sub="01"),
        line("4900", "20.00", debit=True, centre="1100", sub="01"),
        line("2200", "8.25", debit=False),
    ]
    taxes = [{"taxCode": "TX825", "glCode": "2200", "taxAmountTC": Decimal("8.25")}]
    return invoice(customer, "108.25", postingLines=lines, taxes=taxes, isTaxable=True, **changes)


def test_numbers_are_exact_to_the_digit(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "1234567890123.10"))
    assert str(made["invoiceAmountTC"]) == "1234567890123.10" == str(made["postingLines"][0]["amountTC"])
    raw = qad.get("/api/erp/customerInvoices", {key: made[key] for key in KEYS["customerInvoices"]}).content
    assert b'"invoiceAmountTC":1234567890123.10' in raw


def test_counter_lines_get_their_control_line(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "100.10"))
    assert (made["voucherNumber"], made["postingYear"], made["postingPeriod"]) == (1, 2026, 10)
    assert made["balanceTC"] == Decimal("100.10") and made["dueDate"] == day("2026-11-04")
    assert (made["creditTermsCode"], made["invoiceStatusCode"]) == ("N30", "AR-ALLOC")
    assert ledger(qad) == [("1200", Decimal("100.10")), ("4000", Decimal("-100.10"))]


def test_a_whole_posting_with_discount_and_tax_is_taken_as_it_is(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **taxed(customer))
    assert [one["sequence"] for one in made["postingLines"]] == [1, 2, 3, 4] and made["taxes"][0]["sequence"] == 1
    assert ledger(qad) == [
        ("1200", Decimal("108.25")),
        ("4000", Decimal("-120.00")),
        ("4900", Decimal("20.00")),
        ("2200", Decimal("-8.25")),
    ]


def test_taxes_may_stand_apart_from_the_lines(qad: Qad, customer: str) -> None:
    lines = [line("4000", "100.00", debit=False, centre="1100", sub="01")]
    taxes = [{"taxCode": "TX825", "taxAmountTC": Decimal("8.25")}, {"taxCode": "EXEMPT", "taxAmountTC": 0}]
    qad.create("customerInvoices", **invoice(customer, "108.25", postingLines=lines, taxes=taxes))
    assert ledger(qad) == [("1200", Decimal("108.25")), ("4000", Decimal("-100.00")), ("2200", Decimal("-8.25"))]


def test_a_credit_note_is_positive_in_its_own_sense(qad: Qad, customer: str) -> None:
    credit = invoice(
        customer, "30.00", invoiceType="Credit Note", daybookCode="ARCRN",
        postingLines=[line("4000", "30.00", debit=True, centre="1100", sub="01")],
    )  # fmt: skip
    assert qad.create("customerInvoices", **credit)["balanceTC"] == Decimal("30.00")
    assert ledger(qad) == [("1200", Decimal("-30.00")), ("4000", Decimal("30.00"))]


@pytest.mark.parametrize("kind", ["Invoice", "Credit Note"])
def test_negative_and_zero_totals_are_refused(qad: Qad, customer: str, kind: str) -> None:
    for amount in ("-5.00", "0.00"):
        errors = qad.refused("customerInvoices", **invoice(customer, amount, invoiceType=kind))
        assert "InvoiceAmountTC" in fields(errors)
    assert qad.state("customer_invoices") == [] == qad.state("gl_entries")


SERVICE = {"centre": "1100", "sub": "01"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"customerCode": "NOBODY"}, "CustomerCode"),
        ({"customerCode": ""}, "CustomerCode"),
        ({"daybookCode": "XX"}, "DaybookCode"),
        ({"daybookCode": "ARCRN"}, "DaybookCode"),
        ({"invoiceType": "Bill"}, "InvoiceType"),
        ({"postingDate": day("2026-08-31")}, "PostingDate"),
        ({"postingDate": day("2031-01-01")}, "PostingDate"),
        ({"postingDate": "2026-10-05"}, "PostingDate"),
        ({"postingDate": day("2026-02-30")}, "PostingDate"),
        ({"creditTermsCode": "N99"}, "CreditTermsCode"),
        ({"invoiceStatusCode": "AP-GLALLOC"}, "InvoiceStatusCode"),
        ({"currencyCode": "XXX"}, "CurrencyCode"),
        ({"customLong0": "x" * 256}, "CustomLong0"),
        ({"postingLines": []}, "PostingLines"),
        ({"postingLines": [line("4711", "10.00", debit=False)]}, "GlCode"),
        ({"postingLines": [line("4999", "10.00", debit=False, **SERVICE)]}, "GlCode"),
        ({"postingLines": [line("2000", "10.00", debit=False)]}, "GlCode"),
        ({"postingLines": [line("4000", "10.00", debit=False, sub="01")]}, "CostCentreCode"),
        ({"postingLines": [line("4000", "10.00", debit=False, centre="7777", sub="01")]}, "CostCentreCode"),
        ({"postingLines": [line("4000", "10.00", debit=False, centre="9900", sub="01")]}, "CostCentreCode"),
        ({"postingLines": [line("2200", "10.00", debit=False, centre="1100")]}, "CostCentreCode"),
        ({"postingLines": [line("4000", "10.00", debit=False, centre="1100")]}, "SubAccountCode"),
        ({"postingLines": [line("2200", "10.00", debit=False, sub="01")]}, "SubAccountCode"),
        ({"postingLines": [line("4000", "9.99", debit=False, **SERVICE)]}, "PostingLines"),
        ({"postingLines": [line("4000", "10.00", debit=True, **SERVICE)]}, "PostingLines"),
        ({"postingLines": [line("4000", "-10.00", debit=True, **SERVICE)]}, "AmountTC"),
        ({"postingLines": [line("4000", "10.001", debit=False, **SERVICE)]}, "AmountTC"),
        ({"invoiceAmountTC": Decimal("10.001")}, "InvoiceAmountTC"),
        ({"invoiceAmountTC": "10.00"}, "InvoiceAmountTC"),
        ({"taxes": [{"taxCode": "ZZ", "taxAmountTC": 0}]}, "TaxCode"),
        ({"taxes": [{"taxCode": "TX825", "taxAmountTC": Decimal("0.83")}]}, "Taxes"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field_and_leaves_nothing(
    qad: Qad, customer: str, changes: dict[str, Any], field: str
) -> None:
    errors = qad.refused("customerInvoices", **{**invoice(customer, "10.00"), **changes})
    assert fields(errors) == [field], errors
    assert qad.state("customer_invoices") == [] == qad.state("gl_entries")
    assert qad.create("customerInvoices", **invoice(customer, "10.00"))["voucherNumber"] == 1


def test_a_control_line_that_is_not_the_amount_is_refused(qad: Qad, customer: str) -> None:
    lines = [line("1200", "9.00", debit=True), line("4000", "9.00", debit=False, **SERVICE)]
    assert "InvoiceAmountTC" in fields(
        qad.refused("customerInvoices", **invoice(customer, "10.00", postingLines=lines))
    )


def test_taxes_that_contradict_the_lines_are_refused(qad: Qad, customer: str) -> None:
    wrong = taxed(customer)
    wrong["taxes"][0]["taxAmountTC"] = Decimal("8.26")
    assert fields(qad.refused("customerInvoices", **wrong)) == ["Taxes"]


def test_an_inactive_customer_gets_no_invoice(qad: Qad) -> None:
    customer = qad.customer()
    qad.update("customerV2s", {**customer, "isActive": False})
    errors = qad.refused("customerInvoices", **invoice(customer["customerCode"], "10.00"))
    assert fields(errors) == ["CustomerCode"] and "not active" in errors[0]["message"]


def test_a_period_can_be_closed_by_switch_and_by_its_record(qad: Qad, customer: str) -> None:
    qad.arm("closed_period")
    errors = qad.refused("customerInvoices", **invoice(customer, "10.00"))
    assert fields(errors) == ["PostingDate"] and "period 2026/10 is closed" in errors[0]["message"]
    period = qad.read("glPeriods", entityCode="10USACO", year=2026, period=10)
    assert period is not None and qad.update("glPeriods", {**period, "isOpen": False})["submitResult"]["success"]
    assert fields(qad.refused("customerInvoices", **invoice(customer, "10.00"))) == ["PostingDate"]


def test_an_account_that_retires_meanwhile_is_refused(qad: Qad, customer: str) -> None:
    account = qad.read("glAccounts", sharedSetCode="COA", glCode="4000")
    assert account is not None
    qad.update("glAccounts", {**account, "isActive": False})
    assert fields(qad.refused("customerInvoices", **invoice(customer, "10.00"))) == ["GlCode"]


def test_no_posting_date_means_today_silently(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "10.00", postingDate="", invoiceDate=""))
    assert (made["postingDate"], made["postingPeriod"]) == (day("2026-11-02"), 11)


def test_the_same_reference_may_be_sent_twice_nothing_stops_it(qad: Qad, customer: str) -> None:
    two = [qad.create("customerInvoices", **invoice(customer, "10.00"))["voucherNumber"] for _ in range(2)]
    assert two == [1, 2]
    assert len(qad.rows("customerInvoices", "customLong0,eq,ST:1:invoice:1,literal")) == 2


def test_only_what_the_ledger_does_not_know_may_be_changed(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "10.00"))
    changed = qad.update("customerInvoices", {**made, "description": "New", "dueDate": day("2026-12-01")})
    assert changed["submitResult"]["success"] is True
    now = changed["customerInvoices"][0]
    assert (now["description"], now["dueDate"]) == ("New", day("2026-12-01"))
    for field, value in (
        ("invoiceAmountTC", Decimal("11.00")),
        ("postingDate", day("2026-10-06")),
        ("balanceTC", 0),
        ("postingLines", []),
    ):
        answer = qad.update("customerInvoices", {**now, field: value})
        assert fields(answer["submitResult"]["errors"]) == [field[0].upper() + field[1:]]
    assert len(ledger(qad)) == 2


def test_a_delete_is_not_taken(qad: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "10.00"))
    assert qad.update("customerInvoices", {**made, "dataOperation": "D"})["submitResult"]["success"] is False


def test_general_ledger_entries_can_be_listed_and_not_written(qad: Qad, customer: str) -> None:
    qad.create("customerInvoices", **invoice(customer, "10.00"))
    rows = qad.rows("generalLedgerEntries", "postingDate,rg,2026-10-01,literal,2026-10-31,literal")
    assert [(row["glCode"], row["isDebit"], row["voucherNumber"]) for row in rows] == [
        ("1200", True, 1),
        ("4000", False, 1),
    ]
    assert rows[1]["costCentreCode"] == "1100" and rows[0]["customLong0"] == "ST:1:invoice:1"
    assert qad.send("generalLedgerEntries", rows[0]).status_code == 403
