"""Suppliers, purchase orders with their lines, and goods receipts, landed by day of modification. Invariant: an order
comes with all of its lines, whichever of them changed, and with its supplier, whenever that was last modified; a
receipt comes with the currency of its order.

A record that cannot be read is kept with the reason in ``unreadable``, so that its document is held and not lost. A day
that is asked for by itself, as the schedule of minutes does, is not read again where what moved is what had moved.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from st_pipelines.documents.frames import AMOUNT, INSTANT
from st_pipelines.store.files import Store
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.changes import MODIFIED, Span, days_of, domains, modified, modified_since
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.lists import Filter
from st_pipelines.systems.qad.lookups import all_of, by_values
from st_pipelines.systems.qad.party_records import get_parties, reference_of
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import canonical, read_amount, read_date

LAYER, NAMED = "source", "order_suppliers"
_S, _B, _D = pa.string(), pa.bool_(), pa.date32()
_STAMP = [("domain", _S), ("unreadable", _S), ("modified_on", INSTANT)]
SCHEMAS: dict[str, pa.Schema] = {
    "suppliers": pa.schema([
        *_STAMP, *((name, _S) for name in ("set", "code", "name", "street", "unit", "city", "state", "zip", "country",
                                           "tax_id", "email", "phone", "terms")), ("is_active", _B)]),
    "purchase_orders": pa.schema([
        *_STAMP, *((name, _S) for name in ("number", "supplier_set", "supplier", "site", "currency", "terms",
                                           "status")), ("order_date", _D), ("due_date", _D)]),
    "purchase_order_lines": pa.schema([
        *_STAMP, *((name, _S) for name in ("number", "line", "item", "site", "gl_account", "cost_center")),
        ("quantity", AMOUNT), ("price", AMOUNT), ("due_date", _D)]),
    "receipts": pa.schema([
        *_STAMP, *((name, _S) for name in ("receiver", "number", "line", "currency", "packing_slip")),
        ("quantity", AMOUNT), ("unit_cost", AMOUNT), ("received", _D)]),
}  # fmt: skip
SCHEMAS[NAMED] = SCHEMAS["suppliers"]
TABLES = {"suppliers": ("suppliers",),
          "purchase_orders": ("purchase_orders", "purchase_order_lines", "order_suppliers"),
          "receipts": ("receipts",)}  # fmt: skip

Row = dict[str, Any]
Moved = Mapping[str, Mapping[str, list[Record]]]  # domain -> entity of the profile -> records that moved, as received
Read = Mapping[str, list[tuple[Row, Span, Record]]]  # table -> (typed row, when modified, as received)


@dataclass(frozen=True)
class Landed:
    """What one day of one entity holds now. ``max_modified_on``: of its records, as an instant."""

    pages: int
    records: int
    unreadable: int
    digest: str
    max_modified_on: str
    max_id: str = ""


def extract_days(
    client: QadClient, store: Store, integration: str, entity: str, windows: Mapping[str, Span], overlap: timedelta
) -> Iterator[Mapping[str, Landed]]:
    """All days from one reading. ``overlap``: how far before its start a day takes records, because a stamp is set
    before it is committed. Raises ``UntrustedAnswer`` or the kernel's errors: no day is written then."""
    wide = {key: (start - overlap, end) for key, (start, end) in windows.items()}
    since = min(start for start, _ in wide.values())
    moved = _moved(client, entity, since)
    seen = hashlib.sha256(canonical([since.isoformat(), moved])).hexdigest()
    only = next(iter(windows))
    if len(windows) == 1 and (held := _unchanged(store, integration, entity, only, seen)) is not None:
        yield {only: held}
        return
    read = _READERS[entity](client, moved, datetime.now(UTC))
    known = client.profile.entity(_ENTITY[entity]).has(MODIFIED)
    landed = {}
    for key in sorted(windows):
        whole = {_owner(row) for table, rows in read.items() if table != NAMED for row, span, _ in rows
                 if key in days_of(span, wide, known)}  # fmt: skip
        chosen = {table: [one for one in rows if _owner(one[0]) in whole] for table, rows in read.items()}
        if NAMED in read:
            named = {row["supplier"] for row, _, _ in chosen["purchase_orders"]}
            chosen[NAMED] = [one for one in read[NAMED] if one[0]["code"] in named]
        landed[key] = _write(store, integration, entity, key, chosen, seen if len(windows) == 1 else "")
    yield landed


def _unchanged(store: Store, integration: str, entity: str, key: str, seen: str) -> Landed | None:
    """What the day holds, if it was read alone from the same list and nothing of it was unreadable: that may be cured
    by a record which is not in the list."""
    held = store.standing(integration, LAYER, entity, key)
    if held is None or held.facts.get("seen") != seen or held.facts.get("unreadable"):
        return None
    return Landed(1, int(held.facts["records"]), 0, held.digest, str(held.facts["max_modified_on"]))


def _owner(row: Row) -> tuple[str, ...]:
    """What a day takes whole: an order with its lines, a supplier, a receipt row."""
    if "receiver" in row:
        return row["domain"], row["receiver"], row["number"], row["line"]
    return row["domain"], row.get("number") or row["code"]


def _write(store: Store, integration: str, entity: str, key: str, chosen: Read, seen: str) -> Landed:
    """``seen``: of the list that the day was read from."""
    raw = canonical({table: [record for _, _, record in rows] for table, rows in chosen.items()})
    page = store.write_page(integration, entity, key, raw)
    made = {table: [row for row, _, _ in rows] for table, rows in chosen.items()}
    moments = [row["modified_on"] for rows in made.values() for row in rows]
    newest = max(moments).isoformat() if moments else ""
    records, broken = len(made[entity]), sum(bool(row["unreadable"]) for rows in made.values() for row in rows)
    with store.table_writer(
        integration, LAYER, entity, key, {name: SCHEMAS[name] for name in TABLES[entity]}
    ) as writer:
        for table in TABLES[entity]:
            writer.write(table, pa.Table.from_pylist(made[table], SCHEMAS[table]))
        writer.remember(pages=[page], records=records, unreadable=broken, max_modified_on=newest, seen=seen)
    return Landed(1, records, broken, writer.digest, newest)


# ------------------------------------------------------------------------------------------------------ what is read
def _moved(client: QadClient, entity: str, since: datetime) -> Moved:
    """Suppliers and relations belong to sets that the domains share: one domain shows all of them."""
    asked = domains(client)[: 1 if entity == "suppliers" else None]
    return {books.domain: {name: list(modified_since(client, name, books, since)) for name in _MOVED[entity]}
            for books in asked}  # fmt: skip


def _domains_of(client: QadClient, moved: Moved) -> list[Company]:
    return [books for books in domains(client) if books.domain in moved]


def _suppliers(client: QadClient, moved: Moved, read_at: datetime) -> Read:
    """A supplier has changed when its business relation has."""
    supplier, relation = client.profile.entity("supplier"), client.profile.entity("businessRelation")
    rows: list[tuple[Row, Span, Record]] = []
    for books in _domains_of(client, moved):
        held = {str(one[supplier.wire("code")]): one for one in moved[books.domain]["supplier"]}
        relations = {str(one[relation.wire("code")]): one for one in moved[books.domain]["businessRelation"]}
        field = supplier.wire("businessRelation")
        of_moved = by_values(client, "supplier", books, field, relations, _set(client, supplier)) if relations else {}
        held |= {str(one[supplier.wire("code")]): one for some in of_moved.values() for one in some}
        rows += _supplier_rows(client, books, held, relations, read_at)
    return {"suppliers": rows}


def _supplier_rows(
    client: QadClient, books: Company, held: Mapping[str, Record], moved: Mapping[str, Record], read_at: datetime
) -> list[tuple[Row, Span, Record]]:
    """``held``: supplier records by code; ``moved``: relations that changed, by code."""
    supplier, relation = client.profile.entity("supplier"), client.profile.entity("businessRelation")
    shared_set = client.profile.workspace.shared_sets[supplier.shared_set or ""]
    references = {reference_of(shared_set, "vendor", code): code for code in held}
    rows: list[tuple[Row, Span, Record]] = []
    for reference, party in get_parties(client, "vendor", references).items():
        record, address = held[references[reference]], party.address
        spans = [modified(record, supplier, client.profile, read_at)]
        if (of := str(record.get(supplier.wire("businessRelation")))) in moved:
            spans.append(modified(moved[of], relation, client.profile, read_at))
        span = max(spans)
        rows.append(({
            "domain": books.domain, "unreadable": "", "modified_on": span[0], "set": shared_set,
            "code": references[reference], "name": party.name, "street": address.street, "unit": address.unit,
            "city": address.city, "state": address.state, "zip": address.zip, "country": address.country,
            "tax_id": party.tax_id, "email": next(iter(party.emails), ""), "phone": next(iter(party.phones), ""),
            "terms": _text(record, supplier, "creditTerms"), "is_active": party.is_active,
        }, span, record))  # fmt: skip
    return rows


def _orders(client: QadClient, moved: Moved, read_at: datetime) -> Read:
    """Headers and lines that moved, then the rest of those orders."""
    header, line, profile = (
        client.profile.entity("purchaseOrder"),
        client.profile.entity("purchaseOrderLine"),
        client.profile,
    )
    shared_set = profile.workspace.shared_sets.get(profile.entity("supplier").shared_set or "", "")
    orders: list[tuple[Row, Span, Record]] = []
    lines: list[tuple[Row, Span, Record]] = []
    named: list[tuple[Row, Span, Record]] = []
    for books in _domains_of(client, moved):
        heads = {str(one[header.wire("code")]): one for one in moved[books.domain]["purchaseOrder"]}
        of_lines = {str(one[line.wire("order")]) for one in moved[books.domain]["purchaseOrderLine"]}
        heads |= _first(_of_values(client, "purchaseOrder", books, "code", of_lines - heads.keys()))
        of_orders = _of_values(client, "purchaseOrderLine", books, "order", heads)
        for number, record in heads.items():
            span = modified(record, header, profile, read_at)
            orders.append((_typed(record, header, profile, books, span, {
                "number": number, "supplier_set": shared_set, "supplier": _text(record, header, "supplier"),
                "site": _text(record, header, "site"), "currency": _text(record, header, "currency"),
                "terms": _text(record, header, "creditTerms"), "status": _text(record, header, "status"),
            }, dates=("order_date", "orderDate", "due_date", "dueDate")), span, record))  # fmt: skip
        for number, some in of_orders.items():
            for record in some:
                span = modified(record, line, profile, read_at)
                row = _typed(record, line, profile, books, span, {
                    "number": number, "line": _text(record, line, "line"), "item": _text(record, line, "item"),
                    "site": _text(record, line, "site"), "gl_account": _text(record, line, "glAccount"),
                    "cost_center": _text(record, line, "costCentre"),
                }, amounts=("quantity", "quantity", "price", "price"), dates=("due_date", "dueDate"))  # fmt: skip
                lines.append((row, span, record))
        supplier = profile.entity("supplier")
        codes = {row["supplier"] for row, _, _ in orders if row["domain"] == books.domain} - {""}
        asked = (
            by_values(client, "supplier", books, supplier.wire("code"), codes, _set(client, supplier)) if codes else {}
        )
        named += _supplier_rows(client, books, _first(asked), {}, read_at)
    return {"purchase_orders": orders, "purchase_order_lines": lines, NAMED: named}


def _receipts(client: QadClient, moved: Moved, read_at: datetime) -> Read:
    receipt, header, profile = client.profile.entity("receipt"), client.profile.entity("purchaseOrder"), client.profile
    rows: list[tuple[Row, Span, Record]] = []
    for books in _domains_of(client, moved):
        came = moved[books.domain]["receipt"]
        numbers = {str(one[receipt.wire("order")]) for one in came}
        heads = _first(_of_values(client, "purchaseOrder", books, "code", numbers))
        for record in came:
            number, span = str(record[receipt.wire("order")]), modified(record, receipt, profile, read_at)
            amounts, dates = ("quantity", "quantity", "unit_cost", "unitCost"), ("received", "receiptDate")
            row = _typed(record, receipt, profile, books, span, {
                "receiver": _text(record, receipt, "receiver"), "number": number,
                "line": _text(record, receipt, "line"),
                "currency": _text(heads[number], header, "currency") if number in heads else "",
                "packing_slip": _text(record, receipt, "packingSlip"),
            }, amounts=amounts, dates=dates)  # fmt: skip
            if number not in heads:
                row["unreadable"] = row["unreadable"] or f"its purchase order {number} cannot be read"
            rows.append((row, span, record))
    return {"receipts": rows}


_ENTITY = {"suppliers": "supplier", "purchase_orders": "purchaseOrder", "receipts": "receipt"}
# What says that something of an entity moved.
_MOVED: Mapping[str, Sequence[str]] = {
    "suppliers": ("supplier", "businessRelation"), "purchase_orders": ("purchaseOrder", "purchaseOrderLine"),
    "receipts": ("receipt",),
}  # fmt: skip
_READERS: Mapping[str, Callable[[QadClient, Moved, datetime], Read]] = {
    "suppliers": _suppliers, "purchase_orders": _orders, "receipts": _receipts,
}  # fmt: skip


def _of_values(
    client: QadClient, name: str, books: Company, logical: str, values: Collection[str]
) -> Mapping[str, list[Record]]:
    entity = client.profile.entity(name)
    in_domain = [Filter(entity.wire("domain"), "eq", books.domain)]
    found: dict[str, list[Record]] = {}
    for record in all_of(client, name, books, entity.wire(logical), values, in_domain):
        found.setdefault(str(record[entity.wire(logical)]), []).append(record)
    return found


def _first(held: Mapping[str, list[Record]]) -> dict[str, Record]:
    return {value: records[0] for value, records in held.items()}


def _set(client: QadClient, entity: Entity) -> list[Filter]:
    wire, shared = entity.wire("sharedSetCode"), client.profile.workspace.shared_sets
    return [Filter(wire, "eq", shared[entity.shared_set or ""])]


def _typed(
    record: Record, entity: Entity, profile: Profile, books: Company, span: Span, texts: Row, *,
    amounts: Iterable[str] = (), dates: Iterable[str] = (),
) -> Row:  # fmt: skip
    """``amounts`` and ``dates``: column and logical name in turn."""
    row: Row = {"domain": books.domain, "unreadable": "", "modified_on": span[0], **texts}
    for read, names in ((_amount, amounts), (_date, dates)):
        given = iter(names)
        for column, logical in zip(given, given, strict=True):
            try:
                row[column] = read(record, entity, profile, logical)
            except ValueError as error:
                row[column], row["unreadable"] = None, row["unreadable"] or str(error)
    return row


def _amount(record: Record, entity: Entity, _: Profile, logical: str) -> Decimal:
    found = read_amount(record.get(entity.wire(logical)), entity.wire(logical))
    if found != round(found, 8) or abs(found) >= Decimal(10) ** 15:
        raise ValueError(f"{entity.wire(logical)}: {found} has more digits than an amount may have")
    return found


def _date(record: Record, entity: Entity, profile: Profile, logical: str) -> Any:
    return read_date(record.get(entity.wire(logical)), profile, entity.wire(logical)) if entity.has(logical) else None


def _text(record: Record, entity: Entity, logical: str) -> str:
    value = record.get(entity.wire(logical)) if entity.has(logical) else None
    if isinstance(value, dict | list):
        raise UntrustedAnswer(f"{entity.path}: {entity.wire(logical)} is no text")
    return "" if value is None else str(value)
