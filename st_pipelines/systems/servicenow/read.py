"""Reads what was modified in a window of a table, page by page. Invariant: every row that stood in the window during
the whole reading comes out, or an error is raised; one page is in memory.

Rights are applied after the limit, so a short or empty page is no end: the count decides. A window ends in the past, so
it can only lose rows; one that leaves it got a later stamp and comes with a later window. Rows may come twice (overlap,
a reading begun again): the receiver keeps one by sys_id.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from st_pipelines.systems.http.errors import Forbidden
from st_pipelines.systems.servicenow import offsets
from st_pipelines.systems.servicenow.answers import said
from st_pipelines.systems.servicenow.keyset import (
    STAMP,
    SYS_ID,
    Dropped,
    Place,
    Window,
    places,
    question,
    require_ascending,
)
from st_pipelines.systems.servicenow.pages import Asking, Page
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import AllOf, Columns
from st_pipelines.systems.servicenow.values import instant

log = logging.getLogger("st_pipelines.servicenow")

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


class _NotGranted(Exception):
    """Conditions on the keys, or the order by them, are refused or ignored."""


class Reader:
    """One table of one instance, for any number of windows. Not thread-safe. ``filter_by``: what a base filter may
    name; its conditions are made of ``columns``."""

    def __init__(self, proof: Proof, table: str, shown: tuple[str, ...], filter_by: tuple[str, ...] = ()) -> None:
        self._asking = Asking(proof, table, shown, filter_by)
        self._client, self._table = proof.client, table
        self._by_offset = False

    @property
    def columns(self) -> Columns:
        return self._asking.columns

    def window(self, window: Window, base: AllOf = (), after: Place | None = None) -> Iterator[Page]:
        """All pages of a window in ascending order; ``after`` goes on where an earlier reading ended."""
        if window.start >= window.end:
            return
        if not self._by_offset:
            try:
                yield from self._by_keys(window, base, after)
                return
            except _NotGranted as refused:
                self._by_offset = True
                log.warning(
                    "%s %s: read by offsets, because conditions on %s and %s are not granted (%s). To do: grant "
                    "query_range on both to the integration user",
                    self._client.connection, self._table, STAMP, SYS_ID, refused,
                )  # fmt: skip
        yield from offsets.pages(self._asking, window, base)

    def changes(self, since: datetime | None, base: AllOf = ()) -> "Changes":
        """What was modified since the newest stamp seen, less the overlap; everything where nothing was seen yet."""
        reading = self._client.reading
        end = self._client.now(self._table) - reading.settle
        start = _EVER if since is None else since - reading.overlap
        return Changes(self, Window.between(start, end), base, since)

    def _by_keys(self, window: Window, base: AllOf, after: Place | None) -> Iterator[Page]:
        hidden, count = 0, -1  # rows behind ``after`` that may not be read, and how many matched when they were met
        while True:
            try:
                answer = self._asking.ask(question(self.columns, base, window, after), hidden)
                found = places(answer.rows)
                require_ascending(found, window, after)
            except Forbidden as fault:
                raise _NotGranted(said(fault)) from fault
            except Dropped as dropped:
                raise _NotGranted(str(dropped)) from dropped
            if hidden and answer.count != count:
                hidden, count = 0, -1  # rows left the window meanwhile: one that moved up would be stepped over
                continue
            done = hidden + answer.asked >= answer.count
            if found:
                after, hidden, count = found[-1], 0, -1
                yield Page(answer.rows, after)
            else:
                hidden, count = hidden + answer.asked, answer.count
            if done:
                return


class Changes:
    """One poll. ``newest``: the newest stamp of the pages given so far, never our own clock; store it with them."""

    def __init__(self, reader: Reader, window: Window, base: AllOf, since: datetime | None) -> None:
        self._reader, self._base = reader, base
        self.window, self.newest = window, since

    def pages(self) -> Iterator[Page]:
        for page in self._reader.window(self.window, self._base):
            moment = instant(page.last.stamp)
            if moment is not None and (self.newest is None or moment > self.newest):
                self.newest = moment
            yield page
