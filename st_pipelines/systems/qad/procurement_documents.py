"""Landed QAD tables as ERP-neutral frames: parties, orders, lines, receipts. Invariant: a key holds the codes that QAD
itself identifies the record by, and two records never share one.

``QAD:10USA:purchase_order:PR000001``, ``…:purchase_order_line:PR000001-2``, ``…:goods_receipt:RC000007-2``: receiver
and line, which QAD keeps unique in a domain.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from st_pipelines.documents.frames import ORDER_LINE_SOURCE, ORDER_SOURCE, RECEIPT_SOURCE, SUPPLIER_SOURCE
from st_pipelines.documents.keys import coded, doc_key
from st_pipelines.documents.money import CONTEXT, InvalidAmount, round_to_minor

TAG = "QAD"
Tables = Mapping[str, pa.Table]
Row = dict[str, Any]


def key(domain: str, kind: str, *codes: str) -> str:
    """Raises ``ValueError`` for codes that are too long for a key, or blank."""
    return doc_key(TAG, domain, kind, coded(*codes))


def suppliers(tables: Tables) -> pa.Table:
    """Schema ``SUPPLIER_SOURCE``; ``source_id`` is QAD's supplier code. Those that were modified, and those that the
    day's orders name."""
    every = {(row["set"], row["code"]): row for table in ("order_suppliers", "suppliers")
             for row in tables[table].to_pylist()}  # fmt: skip
    rows = [
        {**dict.fromkeys(SUPPLIER_SOURCE.names), **row, "doc_key": key(row["set"], "vendor", row["code"]),
         "source_id": row["code"], "role": "vendor", "terms_key": _code_key(row, "payment_term", "terms")}
        for row in every.values()
    ]  # fmt: skip
    return _table(rows, SUPPLIER_SOURCE)


def orders(tables: Tables) -> pa.Table:
    """Schema ``ORDER_SOURCE``."""
    amounts: dict[tuple[str, str], list[Decimal | None]] = defaultdict(list)
    for line in lines(tables).to_pylist():
        amounts[line["order_key"], ""].append(line["amount"])
    found = []
    for row in tables["purchase_orders"].to_pylist():
        own = key(row["domain"], "purchase_order", row["number"])
        parts = amounts[own, ""]
        unreadable = row["unreadable"] or ("" if None not in parts else "the amount of one of its lines cannot be read")
        found.append({
            **row, "doc_key": own, "supplier_key": _supplier_key(row), "unreadable": unreadable,
            "terms_key": _code_key(row, "payment_term", "terms"),
            "amount": sum((one for one in parts if one is not None), Decimal(0)),
        })  # fmt: skip
    return _table(found, ORDER_SOURCE)


def lines(tables: Tables) -> pa.Table:
    """Schema ``ORDER_LINE_SOURCE``; the date is the order's."""
    heads = {(row["domain"], row["number"]): row for row in tables["purchase_orders"].to_pylist()}
    found = []
    for row in tables["purchase_order_lines"].to_pylist():
        head = heads.get((row["domain"], row["number"]))
        if head is None:
            raise ValueError(f"order line {row['number']} {row['line']} was landed without its order")
        amount, fault = _amount(row["quantity"], row["price"], head["currency"])
        found.append({
            **row, "doc_key": key(row["domain"], "purchase_order_line", row["number"], row["line"]),
            "order_key": key(row["domain"], "purchase_order", row["number"]), "order": row["number"],
            "currency": head["currency"], "order_date": head["order_date"], "unit_price": row["price"],
            "amount": amount, "unreadable": row["unreadable"] or head["unreadable"] or fault,
            "gl_account_key": _code_key(row, "gl_account", "gl_account"),
            "cost_center_key": _code_key(row, "cost_center", "cost_center"),
        })  # fmt: skip
    return _table(found, ORDER_LINE_SOURCE)


def receipts(tables: Tables) -> pa.Table:
    """Schema ``RECEIPT_SOURCE``."""
    found = []
    for row in tables["receipts"].to_pylist():
        amount, fault = _amount(row["quantity"], row["unit_cost"], row["currency"])
        found.append({
            **row, "doc_key": key(row["domain"], "goods_receipt", row["receiver"], row["line"]),
            "line_key": key(row["domain"], "purchase_order_line", row["number"], row["line"]),
            "number": f"{row['receiver']}-{row['line']}", "order": row["number"], "amount": amount,
            "unreadable": row["unreadable"] or fault,
        })  # fmt: skip
    return _table(found, RECEIPT_SOURCE)


def _supplier_key(row: Row) -> str:
    return key(row["supplier_set"], "vendor", row["supplier"]) if row["supplier"] else ""


def _code_key(row: Row, kind: str, column: str) -> str:
    """Of a code that the row names, as the list of codes is known by."""
    return key(row["domain"], kind, row[column]) if row[column] else ""


def _amount(quantity: Decimal | None, price: Decimal | None, currency: str) -> tuple[Decimal | None, str]:
    """Rounded to the currency, here and nowhere else."""
    if quantity is None or price is None:
        return None, "quantity or price cannot be read"
    try:
        return round_to_minor(CONTEXT.multiply(quantity, price), currency), ""
    except InvalidAmount as error:
        return None, str(error)


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)
