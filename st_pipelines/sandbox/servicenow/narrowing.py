"""Which rows can fit at all, by an index. Invariant: narrowing changes how long a query takes and never what it
selects; only conditions that count are given to it, not those that are left out.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from st_pipelines.sandbox.servicenow.encoded_query import Condition
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import INSTANT, parsed

Record = dict[str, Any]
_STAMP = "sys_updated_on"
_SECOND = timedelta(seconds=1)


def narrowed(rows: Rows, table: str, alone: Sequence[Condition]) -> tuple[Iterable[Record], frozenset[Condition]]:
    """The candidates, and the conditions that all of them fit. ``alone``: conditions that must all hold."""
    family, books = rows.schema.family(table), rows.books
    for one in alone:
        column = rows.schema.column(table, one.field)
        exact = column is not None and (one.field == "sys_id" or column.kind == "reference")
        if exact and one.operator == "=" and len(one.value) == 32 and one.value == one.value.lower():
            return [row for name in family for row in books.find(name, one.field, one.value)], frozenset()
    low, high, covered = "", "~", set[Condition]()
    for one in alone:
        stamp = parsed(one.value, INSTANT) if one.field == _STAMP else None
        if stamp is None or one.operator not in ("=", ">", ">=", "<", "<="):
            continue
        covered.add(one)
        if one.operator in ("=", ">", ">="):
            low = max(low, _text(stamp, one.operator == ">", _SECOND))
        if one.operator in ("=", "<", "<="):
            high = min(high, _text(stamp, one.operator == "<", -_SECOND))
    if not covered:
        return rows.all(table), frozenset()
    found = [row for name in family for row in books.between(name, _STAMP, low or "0", high)]
    return found, frozenset(covered)


def _text(stamp: datetime, strict: bool, step: timedelta) -> str:
    """The bound with its own second, or the one beside it: stamps have whole seconds."""
    return (stamp + step if strict else stamp).strftime(INSTANT)
