"""Reads a closed window by offsets, for a user who may not compare or sort by sys_id. Invariant: a reading during which
the count moved, or a row came twice, is begun again; after a few attempts it is an error.

The window lies in the past, so rows can only leave it: equal counts before, during and after prove that no row moved
up over the edge of a page unseen.
"""

from collections.abc import Iterator

from st_pipelines.systems.servicenow.keyset import Dropped, Window, places, question
from st_pipelines.systems.servicenow.pages import Asking, Page, SourceKeepsMoving
from st_pipelines.systems.servicenow.query import AllOf


class _Moved(Exception):
    """The rows moved while they were read."""


def pages(asking: Asking, window: Window, base: AllOf) -> Iterator[Page]:
    """All pages of the window; rows of a reading that was begun again come twice."""
    why = ""
    for _ in range(asking.client.reading.attempts):
        try:
            yield from _once(asking, window, base)
            return
        except _Moved as moved:
            why = str(moved)
    raise asking.client.fault(SourceKeepsMoving, f"its rows moved during every reading ({why})", asking.table,
                              cure="run it again in a quieter hour, or grant query_range on sys_id")  # fmt: skip


def _once(asking: Asking, window: Window, base: AllOf) -> Iterator[Page]:
    asked = question(asking.columns, base, window, None, by_id=False)
    offset, newest, edge = 0, window.start, set[str]()
    total: int | None = None
    while total is None or offset < total:
        answer = asking.ask(asked, offset)
        if total not in (None, answer.count):
            raise _Moved(f"{total} rows before, {answer.count} after")
        total = answer.count
        try:
            found = places(answer.rows)
        except Dropped as dropped:
            raise asking.not_as_asked(str(dropped)) from dropped
        for place in found:
            if not window.start <= place.stamp < window.end or place.stamp < newest:
                raise asking.not_as_asked(f"a row of {place.stamp} where one of {newest} or later was to come")
            newest = place.stamp
        ids = {place.sys_id for place in found}
        if len(ids) < len(found) or ids & edge:
            raise _Moved("a row came twice")
        if found:
            edge = ids  # by stamp alone, only rows of one second can change places
            yield Page(answer.rows, found[-1])
        offset += answer.asked
    if offset > answer.asked and asking.ask(asked).count != total:
        raise _Moved(f"the count of {total} rows changed at the end")
