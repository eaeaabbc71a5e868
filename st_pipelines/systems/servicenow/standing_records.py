"""Suppliers, orders, lines and receipts as the instance holds them now, by their reference. Invariant: a record
counts only if it shows the very keys that were asked for and our ERP source; one that may not be read is an error.

The reference is not stored there: a record is known by ERP number and ERP source, from which the reference follows.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from st_pipelines.documents.keys import coded, codes_of
from st_pipelines.documents.mapped import ControlLine
from st_pipelines.documents.money import CONTEXT, PIECES, round_to_minor, to_minor
from st_pipelines.documents.procurement import ORDERED, QUANTITY, RECEIVED
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.servicenow import values
from st_pipelines.systems.servicenow.answers import Row, Untrusted
from st_pipelines.systems.servicenow.profile import ProfileFault
from st_pipelines.systems.servicenow.proof import AT_ONCE
from st_pipelines.systems.servicenow.query import AllOf, above, all_of, between, one_of, query
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.staging_rows import ENTITY
from st_pipelines.systems.servicenow.tables import select

SYS_ID = "sys_id"
_OF_SOURCE = "erp"
Keys = tuple[str, ...]


def columns_of(instance: Instance, name: str) -> Mapping[str, str]:
    """Our name to the record's column: the table's, and what is read back of what was sent."""
    back = instance.profile.staging[name].read_back if name in instance.profile.staging else {}
    return {**instance.profile.table(name).columns, **back}


def _column(instance: Instance, name: str, column: str) -> str:
    found = columns_of(instance, name).get(column)
    if found is None:
        raise ProfileFault(f"staging.{name}.read_back: {column} is missing, without which nothing can be read back")
    return found


def keys_of(reference: str) -> Keys:
    """``QAD:10USA:purchase_order_line:PR1-2`` is (PR1, 2); a second life (``:2``) is the same record there."""
    parts = reference.split(":")
    if len(parts) < 4:
        raise CannotRender(f"{reference!r} is no reference of procurement")
    return codes_of(parts[3])


def find(instance: Instance, kind: str, company: str, references: Sequence[str]) -> dict[str, list[Found]]:
    """A reference that is absent has no entry; all that carry its keys where there are several."""
    keys: dict[Keys, list[str]] = {}
    for reference in references:
        if not reference.endswith(":void"):
            keys.setdefault(keys_of(reference), []).append(reference)
    found: dict[str, list[Found]] = {}
    for row in _by_keys(instance, kind, list(keys)):
        for reference in keys.get(_keys(instance, kind, row), ()):
            found.setdefault(reference, []).append(_found(instance, kind, company, reference, row))
    return found


def listed(instance: Instance, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
    """Everything of ours whose business date lies in [since, until]: lines by the date of their order."""
    if kind == "goods_receipt":
        rows = _between(instance, "receipts", "received", since.isoformat(), until.isoformat())
    else:
        span = f"{since} 00:00:00", f"{until} 23:59:59"
        rows = _between(instance, "purchase_orders", "order_date", *span)
        if kind == "purchase_order_line":
            orders = [text_of(row, SYS_ID) for row in rows]
            rows = _lines_of(instance, orders)
        elif kind != "purchase_order":
            raise CannotRender(f"{kind}: it has no business date; masters are not reconciled by amounts")
    for row in rows:
        if _value(instance, kind, row, _OF_SOURCE) == instance.source:
            number = coded(*_keys(instance, kind, row))
            yield _found(instance, kind, company, f"{instance.prefix}:{kind}:{number}", row)


# ----------------------------------------------------------------------------------------------------------- asking
def _by_keys(instance: Instance, kind: str, keys: Sequence[Keys]) -> Iterator[Row]:
    name = ENTITY[kind]
    if kind == "purchase_order_line":
        orders = _asked(instance, "purchase_orders", "number", sorted({order for order, _ in keys}))
        ours = [
            text_of(row, SYS_ID)
            for row in orders
            if _value(instance, "purchase_order", row, _OF_SOURCE) == instance.source
        ]
        yield from (row for row in _lines_of(instance, ours) if _keys(instance, kind, row) in set(keys))
        return
    if kind == "supplier_detail":
        suppliers = _asked(instance, "suppliers", "number", sorted({supplier for supplier, _ in keys}))
        ours = [text_of(row, SYS_ID) for row in suppliers
                if _value(instance, "supplier", row, _OF_SOURCE) == instance.source]  # fmt: skip
        details = _asked(instance, name, "supplier_id", sorted(set(ours)))
        yield from (row for row in details if _keys(instance, kind, row) in set(keys))
        return
    numbers = ["-".join(key) if kind == "goods_receipt" else key[0] for key in keys]
    for row in _asked(instance, name, "number", numbers):
        if _value(instance, kind, row, _OF_SOURCE) == instance.source:
            yield row


def _lines_of(instance: Instance, orders: Sequence[str]) -> list[Row]:
    return _asked(instance, "purchase_order_lines", "order_id", sorted(set(orders)))


def _asked(instance: Instance, name: str, column: str, wanted: Sequence[str]) -> list[Row]:
    """All rows with one of these values. Raises ``Untrusted`` for any other row, or where some may not be read."""
    table, rows = instance.profile.table(name), list[Row]()
    field = _column(instance, name, column)
    known = instance.proof.columns(table.table, [field, SYS_ID])
    for start in range(0, len(wanted), AT_ONCE):
        block = wanted[start : start + AT_ONCE]
        for row in pages(instance, name, all_of(one_of(known[field], block))):
            held = text_of(row, field)
            if held not in block:
                raise instance.client.fault(
                    Untrusted, f"asked for {field} of {len(block)} values, got {held[:60]!r}", table.table,
                    cure=f"see that {field} exists there and may be queried",
                )  # fmt: skip
            rows.append(row)
    return rows


def _between(instance: Instance, name: str, column: str, low: str, high: str) -> list[Row]:
    table = instance.profile.table(name)
    field = _column(instance, name, column)
    known = instance.proof.columns(table.table, [field, SYS_ID])
    rows = list(pages(instance, name, all_of(between(known[field], low, high))))
    for row in rows:
        if not low <= text_of(row, field) <= high:
            raise instance.client.fault(
                Untrusted, f"asked for {field} from {low} to {high}, got {text_of(row, field)!r}", table.table,
                cure=f"grant query_range on {field}",
            )  # fmt: skip
    return rows


def pages(instance: Instance, name: str, base: AllOf = (), also: Sequence[str] = ()) -> Iterator[Row]:
    """All of them, with the columns that the profile names and ``also`` some more, ordered by sys_id. Rights are
    applied after the limit, so the count decides whether it is all."""
    client, last, limit = instance.client, "", instance.client.reading.page_rows
    table, shown = (
        instance.profile.table(name),
        list(dict.fromkeys([SYS_ID, *also, *columns_of(instance, name).values()])),
    )
    known = instance.proof.columns(table.table, [SYS_ID])
    while True:
        asked = base + all_of(above(known[SYS_ID], last)) if last else base
        answer = select(client, table.table, query(asked, order_by=[known[SYS_ID]]), shown, limit=limit)
        if answer.total is None or min(answer.total, limit) > len(answer.rows):
            raise client.fault(Untrusted, f"{answer.total} records match and {len(answer.rows)} may be read",
                               table.table, cure="give the integration user a role that reads all rows")  # fmt: skip
        for row in answer.rows:
            if text_of(row, SYS_ID) <= last:
                raise client.fault(Untrusted, "the rows are not in the order that was asked for", table.table,
                                   cure="grant query_range on sys_id")  # fmt: skip
            last = text_of(row, SYS_ID)
            yield row
        if answer.total <= len(answer.rows):
            return


# ---------------------------------------------------------------------------------------------------------- reading
def _keys(instance: Instance, kind: str, row: Row) -> Keys:
    if kind == "purchase_order_line":
        return _value(instance, kind, row, "order"), _value(instance, kind, row, "line_number")
    if kind == "supplier_detail":
        return _value(instance, kind, row, "supplier"), _value(instance, kind, row, "legal_entity")
    number = _value(instance, kind, row, "number")
    return tuple(number.rpartition("-")[::2]) if kind == "goods_receipt" else (number,)


def _found(instance: Instance, kind: str, company: str, reference: str, row: Row) -> Found:
    content = {name: _value(instance, kind, row, name) for name in columns_of(instance, ENTITY[kind])}
    number = content.get("number") or "-".join(_keys(instance, kind, row))
    common = kind, company, reference, text_of(row, SYS_ID), number
    if kind in ("supplier", "supplier_detail"):
        return Found(*common, content=content)
    if kind == "purchase_order":
        currency, total = _money(instance, content["amount"])
        return Found(*common, business_date=_day(content["order_date"]), currency=currency, total=total,
                     content=content | {"amount": f"{total:f}", "currency": currency})  # fmt: skip
    quantity = values.amount(content["quantity"]) or Decimal(0)
    if kind == "purchase_order_line":
        currency, total = _money(instance, content["amount"])
        order, account, day = content["order"], ORDERED, _day(content["order_date"])
        price = _money(instance, content["unit_price"])[1]
        content |= {"amount": f"{total:f}", "currency": currency, "unit_price": f"{price:f}"}
    else:
        currency, price = _money(instance, content["unit_price"])
        total = round_to_minor(CONTEXT.multiply(quantity, price), currency)
        order, account, day = content["order"], RECEIVED, _day(content["received"])
    control = (ControlLine(order, account, "", to_minor(total, currency)),
               ControlLine(order, f"{account}{QUANTITY}", "", to_minor(quantity, PIECES)))  # fmt: skip
    return Found(*common, business_date=day, currency=currency, total=total, control=control, content=content)


def _value(instance: Instance, kind: str, row: Row, name: str) -> str:
    return text_of(row, _column(instance, ENTITY[kind], name))


def text_of(row: Row, column: str) -> str:
    """Raises where the column was asked for and not shown: then nothing can be said about it."""
    if column not in row:
        raise values.UnreadableValue(f"{column} is missing: the integration user may not read it")
    return values.stored(row[column])


def _money(instance: Instance, text: str) -> tuple[str, Decimal]:
    found = values.money(text, instance.profile.currency)
    if found is None:
        return instance.profile.currency, Decimal(0)
    return found[0], round_to_minor(found[1], found[0]) if found[1] == round_to_minor(found[1], found[0]) else found[1]


def _day(text: str) -> date | None:
    """Of a date, or of an instant at midnight."""
    return datetime.fromisoformat(text).date() if text else None


def same(held: Mapping[str, str], planned: Mapping[str, str]) -> list[str]:
    """What differs, as sentences; numbers are compared as numbers."""
    found = []
    for name, text in planned.items():
        there = held.get(name)
        if there is None or there == text:
            continue  # a column that the profile does not read back cannot be compared
        if _number(there) is not None and _number(there) == _number(text):
            continue
        found.append(f"{name}: planned {text!r}, ServiceNow holds {there!r}")
    return found


def _number(text: str) -> Decimal | None:
    """None for what begins like a code (``0100``), which is not the number it looks like."""
    if text[:1] == "0" and text[1:2].isdigit():
        return None
    try:
        return values.amount(text)
    except values.UnreadableValue:
        return None


def every(instance: Instance, name: str) -> list[dict[str, str]]:
    """All rows of a small table by our own names of its columns."""
    columns = columns_of(instance, name)
    return [{ours: text_of(row, theirs) for ours, theirs in columns.items()} for row in pages(instance, name)]
