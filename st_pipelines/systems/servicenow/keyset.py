"""Where a reading stands in a table and what it asks next. Invariant: (stamp, sys_id) only ever grows, and a row that
is not above the place asked from proves that a condition or the order was dropped.

``^OR`` would join only its neighbour and lose rows, so the two ways of being above a place are alternatives (``^NQ``),
each with the base filter and the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from st_pipelines.systems.servicenow.answers import Row
from st_pipelines.systems.servicenow.query import AllOf, Columns, above, all_of, at_least, below, equals, query
from st_pipelines.systems.servicenow.values import stamp, stored

STAMP, SYS_ID = "sys_updated_on", "sys_id"


class Dropped(Exception):
    """The rows are not those that were asked for, or not in the order asked for."""


@dataclass(frozen=True, order=True)
class Place:
    """The last row read. Compares as the instance orders: stamp, then sys_id."""

    stamp: str
    sys_id: str


@dataclass(frozen=True)
class Window:
    """Instants of modification [start, end), as stored: whole seconds of UTC."""

    start: str
    end: str

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "Window":
        return cls(stamp(start), stamp(end))

    @property
    def is_empty(self) -> bool:
        return self.start >= self.end


def question(columns: Columns, base: AllOf, window: Window, after: Place | None, *, by_id: bool = True) -> str:
    """The next page's query. ``by_id`` false: ordered by stamp alone, for users who may not sort by sys_id."""
    at, key = columns[STAMP], columns[SYS_ID]
    order = [at, key] if by_id else [at]
    until = below(at, window.end)
    if after is None:
        return query(base + all_of(at_least(at, window.start), until), order_by=order)
    later = all_of(above(at, after.stamp), until)
    tied = all_of(equals(at, after.stamp), above(key, after.sys_id))
    return query(base, later, tied, order_by=order)


def places(rows: Sequence[Row]) -> list[Place]:
    """Raises ``Dropped`` for a row without its stamp or sys_id."""
    if any(not row.get(STAMP) or not row.get(SYS_ID) for row in rows):
        raise Dropped(f"rows come without {STAMP} or {SYS_ID}")
    return [Place(stored(row[STAMP]), stored(row[SYS_ID])) for row in rows]


def require_ascending(found: Sequence[Place], window: Window, after: Place | None) -> None:
    """Raises ``Dropped`` unless every row lies in the window, above ``after``, in order and once."""
    before = after
    for place in found:
        if not window.start <= place.stamp < window.end:
            raise Dropped(f"a row of {place.stamp} lies outside the window {window.start} to {window.end}")
        if before is not None and place <= before:
            raise Dropped(f"{place.stamp} {place.sys_id} comes after {before.stamp} {before.sys_id}")
        before = place
