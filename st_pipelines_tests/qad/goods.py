"""Orders and receipts that a QAD has, and supplier invoices that take them, as mapping hands them to posting."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from st_pipelines.documents.bill import Bill, OrderMatch, cover_key
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import ControlLine, MappedDocument
from st_pipelines.documents.money import round_to_minor, to_minor
from st_pipelines_tests.qad.samples import BOOKS, DAY, mapped
from st_pipelines_tests.qad.tenant import Tenant, tenant
from st_pipelines_tests.sandbox.qad_client import Qad, day

PROFILE = Path(__file__).resolve().parents[2] / "mappings" / "demo_servicenow_back" / "qad_profile.yaml"
RECEIVED, SOURCE = "2100", "SN:demo"


@dataclass
class Warehouse:
    """``supplier``: the code of one that no ledger ever posted."""

    qad: Qad
    supplier: str

    def order(self, *prices: str, currency: str = "USD", supplier: str = "") -> str:
        number = str(self.qad.create(
            "purchaseOrderHeaders", supplierCode=supplier or self.supplier, currencyCode=currency,
            creditTermsCode="N30", daybookSetCode="STD", shipToSite="100",
        )["purchaseOrderNumber"])  # fmt: skip
        for price in prices or ("3.00",):
            self.qad.create(
                "purchaseOrderLinesGrid", purchaseOrderNumber=number, itemCode="PIPE", quantityOrdered=100,
                purchaseCost=Decimal(price), glCode="5000", costCentreCode="1100", subAccountCode="01",
            )  # fmt: skip
        return number

    def receive(self, order: str, quantity: object, line: int = 1, on: str = "2026-10-03", **more: Any) -> str:
        made = self.qad.create(
            "purchaseOrderReceipts", purchaseOrderNumber=order, purchaseOrderLine=line, receiptDate=day(on),
            quantityReceived=Decimal(str(quantity)), **more,
        )  # fmt: skip
        return str(made["receiverNumber"])

    def key_by_hand(self, reference: str, amount: str) -> dict[str, Any]:
        """Somebody in finance enters the supplier's invoice in QAD itself."""
        lines = [{"glCode": "5000", "costCentreCode": "1100", "subAccountCode": "01", "amountTC": Decimal(amount),
                  "isDebit": True}]  # fmt: skip
        return self.qad.create(
            "supplierInvoices", daybookCode="APINV", supplierCode=self.supplier, invoiceType="Invoice",
            supplierInvoiceReference=reference, invoiceDate=day("2026-10-05"), postingDate=day("2026-10-05"),
            currencyCode="USD", creditTermsCode="N30", invoiceAmountTC=Decimal(amount),
            invoiceStatusCode="AP-GLALLOC", postingLines=lines,
        )  # fmt: skip

    def take(self, number: int, *taken: tuple[str, int, str, str], extra: tuple[Line, ...] = (),
             **changes: Any) -> MappedDocument:  # fmt: skip
        """An invoice; ``taken``: order, line, quantity and price; ``extra``: lines that take no goods."""
        return invoice(number, self.supplier, *taken, extra=extra, **changes)


def invoice(
    number: int, supplier: str, *taken: tuple[str, int, str, str], extra: tuple[Line, ...] = (), company: str = BOOKS,
    **changes: Any,
) -> MappedDocument:  # fmt: skip
    key, lines, matches = f"{SOURCE}:bill:{number}", list[Line](), list[OrderMatch]()
    for sequence, (order, line, quantity, price) in enumerate(taken, start=1):
        amount = round_to_minor(Decimal(quantity) * Decimal(price), "USD")
        lines.append(Line(sequence, "matched", RECEIVED, amount))
        matches.append(OrderMatch(sequence, order, str(line), Decimal(quantity), Decimal(price)))
    every = (*lines, *extra)
    values: dict[str, Any] = {
        "doc_key": key, "number": str(number), "supplier_reference": f"INV-{number}", "vendor_key": "",
        "business_unit": "10USACO", "currency": "USD", "bill_date": DAY, "due_date": date(2026, 11, 4),
        "posting_date": DAY, "total": sum((line.amount for line in every), Decimal(0)), "lines": every, "terms": "N30",
        "matches": tuple(matches), "supplier_code": supplier,
    }  # fmt: skip
    bill = Bill(**(values | changes))
    control = [ControlLine("10USACO", "2000", "", -to_minor(bill.total, bill.currency))]
    control += [
        ControlLine("10USACO", line.gl_account, line.cost_center, to_minor(line.amount, bill.currency))
        for line in bill.lines
    ]
    return mapped("supplier_invoice", key, bill, bill.total, flow="bills", currency=bill.currency, company=company,
                  business_date=bill.posting_date, control=tuple(control), needs=(cover_key(key),) if matches else (),
                  label=f"Pipes Ltd {bill.supplier_reference}")  # fmt: skip


@contextmanager
def warehouse(engine: Engine, **more: Any) -> Iterator[tuple[Tenant, Warehouse]]:
    """A tenant whose profile matches receipts, and the hand that fills its warehouse."""
    with tenant(engine, profile=PROFILE, **more) as made:
        session = Qad(made.origin).login()
        yield made, Warehouse(session, str(session.supplier()["supplierCode"]))
        session.http.close()
