"""ServiceNow's rows as supplier invoices (``documents.frames``). Invariant: all rows of one supplier, number and type
are one document; rows that are to be posted and contradict each other hold it, none is chosen.

Of several submissions of one row (the outbound road makes a new one each time) the last one counts. A credit memo is
negative here, whichever sign ServiceNow gives it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import SUPPLIER_INVOICE_LINE_SOURCE, SUPPLIER_INVOICE_SOURCE
from st_pipelines.systems.servicenow.invoice_rows import GONE, LIVE

TAG = "SN"
AFTERWARDS = ("pending_payment", "paid", "processed")  # states that only follow once the books have it
_SAME = ("supplier", "supplier_invoice_number", "kind", "invoice_date", "due_date", "currency", "amount", "tax",
         "freight", "order", "legal_entity")  # fmt: skip
_SAME_LINE = ("description", "quantity", "unit_price", "amount", "order", "order_line", "cost_center", "gl_account")

Tables = Mapping[str, pa.Table]
Row = Mapping[str, Any]


@dataclass
class _Document:
    """One identity. ``shown``: the row that the document is made of, None where none can be read."""

    key: str
    rows: list[Row] = field(default_factory=list)
    shown: Row | None = None
    eligibility: str = ""
    unreadable: str = ""
    conflict: str = ""
    stands_as: str = ""

    @property
    def modified_on(self) -> datetime:
        newest: datetime = max(row["modified_on"] for row in self.rows)
        return newest


def supplier_invoices(tables: Tables, tenant: str) -> tuple[pa.Table, pa.Table]:
    """Tables ``invoices``, ``invoice_lines``, ``invoices_unreadable`` of one day; gives ``SUPPLIER_INVOICE_SOURCE`` and
    ``SUPPLIER_INVOICE_LINE_SOURCE``."""
    given, lines = tables["invoices"], tables["invoice_lines"]
    documents = _documents(given.to_pylist(), tables["invoices_unreadable"].to_pylist(), lines, tenant)
    shown = [one.shown["id"] for one in documents if one.shown is not None]
    headers = pa.Table.from_pylist([_header(one) for one in documents], SUPPLIER_INVOICE_SOURCE)
    keys = pa.array([one.key for one in documents if one.shown is not None], pa.string())
    return headers, _lines(lines, pa.array(shown, pa.string()), keys, _turned_over(documents))


def not_told(tables: Tables, tenant: str) -> list[str]:
    """Keys of documents of which a row that is to be in the books carries no voucher."""
    rows = tables["invoices"].select(["identity", "state", "voucher"]).to_pylist()
    found = {row["identity"] for row in rows if row["state"] in LIVE and not row["voucher"]}
    return [key_of(tenant, one) for one in sorted(found)]


def key_of(tenant: str, identity: str) -> str:
    return f"{TAG}:{tenant}:invoice:{identity}"


def _documents(rows: Sequence[Row], broken: Sequence[Row], lines: pa.Table, tenant: str) -> list[_Document]:
    found: dict[str, _Document] = {}
    for row in (*rows, *broken):
        # A row without supplier or number is no invoice that could be told from others yet: it is held by itself.
        key = key_of(tenant, row["identity"]) if row["identity"] else f"{TAG}:{tenant}:invoice_row:{row['id']}"
        found.setdefault(key, _Document(key)).rows.append(row)
    several = [one for one in found.values() if len(one.rows) > 1]
    of = _lines_of(lines, {row["id"] for one in several for row in one.rows})
    for one in found.values():
        _judge(one, of)
    return sorted(found.values(), key=lambda one: one.key)


def _judge(one: _Document, lines: Mapping[str, Sequence[Row]]) -> None:
    live = _last_submissions([row for row in one.rows if row["state"] in LIVE])
    if not live:
        newest = max(one.rows, key=lambda row: (row["modified_on"], row["id"]))
        if newest["state"] == GONE:
            one.eligibility = "no row of it is approved in ServiceNow any more"
            return
        told = f": {newest['message']}" if newest.get("message") else ""
        one.eligibility = f"{newest['shown_state']} in ServiceNow ({newest['number']}){told}"
        one.shown = newest if "reason" not in newest else None
        return
    broken = [row for row in live if "reason" in row]
    readable = sorted((row for row in live if "reason" not in row), key=lambda row: (row["number"], row["id"]))
    one.shown = readable[0] if readable else None
    if broken:
        one.unreadable = "; ".join(f"{row['number'] or row['id']}: {row['reason']}" for row in broken)
    elif len({_content(row, lines) for row in readable}) > 1:
        named = [f"{row['number']} of {row['amount']:.2f} {row['currency']}" for row in readable]
        one.conflict = f"{' and '.join(named)} are all to be posted, and differ"
    vouchers = [row["voucher"] for row in readable if row["voucher"]]
    states = [row["shown_state"] for row in readable if row["state"] in AFTERWARDS]
    one.stands_as = next(iter(vouchers), next((f"state {state}" for state in states), ""))


def _last_submissions(rows: Iterable[Row]) -> list[Row]:
    last: dict[str, Row] = {}
    for row in rows:
        submission = row.get("submission") or row["id"]
        known = last.get(submission)
        if known is None or _when(known) < _when(row):
            last[submission] = row
    return list(last.values())


def _when(row: Row) -> tuple[str, str]:
    """When a row was made, as far as the profile names it; then by its number, which counts up."""
    return row.get("submitted") or "", row["number"]


def _content(row: Row, lines: Mapping[str, Sequence[Row]]) -> tuple[Any, ...]:
    own = sorted(tuple(str(line[name]) for name in _SAME_LINE) for line in lines.get(row["id"], ()))
    return (*(row[name] for name in _SAME), tuple(own))


def _lines_of(lines: pa.Table, ids: Iterable[str]) -> Mapping[str, list[Row]]:
    of: defaultdict[str, list[Row]] = defaultdict(list)
    wanted = pa.array(sorted(ids), pa.string())
    for line in lines.filter(pc.is_in(lines["invoice"], value_set=wanted)).to_pylist():
        of[line["invoice"]].append(line)
    return of


def _header(one: _Document) -> dict[str, Any]:
    row = one.shown or one.rows[0]
    sign = -1 if _is_turned(one) else 1
    known = {name: row.get(name) for name in ("invoice_date", "due_date")}
    amounts = {f"{name}_amount": sign * row[name] if row.get(name) is not None else None for name in ("tax", "freight")}
    return {
        **known, **amounts, "doc_key": one.key, "source_id": row["id"], "number": row["number"],
        "modified_on": one.modified_on, "is_active": True, "eligibility": one.eligibility,
        "unreadable": one.unreadable, "currency": row.get("currency") or "",
        "business_unit": row.get("legal_entity") or "", "supplier": row["supplier"],
        "supplier_reference": row["supplier_invoice_number"], "credit_memo": row["kind"] == "credit_memo",
        "amount": sign * row["amount"] if row.get("amount") is not None else None,
        "purchase_order": row.get("order") or "", "stands_as": one.stands_as, "conflict": one.conflict,
    }  # fmt: skip


def _is_turned(one: _Document) -> bool:
    """A credit memo that ServiceNow shows with a positive amount."""
    row = one.shown
    return row is not None and row["kind"] == "credit_memo" and row["amount"] > 0


def _turned_over(documents: Sequence[_Document]) -> pa.Array:
    return pa.array([one.key for one in documents if _is_turned(one)], pa.string())


def _lines(lines: pa.Table, shown: pa.Array, keys: pa.Array, turned: pa.Array) -> pa.Table:
    """Those of the rows that documents are made of, numbered in the order in which they came."""
    lines = lines.filter(pc.is_in(lines["invoice"], value_set=shown))
    doc_keys = keys.take(pc.index_in(lines["invoice"].combine_chunks(), value_set=shown))
    over = pc.is_in(doc_keys, value_set=turned)

    def signed(name: str) -> pa.Array:
        column = lines[name].combine_chunks()
        return pc.if_else(over, pc.negate(column), column)

    made = {
        "doc_key": doc_keys, "sequence": _numbered(lines["invoice"].to_pylist()), "source_id": lines["line_number"],
        "quantity": signed("quantity"), "amount": signed("amount"),
        **{name: lines[name] for name in ("gl_account", "cost_center", "unit_price", "order", "order_line",
                                          "order_currency", "description")},
    }  # fmt: skip
    return pa.table({name: made[name] for name in SUPPLIER_INVOICE_LINE_SOURCE.names}).cast(
        SUPPLIER_INVOICE_LINE_SOURCE
    )


def _numbered(invoices: Sequence[str]) -> pa.Array:
    seen: defaultdict[str, int] = defaultdict(int)
    numbers = []
    for one in invoices:
        seen[one] += 1
        numbers.append(seen[one])
    return pa.array(numbers, pa.int64())
