"""Supplier invoices: numbers, statuses, the duplicate that is only warned of, receipts and what is over them."""

from decimal import Decimal
from typing import Any

import pytest

from st_pipelines_tests.sandbox.qad_client import Qad, bill, day, exact, line


@pytest.fixture
def supplier(qad: Qad) -> str:
    return str(qad.supplier()["supplierCode"])


def net(qad: Qad) -> dict[str, Decimal]:
    moved: dict[str, Decimal] = {}
    for row in qad.state("gl_entries"):
        moved[row["glCode"]] = moved.get(row["glCode"], Decimal(0)) + (
            row["amountTC"] if row["isDebit"] else -row["amountTC"]
        )
    return {account: amount for account, amount in moved.items() if amount}


def fields(errors: list[dict[str, Any]]) -> list[str]:
    return [error["fieldName"] for error in errors]


def test_a_bill_posts_to_cost_and_payables_with_both_numbers(qad: Qad, supplier: str) -> None:
    numbers = []
    for reference in ("A", "B"):
        made = qad.create("supplierInvoices", **bill(supplier, "55.55", supplierInvoiceReference=reference))
        numbers.append((made["voucherNumber"], made["registrationNumber"]))
    assert numbers == [(1, 1), (2, 2)]
    assert net(qad) == {"5000": Decimal("111.10"), "2000": Decimal("-111.10")}


def test_registration_numbers_run_over_all_daybooks(qad: Qad, supplier: str) -> None:
    qad.create("supplierInvoices", **bill(supplier, "1.00"))
    credit = bill(
        supplier, "1.00", invoiceType="Credit Note", daybookCode="APCRN",
        postingLines=[line("5000", "1.00", debit=False, centre="1100", sub="01")],
    )  # fmt: skip
    made = qad.create("supplierInvoices", **credit)
    assert (made["voucherNumber"], made["registrationNumber"]) == (1, 2) and net(qad) == {}


def test_the_same_supplier_reference_is_taken_with_a_warning_only(qad: Qad, supplier: str) -> None:
    qad.create("supplierInvoices", **bill(supplier, "10.00", supplierInvoiceReference="inv-77"))
    answer = exact(qad.send("supplierInvoices", bill(supplier, "10.00")))
    assert answer["submitResult"] == {"success": True, "errors": []}
    warning = answer["supplementaryMessages"][0]
    assert warning["fieldName"] == "SupplierInvoiceReference" and "already used" in warning["message"]
    assert len(qad.state("supplier_invoices")) == 2
    other = exact(qad.send("supplierInvoices", bill(str(qad.supplier()["supplierCode"]), "10.00")))
    assert other["supplementaryMessages"] == []


@pytest.mark.parametrize("status", ["AP-INITIAL", "AP-NOALLOC"])
def test_without_allocation_all_goes_to_unmatched_invoices(qad: Qad, supplier: str, status: str) -> None:
    qad.create("supplierInvoices", **bill(supplier, "10.00", invoiceStatusCode=status, postingLines=[]))
    assert net(qad) == {"2100": Decimal("10.00"), "2000": Decimal("-10.00")}
    assert fields(qad.refused("supplierInvoices", **bill(supplier, "10.00", invoiceStatusCode=status))) == [
        "PostingLines"
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"supplierInvoiceReference": ""}, "SupplierInvoiceReference"),
        ({"supplierCode": "NOBODY"}, "SupplierCode"),
        ({"daybookCode": "ARINV"}, "DaybookCode"),
        ({"invoiceStatusCode": "AR-ALLOC"}, "InvoiceStatusCode"),
        ({"postingDate": day("2026-08-01")}, "PostingDate"),
        ({"postingLines": [line("1200", "10.00", debit=True)]}, "GlCode"),
        ({"postingLines": [line("5000", "10.00", debit=False, centre="1100", sub="01")]}, "PostingLines"),
        ({"purchaseOrders": [{"purchaseOrderNumber": "P9"}]}, "PurchaseOrderNumber"),
        ({"invoiceStatusCode": "AP-RMALLOC"}, "MatchingLines"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(qad: Qad, supplier: str, changes: dict[str, Any], field: str) -> None:
    assert fields(qad.refused("supplierInvoices", **{**bill(supplier, "10.00"), **changes})) == [field]
    assert qad.state("supplier_invoices") == [] and net(qad) == {}


@pytest.fixture
def order(qad: Qad, supplier: str) -> str:
    head = {
        "supplierCode": supplier, "currencyCode": "USD", "creditTermsCode": "N30", "daybookSetCode": "STD",
        "shipToSite": "100",
    }  # fmt: skip
    number = str(qad.create("purchaseOrderHeaders", **head)["purchaseOrderNumber"])
    item = {
        "purchaseOrderNumber": number, "itemCode": "PIPE", "quantityOrdered": 10, "purchaseCost": Decimal("3.00"),
        "glCode": "5000", "costCentreCode": "1100", "subAccountCode": "01",
    }  # fmt: skip
    assert [qad.create("purchaseOrderLinesGrid", **item)["purchaseOrderLine"] for _ in range(2)] == [1, 2]
    return number


def receive(qad: Qad, order: str, quantity: object, line_number: int = 1) -> dict[str, Any]:
    given = {"purchaseOrderNumber": order, "purchaseOrderLine": line_number, "receiptDate": day("2026-10-03")}
    return qad.create("purchaseOrderReceipts", **given, quantityReceived=quantity)


def matched(supplier: str, order: str, *quantities: object, **changes: Any) -> dict[str, Any]:
    lines = [
        {"purchaseOrderNumber": order, "purchaseOrderLine": 1, "quantity": quantity, "unitPrice": Decimal("3.00")}
        for quantity in quantities
    ]
    total = sum((Decimal(str(quantity)) for quantity in quantities), Decimal(0)) * 3
    given = {"invoiceStatusCode": "AP-RMALLOC", "postingLines": [], "matchingLines": lines, "purchaseOrders": [
        {"purchaseOrderNumber": order}]}  # fmt: skip
    return bill(supplier, f"{total:.2f}", **{**given, **changes})


def test_receipts_accrue_and_a_matched_invoice_clears_them(qad: Qad, supplier: str, order: str) -> None:
    assert receive(qad, order, 4)["receiverNumber"] == "R0000001"
    receive(qad, order, Decimal("2.5"))
    made = qad.create("supplierInvoices", **matched(supplier, order, 5))
    assert made["holdAmountTC"] == 0
    assert net(qad) == {"5000": Decimal("19.50"), "2100": Decimal("-4.50"), "2000": Decimal("-15.00")}
    assert [row["openInvoiceQuantity"] for row in qad.state("receipts")] == [0, Decimal("1.5")]


def test_an_invoice_before_its_receipt_is_refused(qad: Qad, supplier: str, order: str) -> None:
    assert fields(qad.refused("supplierInvoices", **matched(supplier, order, 1))) == ["Quantity"]
    receive(qad, order, 2)
    assert fields(qad.refused("supplierInvoices", **matched(supplier, order, 1, 2))) == ["Quantity"]
    qad.create("supplierInvoices", **matched(supplier, order, 2))
    assert fields(qad.refused("supplierInvoices", **matched(supplier, order, 1))) == ["Quantity"]


def test_where_the_tenant_accepts_it_what_is_over_the_receipts_is_held(qad: Qad, supplier: str, order: str) -> None:
    receive(qad, order, 2)
    qad.arm("accept_and_hold", match={"path": "supplierInvoices"})
    assert qad.create("supplierInvoices", **matched(supplier, order, 5))["holdAmountTC"] == Decimal("9.00")


def test_a_correction_is_a_negative_receipt(qad: Qad, supplier: str, order: str) -> None:
    first = receive(qad, order, 5)
    receive(qad, order, -4)
    assert fields(qad.refused("supplierInvoices", **matched(supplier, order, 2))) == ["Quantity"]
    qad.create("supplierInvoices", **matched(supplier, order, 1))
    keys = {k: first[k] for k in ("domainCode", "receiverNumber", "purchaseOrderNumber", "purchaseOrderLine")}
    answer = exact(qad.send("purchaseOrderReceipts", {**first, "quantityReceived": 1}, **keys))
    assert answer["submitResult"]["success"] is False
    assert [row["quantityReceived"] for row in qad.state("receipts")] == [5, -4]


def test_a_match_clears_the_receipts_at_cost_and_posts_the_difference_in_price(
    qad: Qad, supplier: str, order: str
) -> None:
    receive(qad, order, 10)
    dearer = matched(supplier, order, 4)
    dearer["matchingLines"][0]["unitPrice"] = Decimal("3.10")
    made = qad.create("supplierInvoices", **{**dearer, "invoiceAmountTC": Decimal("12.40")})
    assert made["holdAmountTC"] == 0
    assert net(qad) == {"5000": Decimal("30.00"), "2100": Decimal("-18.00"), "5900": Decimal("0.40"),
                        "2000": Decimal("-12.40")}  # fmt: skip
    much = matched(supplier, order, 4)
    much["matchingLines"][0]["unitPrice"] = Decimal("4.00")
    made = qad.create("supplierInvoices", **{**much, "invoiceAmountTC": Decimal("16.00")})
    assert made["holdAmountTC"] == Decimal("3.40"), "4.00 dearer, 5 % of 12.00 is tolerated"
    assert net(qad)["5900"] == Decimal("4.40")
    line_now = qad.state("purchase_order_lines")[0]
    assert (line_now["quantityReceived"], line_now["quantityInvoiced"]) == (10, 8)


def test_an_invoice_may_name_its_receivers(qad: Qad, supplier: str, order: str) -> None:
    first, second = receive(qad, order, 4)["receiverNumber"], receive(qad, order, 4)["receiverNumber"]
    given = matched(supplier, order, 3)
    given["matchingLines"][0]["receiverNumber"] = second
    qad.create("supplierInvoices", **given)
    assert [row["openInvoiceQuantity"] for row in qad.state("receipts")] == [4, 1]
    errors = qad.refused("supplierInvoices", **given)
    assert "3 invoiced, but only 1 received and open with receiver" in errors[0]["message"]
    given["matchingLines"][0]["receiverNumber"] = "R9999999"
    assert fields(qad.refused("supplierInvoices", **given)) == ["Quantity"]
    given["matchingLines"][0]["receiverNumber"] = first
    qad.create("supplierInvoices", **given)


def test_a_credit_note_is_not_matched(qad: Qad, supplier: str, order: str) -> None:
    receive(qad, order, 4)
    credit = matched(supplier, order, 2, invoiceType="Credit Note", daybookCode="APCRN")
    assert "not matched" in qad.refused("supplierInvoices", **credit)[0]["message"]
    assert [row["quantityInvoiced"] for row in qad.state("purchase_order_lines")] == [0, 0]
