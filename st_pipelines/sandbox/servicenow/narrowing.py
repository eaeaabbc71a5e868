"""Which rows can fit at all, by an index. Invariant: narrowing changes how long a query takes and never what it
selects; only conditions that count are given to it, not those that are left out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from st_pipelines.sandbox.servicenow.encoded_query import Condition
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import INSTANT, parsed

Record = dict[str, Any]
_STAMP = "sys_updated_on"
_BEHIND = "!"  # sorts behind the very stamp and before the next second's


def narrowed(rows: Rows, table: str, alone: Sequence[Condition]) -> tuple[Iterable[Record], frozenset[Condition]]:
    """The candidates, and the conditions that all of them fit. ``alone``: conditions that must all hold."""
    family, books = rows.schema.family(table), rows.books
    for one in alone:
        column = rows.schema.column(table, one.field)
        exact = column is not None and (one.field == "sys_id" or column.kind == "reference")
        if exact and one.operator == "=" and len(one.value) == 32 and one.value == one.value.lower():
            return [row for name in family for row in books.find(name, one.field, one.value)], frozenset()
    low, high = "", "~"
    covered, narrowing = set[Condition](), False
    for one in alone:
        if one.field != _STAMP or one.operator not in ("=", ">", ">=", "<", "<=") or not parsed(one.value, INSTANT):
            continue
        narrowing = True
        if one.operator in ("=", ">", ">="):
            low = max(low, one.value + _BEHIND if one.operator == ">" else one.value)
        if one.operator in ("=", "<", "<="):
            high = min(high, one.value)
        if one.operator != "<":
            covered.add(one)
    if not narrowing:
        return rows.all(table), frozenset()
    found = [row for name in family for row in books.between(name, _STAMP, low or "0", high)]
    return found, frozenset(covered)
