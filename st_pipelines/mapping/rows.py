"""Mapped columns to ``MappedDocument`` values, one by one. Invariant: the same frames give the same values, whatever
the order of their rows.

A payload is built for what may be posted (ready) and for voids that could be mapped; held documents, zero totals and
what is not eligible carry none. Control lines belong to ready documents only, one per business unit, account and cost
centre, debit positive.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.bill import Bill, OrderMatch, cover_key
from st_pipelines.documents.frames import MAPPED_DOCUMENT, MAPPED_LINE
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Application, Line
from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument, Payload
from st_pipelines.documents.money import PIECES, from_minor, to_minor
from st_pipelines.documents.parties import Address, Party
from st_pipelines.documents.payment import Payment
from st_pipelines.documents.procurement import (
    ORDERED,
    QUANTITY,
    RECEIVED,
    GoodsReceipt,
    OrderLine,
    PurchaseOrder,
    SupplierDetail,
)
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.parties import DOMAIN, RELATION

Row = TypeVar("Row")

STANDS_ALONE = "-"  # in ``related_key`` of a party: the target keeps it as one record, not behind a relation
_NONE = Decimal(0)
_AT_ONCE = 1000  # rows made into Python values at a time: the whole day would keep the garbage collector busy


class _Document(NamedTuple):
    """One row of ``MAPPED_DOCUMENT``; the fields are its columns."""

    flow: str
    kind: str
    doc_key: str
    number: str
    company: str
    business_unit: str
    party_key: str
    currency: str
    business_date: date
    due_date: date | None
    total_minor: int
    unapplied_minor: int
    disposition: str
    reason: str
    hold_code: str
    hold_key: str
    hold_detail: str
    hold_cure: str
    terms: str
    tax_code: str
    bank_account: str
    payment_type: str
    related_key: str
    reference: str
    purchase_order: str
    text: str
    modified_on: datetime
    source_sha256: str
    control_account: str
    party: dict[str, Any] | None
    goods: dict[str, Any] | None
    supplier_code: str
    stands_as: str
    is_final: bool


class _Line(NamedTuple):
    kind: str
    business_unit: str
    gl_account: str
    cost_center: str
    sub_account: str
    tax_code: str
    amount_minor: int
    needs: str
    description: str
    source_id: str
    order: str
    order_line: str
    quantity: Decimal | None
    unit_price: Decimal | None


def mapped_documents(frames: MappedFrames) -> Iterator[MappedDocument]:
    """In order of document key. Raises ``ValueError`` where lines and documents do not belong together."""
    given = _complete(frames.documents, MAPPED_DOCUMENT)
    documents = given.select(_Document._fields).sort_by("doc_key").combine_chunks()
    lines, bounds = _lines_in_order(documents["doc_key"].combine_chunks(), _complete(frames.lines, MAPPED_LINE))
    for start in range(0, documents.num_rows, _AT_ONCE):
        rows = _rows(_Document._make, documents.slice(start, _AT_ONCE))
        end = start + len(rows)
        these = _rows(_Line._make, lines.slice(bounds[start], bounds[end] - bounds[start]))
        for place, row in enumerate(rows, start=start):
            yield _mapped(row, these[bounds[place] - bounds[start] : bounds[place + 1] - bounds[start]])


def _complete(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """With the columns that did not exist yet when it was mapped."""
    for field in schema:
        if field.name not in table.column_names:
            blank = pa.scalar("" if field.type == pa.string() else None, field.type)
            table = table.append_column(field, pa.repeat(blank, table.num_rows))
    return table


def _rows(make: Callable[[Iterable[Any]], Row], table: pa.Table) -> list[Row]:
    return list(map(make, zip(*(column.to_pylist() for column in table.columns), strict=True)))


def _lines_in_order(keys: pa.Array, lines: pa.Table) -> tuple[pa.Table, list[int]]:
    """The lines as the documents stand, and where each document's lines begin (and the last one's end)."""
    if len(pc.unique(keys)) != len(keys):
        raise ValueError("a mapped document is there twice")
    doc_of = pc.index_in(lines["doc_key"].combine_chunks(), value_set=keys)
    if doc_of.null_count:
        raise ValueError("a mapped line came without its document")
    places = doc_of.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((lines["sequence"].to_numpy(), places))
    bounds = np.searchsorted(places[order], np.arange(len(keys) + 1)).tolist()
    return lines.select(_Line._fields).take(pa.array(order)).combine_chunks(), bounds


def _mapped(row: _Document, lines: list[_Line]) -> MappedDocument:
    ready = row.disposition == "ready"
    has_payload = ready or (row.disposition == "void" and not row.hold_code)
    held = row.disposition == "held"
    return MappedDocument(
        flow=row.flow, kind=row.kind, doc_key=row.doc_key, company=row.company, business_date=row.business_date,
        currency=row.currency, total=from_minor(row.total_minor, row.currency), disposition=row.disposition,
        source_sha256=row.source_sha256, modified_on=row.modified_on,
        payload=_PAYLOADS[row.kind](row, lines) if has_payload else None,
        hold=Hold(row.hold_code, row.hold_key, row.hold_detail, row.hold_cure) if held else None,
        reason=row.reason, needs=_needs(row, lines) if ready else (), control=_control(row, lines) if ready else (),
        label=row.text if row.party else row.number, stands_as=row.stands_as, is_final=bool(row.is_final),
    )  # fmt: skip


def _invoice(row: _Document, lines: list[_Line]) -> Payload:
    return Invoice(
        kind="credit_memo" if row.total_minor < 0 else "invoice", doc_key=row.doc_key, number=row.number,
        customer_key=row.party_key, business_unit=row.business_unit, currency=row.currency,
        invoice_date=row.business_date, due_date=row.due_date, posting_date=row.business_date,
        total=from_minor(row.total_minor, row.currency), lines=_payload_lines(row, lines), terms=row.terms,
        tax_code=row.tax_code, adjusts_key=row.related_key, summary=row.text,
    )  # fmt: skip


def _payment(row: _Document, lines: list[_Line]) -> Payload:
    return Payment(
        doc_key=row.doc_key, number=row.number, customer_key=row.party_key, business_unit=row.business_unit,
        currency=row.currency, payment_date=row.business_date, posting_date=row.business_date,
        amount=from_minor(row.total_minor, row.currency), unapplied=from_minor(row.unapplied_minor, row.currency),
        bank_account=row.bank_account, payment_type=row.payment_type,
        applications=tuple(Application(line.needs, from_minor(line.amount_minor, row.currency)) for line in lines),
        refunds_key=row.related_key, memo=row.text,
    )  # fmt: skip


def _bill(row: _Document, lines: list[_Line]) -> Payload:
    return Bill(
        doc_key=row.doc_key, number=row.number, supplier_reference=row.reference, vendor_key=row.party_key,
        business_unit=row.business_unit, currency=row.currency, bill_date=row.business_date, due_date=row.due_date,
        posting_date=row.business_date, total=from_minor(row.total_minor, row.currency),
        lines=_payload_lines(row, lines), terms=row.terms, purchase_order=row.purchase_order, summary=row.text,
        matches=_matches(lines), supplier_code=row.supplier_code,
    )  # fmt: skip


def _matches(lines: list[_Line]) -> tuple[OrderMatch, ...]:
    """By the sequence that ``_payload_lines`` gives the line."""
    posting = (line for line in lines if line.kind != "receipt")
    return tuple(
        OrderMatch(sequence, line.order, line.order_line, line.quantity or _NONE, line.unit_price or _NONE)
        for sequence, line in enumerate(posting, start=1) if line.kind == "matched"
    )  # fmt: skip


def _party(row: _Document, lines: list[_Line]) -> Payload:
    fields = dict(row.party or {})
    address = Address(**{name: fields.pop(name) or "" for name in Address.__struct_fields__})
    attributes = dict(fields.pop("attributes") or ())
    return Party(address=address, attributes=attributes, **fields)


def _order(row: _Document, lines: list[_Line]) -> Payload:
    goods = row.goods or {}
    return PurchaseOrder(
        row.doc_key, row.number, row.party_key, goods["supplier"], goods["legal_entity"], row.currency,
        from_minor(row.total_minor, row.currency), row.business_date, goods["status"] or "", row.due_date,
        goods.get("terms") or "",
    )  # fmt: skip


def _order_line(row: _Document, lines: list[_Line]) -> Payload:
    goods = row.goods or {}
    return OrderLine(
        row.doc_key, goods["parent_key"], goods["order"], goods["line"], goods["item"] or "", goods["quantity"],
        goods["unit_price"], from_minor(row.total_minor, row.currency), row.currency, row.due_date,
        goods.get("gl_account") or "", goods.get("cost_center") or "",
    )  # fmt: skip


def _receipt(row: _Document, lines: list[_Line]) -> Payload:
    goods = row.goods or {}
    return GoodsReceipt(
        row.doc_key, goods["parent_key"], row.number, goods["order"], goods["line"], goods["quantity"], row.currency,
        row.business_date,
    )  # fmt: skip


def _supplier_detail(row: _Document, lines: list[_Line]) -> Payload:
    goods = row.goods or {}
    return SupplierDetail(row.doc_key, goods["parent_key"], goods["supplier"], goods["legal_entity"])


_PAYLOADS = {
    "customer_invoice": _invoice, "customer_payment": _payment, "supplier_invoice": _bill, "business_relation": _party,
    "customer": _party, "customer_domain": _party, "supplier": _party, "purchase_order": _order,
    "purchase_order_line": _order_line, "goods_receipt": _receipt, "supplier_detail": _supplier_detail,
}  # fmt: skip


def _payload_lines(row: _Document, lines: list[_Line]) -> tuple[Line, ...]:
    posting = (line for line in lines if line.kind != "receipt")
    return tuple(
        Line(sequence, line.kind, line.gl_account, from_minor(line.amount_minor, row.currency), line.cost_center,
             line.sub_account, line.business_unit, line.tax_code, line.description, line.source_id)
        for sequence, line in enumerate(posting, start=1)
    )  # fmt: skip


def _needs(row: _Document, lines: list[_Line]) -> tuple[str, ...]:
    """Document keys and facts that come first, each once."""
    if row.goods is not None:
        first = row.goods["parent_key"] or ("" if row.party else row.party_key)
        return tuple(dict.fromkeys(filter(None, (first, *(row.goods.get("also") or ())))))
    if row.party is not None:
        if row.related_key == STANDS_ALONE:
            return ()
        relation = f"{row.party_key}{RELATION}"
        return {"business_relation": (), "customer_domain": (row.party_key,)}.get(row.kind, (relation,))
    if row.supplier_code:  # the target had its supplier all along
        party: tuple[str, ...] = ()
    elif row.kind == "supplier_invoice":
        party = (row.party_key,)
    else:
        party = (row.party_key, f"{row.party_key}{DOMAIN}")
    covered = (cover_key(row.doc_key),) if any(line.kind == "matched" for line in lines) else ()
    original = (row.related_key,) if row.kind == "customer_payment" and row.related_key else ()
    return tuple(dict.fromkeys((*party, *original, *covered, *(line.needs for line in lines if line.needs))))


def _control(row: _Document, lines: list[_Line]) -> tuple[ControlLine, ...]:
    if row.party is not None or row.kind in ("purchase_order", "supplier_detail"):
        return ()  # an order's amounts are its lines'
    if row.goods is not None:
        account = ORDERED if row.kind == "purchase_order_line" else RECEIVED
        pieces = to_minor(row.goods["quantity"], PIECES)
        return (ControlLine(row.goods["order"], account, "", row.total_minor),
                ControlLine(row.goods["order"], f"{account}{QUANTITY}", "", pieces))  # fmt: skip
    sums: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    # What the customer owes and what cash came in are debits; revenue, tax and what we owe are credits.
    if row.kind == "customer_payment":
        sums[row.business_unit, row.bank_account, ""] += row.total_minor
        sums[row.business_unit, row.control_account, ""] -= row.total_minor
    else:
        sign = 1 if row.kind == "supplier_invoice" else -1
        sums[row.business_unit, row.control_account, ""] -= sign * row.total_minor
        for line in lines:
            sums[line.business_unit, line.gl_account, line.cost_center] += sign * line.amount_minor
    return tuple(ControlLine(*key, amount) for key, amount in sorted(sums.items()) if amount)
