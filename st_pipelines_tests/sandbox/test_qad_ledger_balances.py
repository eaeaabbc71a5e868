"""Whatever is sent, in whatever order: every entry balances, and the open items are the control accounts."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_pipelines_tests.sandbox.qad_client import Qad, bill, exact, invoice, line, payment, to

CENTS = st.integers(-300, 3000).map(lambda cents: f"{Decimal(cents) / 100:.2f}")
INDEX = st.integers(0, 5)
PARTS = st.lists(st.tuples(INDEX, CENTS), max_size=3)
DOCUMENT = st.sampled_from(["Invoice", "Credit Note"])
ORDERS = st.lists(
    st.one_of(
        st.tuples(st.just("invoice"), DOCUMENT, CENTS, st.booleans()),
        st.tuples(st.just("payment"), st.sampled_from(["Payment", "Refund"]), CENTS, PARTS),
        st.tuples(st.just("allocate"), INDEX, PARTS),
        st.tuples(st.just("void"), INDEX),
        st.tuples(st.just("bill"), DOCUMENT, CENTS, st.sampled_from(["AP-GLALLOC", "AP-INITIAL"])),
    ),
    min_size=1,
    max_size=14,
)  # fmt: skip


@pytest.mark.timeout(120)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=ORDERS)
def test_the_ledger_always_balances_and_agrees_with_the_open_items(qad: Qad, orders: Sequence[tuple[Any, ...]]) -> None:
    qad.http.post("/_sandbox/reset").raise_for_status()
    customer, supplier = qad.customer()["customerCode"], qad.supplier()["supplierCode"]
    for order in orders:
        send(qad, customer, supplier, order)
    check(qad)


def send(qad: Qad, customer: str, supplier: str, order: tuple[Any, ...]) -> None:
    """One order; QAD may take or refuse it, but always says which."""
    invoices, payments = qad.state("customer_invoices"), qad.state("customer_payments")

    def parts(chosen: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
        return [to(invoices[index % len(invoices)], amount) for index, amount in chosen] if invoices else []

    match order:
        case ("invoice", kind, amount, with_control):
            credit = kind == "Credit Note"
            lines = [line("4000", amount, debit=credit, centre="1100", sub="01")]
            lines += [line("1200", amount, debit=not credit)] if with_control else []
            daybook = "ARCRN" if credit else "ARINV"
            record = invoice(customer, amount, invoiceType=kind, daybookCode=daybook, postingLines=lines)
            answer = exact(qad.send("customerInvoices", record))
        case ("payment", kind, amount, chosen):
            answer = exact(qad.send("customerPayments", payment(customer, amount, parts(chosen), paymentType=kind)))
        case ("allocate", index, chosen) if payments:
            answer = qad.update("customerPayments", {**payments[index % len(payments)], "allocations": parts(chosen)})
        case ("void", index) if payments:
            answer = qad.update("customerPayments", {**payments[index % len(payments)], "paymentStatus": "Voided"})
        case ("bill", kind, amount, status):
            credit = kind == "Credit Note"
            lines = [line("5000", amount, debit=not credit, centre="2100", sub="01")] if status == "AP-GLALLOC" else []
            record = bill(supplier, amount, invoiceType=kind, daybookCode="APCRN" if credit else "APINV",
                          invoiceStatusCode=status, postingLines=lines)  # fmt: skip
            answer = exact(qad.send("supplierInvoices", record))
        case _:
            return
    result = answer["submitResult"]
    assert result["success"] is True or result["errors"]


def check(qad: Qad) -> None:
    entries, accounts = defaultdict[tuple[int, int], Decimal](Decimal), defaultdict[str, Decimal](Decimal)
    for row in qad.state("gl_entries"):
        signed = row["amountTC"] if row["isDebit"] else -row["amountTC"]
        assert row["amountTC"] > 0
        entries[row["postingYear"], row["entryNumber"]] += signed
        accounts[row["glCode"]] += signed
    assert all(amount == 0 for amount in entries.values())
    receivable = Decimal(0)
    for item in qad.state("customer_invoices"):
        assert 0 <= item["balanceTC"] <= item["invoiceAmountTC"]
        receivable += item["balanceTC"] if item["invoiceType"] == "Invoice" else -item["balanceTC"]
    for paid in qad.state("customer_payments"):
        sign = 1 if paid["paymentType"] == "Payment" else -1
        allocated = sum((part["amountTC"] for part in paid["allocations"]), Decimal(0))
        if paid["paymentStatus"] != "Voided":
            assert 0 <= allocated <= paid["amountTC"] and paid["unallocatedAmountTC"] == paid["amountTC"] - allocated
            receivable -= sign * paid["unallocatedAmountTC"]
    assert accounts["1200"] == receivable
    payable = sum(
        (
            one["balanceTC"] if one["invoiceType"] == "Invoice" else -one["balanceTC"]
            for one in qad.state("supplier_invoices")
        ),
        Decimal(0),
    )
    assert accounts["2000"] == -payable
