"""Suppliers, purchase orders, their lines and goods receipts on their way to a procurement system. Invariant: nothing
is guessed: a site without a legal entity or an order state without a row holds the document.

Row by row, unlike the financial rules (ADR 5): a document is one row here, and its rules are three look-ups.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any

import msgspec
import pyarrow as pa

from st_pipelines.documents.frames import MAPPED_DOCUMENT, MAPPED_LINE, SUPPLIER_SOURCE
from st_pipelines.documents.keys import coded, doc_key
from st_pipelines.documents.money import NO_CURRENCY, PIECES, InvalidAmount, to_minor
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.rows import STANDS_ALONE
from st_pipelines.mapping.tables import Mapping as Tables

Row = dict[str, Any]
Hold = tuple[str, str, str, str]  # code, key, detail, cure
_DEFAULTS: Row = {field.name: "" if field.type == pa.string() else 0 if field.type == pa.int64() else None
                  for field in MAPPED_DOCUMENT}  # fmt: skip
_CONTACT = ("street", "unit", "city", "state", "zip", "country", "email", "phone")
CODED, TERMS = {"gl_accounts": "gl_account", "cost_centers": "cost_center"}, "payment_terms"
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True)
class ProcurementOptions:
    """``company``: the pinned instance. ``currencies``: those that are taken; others are held. ``codes``: the lists of
    codes that the target has of the source, and whether a line that names a retired one is sent all the same."""

    company: str
    currencies: Collection[str]
    codes: Mapping[str, bool] = field(default_factory=dict)


def map_suppliers(parties: pa.Table, tables: Tables, reference: Reference, options: ProcurementOptions) -> MappedFrames:
    """``parties``: schema ``SUPPLIER_SOURCE``. An inactive supplier stays: it is retired, not deleted."""

    def made(row: Row) -> tuple[Row, Hold | None]:
        currency = next(iter(options.currencies))
        terms, also = _terms(row, options)
        party = {
            **{name: row[name] or "" for name in _CONTACT},
            "role": row["role"], "doc_key": row["doc_key"], "name": row["name"], "currency": currency,
            "is_active": bool(row["is_active"]), "terms": terms, "tax_code": "", "is_taxable": True, "party_type": "",
            "attributes": [("number", row["source_id"])],
        }  # fmt: skip
        hold = None if (row["name"] or "").strip() else ("name.missing", row["doc_key"], "the supplier has no name",
                                                         "Give its business relation a name.")  # fmt: skip
        return {"number": row["source_id"], "party_key": row["doc_key"], "related_key": STANDS_ALONE, "party": party,
                "goods": {"also": also},
                "currency": currency, "text": row["name"] or "", "business_date": _day(row)}, hold  # fmt: skip

    return _frames("suppliers", "supplier", parties, options, made)


def map_supplier_details(
    parties: pa.Table, tables: Tables, reference: Reference, options: ProcurementOptions
) -> MappedFrames:
    """A document for each supplier and each legal entity that sites.csv names: suppliers belong to a set that all of
    them share. ``parties``: schema ``SUPPLIER_SOURCE``."""
    entities = sorted({one["legal_entity"] for one in tables.rows("sites")})
    rows = [{**row, "supplier_key": row["doc_key"], "doc_key": _detail_key(row["doc_key"], entity),
             "legal_entity": entity} for row in parties.to_pylist() for entity in entities]  # fmt: skip

    def made(row: Row) -> tuple[Row, Hold | None]:
        entity, hold = row["legal_entity"], None
        if not reference.legal_entities.get(entity, False):
            hold = ("legal_entity.unknown", entity, f"legal entity {entity} is not active in the target",
                    "Load it there, or correct sites.csv.")  # fmt: skip
        goods = {"parent_key": row["supplier_key"], "supplier": row["source_id"], "legal_entity": entity}
        return {"number": f"{row['source_id']} {entity}", "goods": goods, "business_date": _day(row),
                "currency": next(iter(options.currencies))}, hold  # fmt: skip

    schema = pa.schema([*SUPPLIER_SOURCE, pa.field("supplier_key", pa.string()), pa.field("legal_entity", pa.string())])
    return _frames("supplier_details", "supplier_detail", pa.Table.from_pylist(rows, schema), options, made)


def _detail_key(supplier: str, entity: str) -> str:
    tag, tenant, _, code = supplier.split(":")
    return doc_key(tag, tenant, "supplier_detail", f"{code}-{coded(entity)}")


def map_orders(orders: pa.Table, tables: Tables, reference: Reference, options: ProcurementOptions) -> MappedFrames:
    """``orders``: schema ``ORDER_SOURCE``."""

    def made(row: Row) -> tuple[Row, Hold | None]:
        entity, hold = _legal_entity(row, tables, reference)
        status, unmapped = _status(row, tables)
        terms, also = _terms(row, options)
        goods = {"supplier": row["supplier"], "legal_entity": entity, "status": status, "order": row["number"],
                 "terms": terms, "also": also}  # fmt: skip
        missing = None if row["supplier_key"] else ("supplier.missing", row["number"], "the order names no supplier",
                                                    "Enter the supplier on the order.")  # fmt: skip
        columns = {"number": row["number"], "party_key": row["supplier_key"], "due_date": row["due_date"],
                   "business_date": row["order_date"], "goods": goods, **_money(row)}  # fmt: skip
        return columns, missing or hold or unmapped

    return _frames("purchase_orders", "purchase_order", orders, options, made)


def map_order_lines(lines: pa.Table, tables: Tables, reference: Reference, options: ProcurementOptions) -> MappedFrames:
    """``lines``: schema ``ORDER_LINE_SOURCE``."""

    def made(row: Row) -> tuple[Row, Hold | None]:
        goods = {"parent_key": row["order_key"], "order": row["order"], "line": row["line"], "item": row["item"],
                 "quantity": row["quantity"], "unit_price": row["unit_price"]}  # fmt: skip
        also, unfit = list[str](), _uncounted(row)
        for name in options.codes.keys() & CODED:
            column = CODED[name]
            if row[column]:
                goods[column] = row[column]
                also.append(row[f"{column}_key"])
                unfit = unfit or _retired(name, row[column], reference, options)
        goods["also"] = sorted(also)
        return {"number": f"{row['order']}-{row['line']}", "business_date": row["order_date"], "goods": goods,
                "due_date": row["due_date"], **_money(row)}, unfit  # fmt: skip

    return _frames("purchase_order_lines", "purchase_order_line", lines, options, made)


def map_receipts(receipts: pa.Table, tables: Tables, reference: Reference, options: ProcurementOptions) -> MappedFrames:
    """``receipts``: schema ``RECEIPT_SOURCE``. Negative ones are corrections, documents like the others."""

    def made(row: Row) -> tuple[Row, Hold | None]:
        goods = {"parent_key": row["line_key"], "order": row["order"], "line": row["line"], "quantity": row["quantity"]}
        return {"number": row["number"], "business_date": row["received"], "goods": goods,
                **_money(row)}, _uncounted(row)  # fmt: skip

    return _frames("receipts", "goods_receipt", receipts, options, made)


def _frames(
    flow: str, kind: str, rows: pa.Table, options: ProcurementOptions,
    made: Callable[[Row], tuple[Row, Hold | None]],
) -> MappedFrames:  # fmt: skip
    found = [_document(flow, kind, row, options, made) for row in rows.sort_by("doc_key").to_pylist()]
    return MappedFrames(pa.Table.from_pylist(found, MAPPED_DOCUMENT), MAPPED_LINE.empty_table())


def _document(flow: str, kind: str, row: Row, options: ProcurementOptions,
              made: Callable[[Row], tuple[Row, Hold | None]]) -> Row:  # fmt: skip
    columns, hold = made(row)
    hold = next(_held(row, columns, kind, options), hold)
    if columns["business_date"] is None:
        columns["business_date"] = date(1970, 1, 1)
    holds = dict(zip(("hold_code", "hold_key", "hold_detail", "hold_cure"), hold or ("",) * 4, strict=True))
    return {
        **_DEFAULTS, **columns, **holds, "flow": flow, "kind": kind, "doc_key": row["doc_key"],
        "company": options.company, "modified_on": row["modified_on"], "disposition": "held" if hold else "ready",
        "source_sha256": _digest(row),
    }  # fmt: skip


def _held(row: Row, columns: Row, kind: str, options: ProcurementOptions) -> Iterator[Hold]:
    """What stops a document of any kind; the first counts."""
    if row["unreadable"]:
        yield "unreadable", row["doc_key"], row["unreadable"], "Correct the record at its source."
    if columns["business_date"] is None:
        yield "date.missing", row["doc_key"], "the record has no date", "Enter its date at its source."
    if columns["currency"] not in options.currencies:
        yield ("currency.not_taken", columns["currency"], f"the document is in {columns['currency'] or 'no currency'}",
               "Name the currency under options.currencies in integration.yaml.")  # fmt: skip


def _money(row: Row) -> Row:
    """An amount that cannot be read, or not be shown in its currency, is held for another reason already."""
    try:
        minor = to_minor(row["amount"], row["currency"]) if row["amount"] is not None else 0
    except InvalidAmount:
        minor = 0
    return {"currency": row["currency"] or NO_CURRENCY, "total_minor": minor}


def _uncounted(row: Row) -> Hold | None:
    try:
        if row["quantity"] is not None:
            to_minor(row["quantity"], PIECES)
    except InvalidAmount:
        return ("quantity.unreadable", row["doc_key"], f"the quantity {row['quantity']} has too many decimals",
                "Correct the quantity at its source.")  # fmt: skip
    return None


def _terms(row: Row, options: ProcurementOptions) -> tuple[str, list[str]]:
    """The payment term and the document that must be there first; nothing where the target has none of the source."""
    if TERMS not in options.codes or not row["terms"]:
        return "", []
    return row["terms"], [row["terms_key"]]


def _retired(name: str, code: str, reference: Reference, options: ProcurementOptions) -> Hold | None:
    what, known = name.removesuffix("s").replace("_", " "), reference.source_codes.get(name, {})
    if code not in known:
        return (f"{name.removesuffix('s')}.unknown", code, f"{what} {code} of the line is not in the source's list",
                "Correct the line at its source, or enter the code there and read the reference data.")  # fmt: skip
    if known[code] or options.codes[name]:
        return None
    return (f"{name.removesuffix('s')}.retired", code, f"{what} {code} of the line is not in use any more",
            f"Give the line another one, take {code} back into use, or set codes.{name}.retired to send.")  # fmt: skip


def _legal_entity(row: Row, tables: Tables, reference: Reference) -> tuple[str, Hold | None]:
    site, day = row["site"] or "", row["order_date"]
    for one in tables.rows("sites"):
        if one["site"] == site and (day is None or one.first <= day <= one.last):
            entity = one["legal_entity"]
            if not reference.legal_entities.get(entity, False):
                return entity, ("legal_entity.unknown", entity, f"legal entity {entity} is not active in the target",
                                f"Load it there, or correct sites.csv:{one.line}.")  # fmt: skip
            return entity, None
    return "", ("site.no_row", site, f"site {site or '(blank)'} has no legal entity",
                f"Add a row for site {site} to sites.csv.")  # fmt: skip


def _status(row: Row, tables: Tables) -> tuple[str, Hold | None]:
    state = row["status"] or ""
    for one in tables.rows("order_states"):
        if one["order_status"] == state:
            return one["status"], None
    return "", ("order_state.no_row", state, f"the order state {state or '(blank)'} has no row",
                "Say in order_states.csv what it is in the target.")  # fmt: skip


def _day(row: Row) -> Any:
    """Parties have no business date: the day on which they were modified."""
    return row["modified_on"].astimezone(UTC).date() if row["modified_on"] is not None else None


def _digest(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(_encode({name: value for name, value in row.items() if name != "modified_on"})).hexdigest()
