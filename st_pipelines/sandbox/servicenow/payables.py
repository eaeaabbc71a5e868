"""What accounts payable does in ServiceNow: takes invoices in, checks, approves, rejects, cancels, resubmits them.
Invariant: an invoice adds up when it is made (its amount is its lines and its tax), unless an amount was given.

Approval does not look at receipts: people can approve what the check objected to, with a reason.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from st_pipelines.sandbox.servicenow.invoice_check import check
from st_pipelines.sandbox.servicenow.masters import ERP_SOURCE
from st_pipelines.sandbox.servicenow.outbound import send_out, state, tell_state
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.values import money, plain

Record = dict[str, Any]
INVOICE, LINE, ORDER, ORDER_LINE = (
    "sn_shop_invoice", "sn_shop_invoice_line", "sn_shop_purchase_order", "sn_shop_purchase_order_line",
)  # fmt: skip
_CENT = Decimal("0.01")
_BEFORE_APPROVAL = ("Draft", "Received", "Accepted", "PO matching completed", "Exceptions found", "No exceptions found",
                    "Pending approval")  # fmt: skip
_TAKEN = ("Approved", "Pending payment", "Paid")


class ActionRefused(ValueError):
    """The action does not fit what the instance holds; the text says why."""


class Payables:
    """An invoice is named by its number (``INVC0000001``) or its sys_id."""

    def __init__(self, rows: Rows, settings: CurrentSettings) -> None:
        self._rows, self._settings = rows, settings

    def add_invoice(
        self, supplier_invoice_number: str, lines: Sequence[Mapping[str, str]], purchase_order: str = "",
        supplier: str = "", legal_entity: str = "", invoice_date: str = "", due_date: str = "", currency: str = "",
        tax: str = "0", amount: str = "", invoice_type: str = "Invoice", in_state: str = "Draft",
    ) -> list[Record]:  # fmt: skip
        """A supplier's invoice: of a purchase order (its ERP number; lines name ``line``, the ERP's line number), or of
        a ``supplier`` (its ERP code) with lines by ``cost_center`` code and ``gl_account`` number. A line has
        ``quantity`` and ``unit_price``; of an order's line the price and the coding are known."""
        order = self._named(ORDER, "erp_number", purchase_order) if purchase_order else None
        if order is None and not supplier:
            raise ActionRefused("an invoice needs a purchase_order or a supplier")
        seller = self._named("sn_fin_supplier", "erp_company_code", supplier)["sys_id"] if supplier else ""
        entity = self._named("sn_fin_legal_entity", "erp_company_code", legal_entity) if legal_entity else None
        coin = currency or (money(order["total_amount"])[0] if order and order["total_amount"] else "USD")
        made = [self._line(one, order, coin) for one in lines]
        subtotal = sum((money(one["line_amount"])[1] or Decimal(0) for one in made), Decimal("0.00"))
        total = Decimal(amount) if amount else subtotal + Decimal(tax)
        today = self._rows.now()[:10]
        invoice = self._rows.insert(INVOICE, {
            "supplier_invoice_number": supplier_invoice_number, "external_invoice_number": supplier_invoice_number,
            "supplier": seller or (order["supplier"] if order else ""),
            "purchase_order": order["sys_id"] if order else "",
            "legal_entity": entity["sys_id"] if entity else (order["legal_entity"] if order else ""),
            "invoice_amount": _money(coin, total), "subtotal": _money(coin, subtotal),
            "total_line_amount": _money(coin, subtotal), "tax_amount": _money(coin, Decimal(tax)),
            "payment_terms": order["payment_term"] if order else "", "state": state(in_state), "type": invoice_type,
            "invoice_date": invoice_date or today, "due_date": due_date, "erp_source": ERP_SOURCE,
            "short_description": f"Invoice {supplier_invoice_number}",
        })  # fmt: skip
        for position, line in enumerate(made, start=1):
            of_invoice = {"invoice": invoice["sys_id"], "supplier_invoice_line_number": str(position)}
            self._rows.insert(LINE, {**line, **of_invoice})
        if Decimal(tax):
            taxed = {"taxable_amount": _money(coin, subtotal), "tax_amount": _money(coin, Decimal(tax))}
            self._rows.insert("sn_shop_invoice_tax_line", {**taxed, "invoice": invoice["sys_id"]})
        return [invoice]

    def check_invoice(self, invoice: str) -> list[Record]:
        """The exception engine: exceptions found or none, and the state that follows. Only where it is installed."""
        return check(self._rows, self._invoice(invoice))

    def approve_invoice(self, invoice: str, bypass_reason: str = "") -> list[Record]:
        """Approved, and offered to the ERP. What has exceptions needs a reason to go past them."""
        held = self._invoice(invoice)
        self._only(held, _BEFORE_APPROVAL, "approved")
        if held["state"] == state("Exceptions found"):
            if not bypass_reason:
                raise ActionRefused(f"invoice {held['number']} has exceptions: it needs a bypass_reason")
            for one in self._rows.find("sn_ap_apm_exception", invoice=held["sys_id"], status="Open"):
                closed = {"bypass_reason": bypass_reason, "status": "Bypassed"}
                self._rows.update("sn_ap_apm_exception", one["sys_id"], closed)
        return self._approve(held)

    def reject_invoice(self, invoice: str, reason: str = "") -> list[Record]:
        return self._close(invoice, "Rejected", reason)

    def cancel_invoice(self, invoice: str, reason: str = "") -> list[Record]:
        return self._close(invoice, "Canceled", reason)

    def resubmit_invoice(
        self, invoice: str, lines: Sequence[Mapping[str, str]] = (), as_new: bool = False
    ) -> list[Record]:
        """Corrected (``lines``: ``position`` from 1 with what changes) and approved again: new outbound rows;
        ``as_new`` also a new invoice with the supplier's old number."""
        held = self._invoice(invoice)
        if as_new:
            held = self._copied(held)
        else:
            self._only(held, ("Approved", "Rejected", "Exceptions found"), "resubmitted")
        coin, own = money(held["invoice_amount"])[0], self._rows.find(LINE, invoice=held["sys_id"])
        for change in lines:
            line = own[int(change["position"]) - 1]
            self._rows.update(LINE, line["sys_id"], self._changed(line, change, coin))
        subtotal = sum(
            (money(one["line_amount"])[1] or Decimal(0) for one in self._rows.find(LINE, invoice=held["sys_id"])),
            Decimal("0.00"),
        )
        total = subtotal + (money(held["tax_amount"])[1] or Decimal(0))
        amounts = {"subtotal": _money(coin, subtotal), "total_line_amount": _money(coin, subtotal),
                   "invoice_amount": _money(coin, total)}  # fmt: skip
        return self._approve(self._rows.update(INVOICE, held["sys_id"], {**amounts, "erp_sync_failed": "false"}))

    def _approve(self, invoice: Record) -> list[Record]:
        approved = self._rows.update(INVOICE, invoice["sys_id"], {"state": state("Approved"), "approval": "approved"})
        self._count(invoice)
        return [approved, *(send_out(self._rows, approved) if self._settings.now.outbound_rows else ())]

    def _close(self, invoice: str, label: str, reason: str) -> list[Record]:
        held = self._invoice(invoice)
        self._only(held, (*_BEFORE_APPROVAL, "Approved", "Pending payment"), label.lower())
        text = f"{held['short_description']}: {reason}" if reason else held["short_description"]
        closed = self._rows.update(INVOICE, held["sys_id"], {"state": state(label), "short_description": text})
        self._count(held)
        tell_state(self._rows, closed)
        return [closed]

    def _line(self, given: Mapping[str, str], order: Record | None, currency: str) -> Record:
        line: Record | None = None
        if given.get("line"):
            if order is None:
                raise ActionRefused("a line number without a purchase order")
            line = self._rows.one(ORDER_LINE, purchase_order=order["sys_id"], erp_line_number=str(given["line"]))
            if line is None:
                raise ActionRefused(f"purchase order {order['erp_number']} has no line {given['line']}")
        price = given.get("unit_price") or (plain(money(line["unit_price"])[1] or Decimal(0)) if line else "")
        if not price:
            raise ActionRefused("a line without a purchase order needs a unit_price")
        center, account = given.get("cost_center"), given.get("gl_account")
        made = {
            "line_description": given.get("description") or (line["product_name"] if line else ""),
            "purchase_order": order["sys_id"] if line and order else "", "order_line": line["sys_id"] if line else "",
            "cost_center": self._named("cmn_cost_center", "code", center)["sys_id"] if center
            else (line["cost_center"] if line else ""),
            "ledger_account": self._named("sn_fin_gl_account", "number", account)["sys_id"] if account
            else (line["general_ledger_account"] if line else ""),
            "uom": line["uom"] if line else "",
        }  # fmt: skip
        return made | _priced(str(given.get("quantity", "1")), str(price), currency)

    def _changed(self, line: Record, change: Mapping[str, str], currency: str) -> Record:
        price = change.get("unit_price") or plain(money(line["line_unit_price"])[1] or Decimal(0))
        changes = _priced(change.get("quantity") or line["invoiced_quantity"], price, currency)
        if change.get("cost_center"):
            changes["cost_center"] = self._named("cmn_cost_center", "code", change["cost_center"])["sys_id"]
        if change.get("gl_account"):
            changes["ledger_account"] = self._named("sn_fin_gl_account", "number", change["gl_account"])["sys_id"]
        return changes

    def _copied(self, invoice: Record) -> Record:
        own = ("sys_id", "number", "erp_number", "erp_posting_date", "erp_integration_status")
        copy = self._rows.insert(INVOICE, {name: text for name, text in invoice.items() if name not in own})
        for table in (LINE, "sn_shop_invoice_tax_line"):
            for line in self._rows.find(table, invoice=invoice["sys_id"]):
                fields = {name: text for name, text in line.items() if name not in ("sys_id", "number")}
                self._rows.insert(table, {**fields, "invoice": copy["sys_id"]})
        return copy

    def _count(self, invoice: Record) -> None:
        """What the order's lines are invoiced for, over all invoices that stand."""
        standing = {state(label) for label in _TAKEN}
        for line in self._rows.find(LINE, invoice=invoice["sys_id"]):
            if not line["order_line"]:
                continue
            total = Decimal(0)
            for one in self._rows.find(LINE, order_line=line["order_line"]):
                of_invoice = self._rows.get(INVOICE, one["invoice"])
                if of_invoice is not None and of_invoice["state"] in standing:
                    total += Decimal(one["invoiced_quantity"] or "0")
            self._rows.update(ORDER_LINE, line["order_line"], {"invoiced_quantity": plain(total)})

    def _only(self, invoice: Record, labels: Sequence[str], done: str) -> None:
        if invoice["state"] not in {state(label) for label in labels}:
            raise ActionRefused(f"invoice {invoice['number']} is in state {invoice['state']}: it cannot be {done}")

    def _invoice(self, named: str) -> Record:
        return self._rows.get(INVOICE, named) or self._named(INVOICE, "number", named)

    def _named(self, table: str, column: str, value: str) -> Record:
        found = self._rows.one(table, **{column: str(value)})
        if found is None:
            raise ActionRefused(f"there is no {table} with {column} {value}")
        return found


def _priced(quantity: str, price: str, currency: str) -> Record:
    amount = (Decimal(quantity) * Decimal(price)).quantize(_CENT, ROUND_HALF_UP)
    return {
        "invoiced_quantity": quantity, "line_unit_price": f"{currency};{price}",
        "line_amount": f"{currency};{plain(amount)}",
    }  # fmt: skip


def _money(currency: str, amount: Decimal) -> str:
    return f"{currency};{plain(amount.quantize(_CENT))}"
