"""The exception engine of Accounts Payable: what it objects to in an invoice. Invariant: it looks at ServiceNow's own
rows only, which know of receipts what was imported so far.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.servicenow.outbound import state
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import money, plain

Record = dict[str, Any]
_EXCEPTION = "sn_ap_apm_exception"


def check(rows: Rows, invoice: Record) -> list[Record]:
    """The invoice as it is afterwards and its open exceptions. Earlier ones are closed."""
    if rows.schema.table(_EXCEPTION) is None:
        return [rows.update("sn_shop_invoice", invoice["sys_id"], {"state": state("Pending approval")})]
    for one in rows.find(_EXCEPTION, invoice=invoice["sys_id"], status="Open"):
        rows.update(_EXCEPTION, one["sys_id"], {"status": "Resolved"})
    found = [
        rows.insert(_EXCEPTION, {
            "invoice": invoice["sys_id"], "invoice_line": line, "exception": name, "status": "Open",
            "short_description": name, "description": text, "variance_value": plain(variance),
        })
        for name, line, text, variance in _objections(rows, invoice)
    ]  # fmt: skip
    label = "Exceptions found" if found else "No exceptions found"
    return [rows.update("sn_shop_invoice", invoice["sys_id"], {"state": state(label)}), *found]


def _objections(rows: Rows, invoice: Record) -> Iterator[tuple[str, str, str, Decimal]]:
    """(exception, line's sys_id or "", text, variance)."""
    zero = Decimal(0)
    supplier = rows.get("sn_fin_supplier", invoice["supplier"])
    if supplier is None or supplier["posting_block"] == "true":
        yield "Invalid or blocked supplier", "", "The supplier is unknown or blocked for posting", zero
    order = rows.get("sn_shop_purchase_order", invoice["purchase_order"])
    currency = money(invoice["invoice_amount"])[0]
    if order is not None and order["total_amount"] and money(order["total_amount"])[0] != currency:
        yield "Currency mismatch", "", f"{currency} invoiced, {money(order['total_amount'])[0]} ordered", zero
    lines = rows.find("sn_shop_invoice_line", invoice=invoice["sys_id"])
    total = sum((_amount(line["line_amount"]) for line in lines), zero) + _amount(invoice["tax_amount"])
    if total != _amount(invoice["invoice_amount"]):
        yield "Invoice isn't balanced", "", f"Lines and tax are {total}", _amount(invoice["invoice_amount"]) - total
    for line in lines:
        yield from _line_objections(rows, line)


def _line_objections(rows: Rows, line: Record) -> Iterator[tuple[str, str, str, Decimal]]:
    key, quantity = line["sys_id"], Decimal(line["invoiced_quantity"] or "0")
    if not line["ledger_account"] and not line["order_line"]:
        yield "Valid coding required", key, "The line has no ledger account", Decimal(0)
    ordered = rows.get("sn_shop_purchase_order_line", line["order_line"])
    if ordered is None:
        return
    taken = Decimal(ordered["invoiced_quantity"] or "0")
    received = Decimal(ordered["received_quantity"] or "0")
    if ordered["goods_receipt_required"] != "false" and quantity + taken > received:
        missing = quantity + taken - received
        yield "Insufficient Goods Receipt", key, f"{plain(received)} received, {plain(quantity + taken)} due", missing
    excess = quantity + taken - Decimal(ordered["purchased_quantity"] or "0")
    if excess > 0:
        yield "Insufficient Funds (Quantity variance)", key, f"{plain(excess)} more than was ordered", excess
    variance = _amount(line["line_unit_price"]) - _amount(ordered["unit_price"])
    if variance:
        yield "Line unit price variance", key, f"The unit price differs by {plain(variance)}", variance


def _amount(stored: str) -> Decimal:
    return money(stored)[1] or Decimal(0)
