"""Documents as rows of the Source-to-Pay staging tables. Invariant: a row holds only columns that the profile names,
and everything that a record is identified by.

An empty field never empties its target there, so an empty value is neither sent nor compared.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.documents.procurement import GoodsReceipt, OrderLine, PurchaseOrder, SupplierDetail
from st_pipelines.posting.target import CannotRender
from st_pipelines.systems.servicenow.profile import Staging
from st_pipelines.systems.servicenow.query import UnfitValue
from st_pipelines.systems.servicenow.ready import require_room
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.values import UnreadableValue, wire

# kind -> the entity's name under ``staging`` and ``tables`` of the profile
ENTITY = {"supplier": "suppliers", "purchase_order": "purchase_orders", "purchase_order_line": "purchase_order_lines",
          "goods_receipt": "receipts", "supplier_detail": "supplier_details"}  # fmt: skip
LONGEST_NUMBER = 40  # characters that ERP numbers may have there

_encoder = msgspec.json.Encoder(order="deterministic")


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One write: a staging row, and the table that it must reach; with a ``sys_id`` the columns of that record."""

    staging: str
    lands_in: str
    values: dict[str, str]
    sys_id: str = ""


def frozen(write: Frozen) -> bytes:
    return _encoder.encode(write)


def freeze(instance: Instance, document: MappedDocument) -> bytes:
    """Raises ``CannotRender`` for what this instance cannot take, with the field and what to do."""
    name = ENTITY[document.kind]
    staging = instance.profile.into(name)
    lands_in = instance.profile.table(staging.lands_in).table
    row = {"source": instance.source, **fields(document)}
    values = {staging.column(column): text for column, text in row.items() if text and column in staging.columns}
    lacking = [column for column in staging.key if not row.get(column)]
    if lacking:
        raise CannotRender(f"{', '.join(lacking)}: empty, and {staging.table} knows the record by it")
    require_room(instance.proof, instance.profile, staging, row)
    return frozen(Frozen(staging.table, lands_in, values))


def fields(document: MappedDocument) -> dict[str, str]:
    """By our own names, as the wire wants them; empty where the document has nothing to say."""
    payload = document.payload
    match payload:
        case Party():
            found: Mapping[str, Any] = {
                "number": payload.attributes["number"], "name": payload.name, "street": payload.address.street,
                "city": payload.address.city, "state": payload.address.state, "zip": payload.address.zip,
                "country": payload.address.country, "status": "Active" if payload.is_active else "Inactive",
                "payment_term": payload.terms,
            }  # fmt: skip
        case PurchaseOrder():
            found = {
                "number": payload.number, "supplier": payload.supplier, "legal_entity": payload.legal_entity,
                "currency": payload.currency, "amount": payload.amount, "status": payload.status,
                "order_date": f"{payload.order_date} 00:00:00", "due_date": payload.due_date,
                "payment_term": payload.terms,
            }  # fmt: skip
        case OrderLine():
            found = {
                "order": payload.order, "line_number": payload.line, "item": payload.item,
                "quantity": payload.quantity, "unit_price": payload.unit_price, "amount": payload.amount,
                "currency": payload.currency, "due_date": payload.due_date, "receipt_required": True,
                "gl_account": payload.gl_account, "cost_center": payload.cost_center,
            }  # fmt: skip
        case GoodsReceipt():
            found = {
                "number": payload.number, "order": payload.order, "order_line": payload.line,
                "quantity": payload.quantity, "received": payload.received,
            }  # fmt: skip
        case SupplierDetail():
            found = {"supplier": payload.supplier, "legal_entity": payload.legal_entity, "number": payload.supplier}
        case _:
            raise CannotRender(f"{document.kind}: no document of procurement")
    return {name: _text(name, value) for name, value in found.items()}


def compared(document: MappedDocument, staging: Staging) -> dict[str, str]:
    """What the record must hold afterwards: all that was sent, but not what the instance itself moves on."""
    moved = {"status"} if document.kind == "purchase_order" else set()
    return {name: text for name, text in fields(document).items()
            if text and name in staging.columns and name not in moved}  # fmt: skip


def _text(name: str, value: Any) -> str:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date):
        return value.isoformat()
    if value is None:
        return ""
    try:
        text = wire(value)
    except (TypeError, UnreadableValue, UnfitValue) as error:
        raise CannotRender(f"{name}: {error}") from error
    if name in ("number", "order", "line_number", "order_line") and len(text) > LONGEST_NUMBER:
        raise CannotRender(f"{name}: {text[:60]!r} has {len(text)} characters, {LONGEST_NUMBER} fit")
    return text.strip()
