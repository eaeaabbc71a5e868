"""The typed tables of a day's supplier invoices. Invariant: every number that is written fits its column exactly; one
that does not makes its invoice unreadable.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

from st_pipelines.documents.frames import AMOUNT, INSTANT
from st_pipelines.documents.money import CONTEXT
from st_pipelines.systems.servicenow.records import Invoice, InvoiceLine

_S, _D = pa.string(), pa.date32()
_ROW = [("id", _S), ("modified_on", INSTANT), ("number", _S), ("identity", _S), ("state", _S), ("shown_state", _S),
        ("kind", _S), ("supplier", _S), ("supplier_invoice_number", _S)]  # fmt: skip
SCHEMAS: Mapping[str, pa.Schema] = {
    "invoices": pa.schema([
        *_ROW, ("invoice_date", _D), ("due_date", _D), ("currency", _S), ("amount", AMOUNT), ("tax", AMOUNT),
        ("freight", AMOUNT), ("order", _S), ("legal_entity", _S), ("submission", _S), ("submitted", _S),
        ("voucher", _S), ("message", _S)]),
    "invoice_lines": pa.schema([
        ("id", _S), ("invoice", _S), ("modified_on", INSTANT), ("line_number", _S), ("description", _S),
        ("currency", _S), ("quantity", AMOUNT), ("unit_price", AMOUNT), ("amount", AMOUNT), ("tax", AMOUNT),
        ("order", _S), ("order_line", _S), ("order_currency", _S), ("cost_center", _S), ("gl_account", _S)]),
    "invoices_unreadable": pa.schema([*_ROW, ("reason", _S)]),
}  # fmt: skip
_LEAST, _MOST = Decimal("1e-8"), Decimal(10) ** 14


def fits(one: Invoice) -> bool:
    """Whether every number has its place in a column of amounts."""
    numbers = [one.amount, one.tax, one.freight]
    numbers += [each for line in one.lines for each in (line.quantity, line.unit_price, line.amount, line.tax)]
    return all(abs(each) < _MOST and each == each.quantize(_LEAST, context=CONTEXT) for each in numbers)


def line_row(invoice: Invoice, line: InvoiceLine) -> dict[str, Any]:
    return {
        "id": line.sys_id, "invoice": invoice.sys_id, "modified_on": line.modified_on,
        "line_number": line.line_number, "description": line.description, "currency": line.currency,
        "quantity": line.quantity, "unit_price": line.unit_price, "amount": line.amount, "tax": line.tax,
        "order": line.order, "order_line": line.order_line, "order_currency": line.order_currency,
        "cost_center": line.cost_center, "gl_account": line.gl_account,
    }  # fmt: skip
