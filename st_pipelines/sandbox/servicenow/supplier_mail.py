"""Invoices that suppliers send, as the same business that QAD lives in has them. Invariant: a bill is taken in once,
and not before ServiceNow knows its order; what it says does not depend on when it is taken in.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from st_pipelines.sandbox.business.procurement import Bill, Line, bills
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.servicenow.masters import LEGAL_ENTITIES
from st_pipelines.sandbox.servicenow.payables import INVOICE, ORDER, Payables
from st_pipelines.sandbox.servicenow.rows import Rows

Record = dict[str, Any]


class SupplierMail:
    def __init__(self, rows: Rows, payables: Payables, options: SandboxOptions) -> None:
        self._rows, self._payables, self._options = rows, payables, options

    def take_in(self, until: str = "", approve: bool = True) -> list[Record]:
        """The bills up to a day (the sandbox's today) that are not there yet; approved, or left as drafts. Gives their
        invoices."""
        last = date.fromisoformat(until or self._rows.now()[:10])
        made = []
        for bill in self._waiting(last):
            (invoice,) = self._payables.add_invoice(**self._described(bill))
            if approve:
                invoice = self._payables.approve_invoice(invoice["sys_id"])[0]
            made.append(invoice)
        return made

    def _waiting(self, last: date) -> Iterator[Bill]:
        for bill in bills(self._options.seed, self._options.size, self._options.month):
            there = self._rows.one(INVOICE, external_invoice_number=bill.number) is not None
            if bill.day <= last and not there and self._known(bill):
                yield bill

    def _known(self, bill: Bill) -> bool:
        """Whether everything that the bill names is there: its order with all lines, or its supplier and coding."""
        if not bill.order:
            supplier = self._rows.one("sn_fin_supplier", erp_company_code=bill.supplier.code)
            coded = all(set(self._coding(line)) == {"cost_center", "gl_account"} for line in bill.lines)
            return supplier is not None and coded
        order = self._rows.one(ORDER, erp_number=bill.order)
        lines = [] if order is None else self._rows.find("sn_shop_purchase_order_line", purchase_order=order["sys_id"])
        return {str(line.number) for line in bill.lines} <= {line["erp_line_number"] for line in lines}

    def _described(self, bill: Bill) -> dict[str, Any]:
        lines = [
            {"quantity": str(line.quantity), "unit_price": str(line.price), "description": line.item,
             **({"line": str(line.number)} if bill.order else {}), **self._coding(line)}
            for line in bill.lines
        ]  # fmt: skip
        described = {
            "supplier_invoice_number": bill.number, "lines": lines, "invoice_date": bill.day.isoformat(),
            "currency": bill.supplier.currency, "purchase_order": bill.order,
        }  # fmt: skip
        if not bill.order:
            described |= {"supplier": bill.supplier.code, "legal_entity": LEGAL_ENTITIES[bill.company - 1][0]}
        return described

    def _coding(self, line: Line) -> dict[str, str]:
        """What of the line's coding ServiceNow knows."""
        coding = {}
        if self._rows.one("cmn_cost_center", code=line.centre) is not None:
            coding["cost_center"] = line.centre
        if self._rows.one("sn_fin_gl_account", number=line.account) is not None:
            coding["gl_account"] = line.account
        return coding
