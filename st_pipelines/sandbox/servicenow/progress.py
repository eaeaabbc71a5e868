"""How far a purchase order has come, kept by business rules when receipts are written. Invariant: quantities of
receipts add up with their sign; what an order was told by hand (closed, canceled) is left alone.
"""

from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.servicenow.masters import choice
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import money, plain

Record = dict[str, Any]
_CENT = Decimal("0.01")
_MOVING = ("Ordered", "Partially Delivered", "Delivered")


def install_rules(rows: Rows) -> None:
    """After a receipt: its amount, its line, the order. After a line: the order. An order that is told anew that it
    is ordered keeps how far it has come."""

    def received(table: str, row: Record, before: Record | None) -> None:
        line = rows.get("sn_shop_purchase_order_line", row["purchase_order_line"])
        if line is None or not row["quantity_received"]:
            return
        currency, price = money(line["unit_price"] or "0")
        amount = Decimal(row["quantity_received"]) * (price or Decimal(0))
        rows.update(table, row["sys_id"], {"amount_received": _money(currency, amount)})
        receipts = rows.find(table, purchase_order_line=line["sys_id"])
        total = sum((Decimal(one["quantity_received"] or "0") for one in receipts), Decimal(0))
        rows.update("sn_shop_purchase_order_line", line["sys_id"], {"received_quantity": plain(total)})

    def lined(table: str, row: Record, before: Record | None) -> None:
        order = rows.get("sn_shop_purchase_order", row["purchase_order"])
        if order is not None:
            rows.update("sn_shop_purchase_order", order["sys_id"], _progress(rows, order))

    def ordered(table: str, row: Record, before: Record | None) -> None:
        told = before is not None and before["status"] != row["status"]
        if told and rows.find("sn_shop_purchase_order_line", purchase_order=row["sys_id"]):
            rows.update(table, row["sys_id"], _progress(rows, row))

    rows.rules.setdefault("sn_shop_purchase_order", []).append(ordered)
    rows.rules.setdefault("sn_shop_receipt", []).append(received)
    rows.rules.setdefault("sn_shop_purchase_order_line", []).append(lined)


def _progress(rows: Rows, order: Record) -> dict[str, str]:
    lines = rows.find("sn_shop_purchase_order_line", purchase_order=order["sys_id"])
    priced = [(one, money(one["unit_price"] or "0")[1] or Decimal(0)) for one in lines]
    received = sum((_quantity(one, "received_quantity") * price for one, price in priced), Decimal(0))
    invoiced = sum((_quantity(one, "invoiced_quantity") * price for one, price in priced), Decimal(0))
    ordered = sum((_quantity(one, "purchased_quantity") * price for one, price in priced), Decimal(0))
    currency = money(order["total_amount"] or next((one["unit_price"] for one in lines), ""))[0] or "USD"
    changes = {
        "received_amount": _money(currency, received), "invoiced_amount": _money(currency, invoiced),
        "remaining_amount": _money(currency, ordered - invoiced),
        "received_percentage": plain((received / ordered * 100).quantize(_CENT)) if ordered else "",
    }  # fmt: skip
    states = {choice("sn_shop_order", "status", label): label for label in _MOVING}
    if order["status"] in states or not order["status"]:
        changes["status"] = choice("sn_shop_order", "status", _state(lines))
    return changes


def _state(lines: list[Record]) -> str:
    if all(_quantity(one, "received_quantity") >= _quantity(one, "purchased_quantity") for one in lines):
        return "Delivered"
    came = any(_quantity(one, "received_quantity") > 0 for one in lines)
    return "Partially Delivered" if came else "Ordered"


def _quantity(line: Record, field: str) -> Decimal:
    return Decimal(line[field] or "0")


def _money(currency: str, amount: Decimal) -> str:
    return f"{currency};{plain(amount.quantize(_CENT))}"
