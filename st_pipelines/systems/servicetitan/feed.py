"""Reads a window from an export feed beside its list, for what only the feed says (whether a bill still stands).

Invariant: every row of the list comes out once, and every row of the feed that was modified in the window or is wanted
by its id; a row that the feed has not shown yet keeps ``active`` unknown, and its document is held. What is wanted was
modified after the window began (we marked it), so the feed shows it.

A feed starts at a date and has no end, no order that may be relied on, and no page size: it is always read to its end,
so an old day costs the pages of all that was modified since. ``extract_days`` reads it once for many days.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicetitan.arrays import texts
from st_pipelines.systems.servicetitan.columns import exact_instants
from st_pipelines.systems.servicetitan.decode import Unreadable
from st_pipelines.systems.servicetitan.pages import PageReader, Read, Window, day_before, values
from st_pipelines.systems.servicetitan.walk import by_ids, walk

_NO_WINDOW = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))


class Standing:
    """The newest version of each record in a window or wanted by its id. In memory: a day's bills are few."""

    def __init__(self, wanted: Collection[int] = ()) -> None:
        self.wanted = frozenset(wanted)
        self.pages: list[str] = []
        self.unreadable: dict[int | str, tuple[Unreadable, str]] = {}
        self._newest: dict[int, tuple[int, bool, Any, bool]] = {}

    @property
    def records(self) -> list[Any]:
        """First those of the window, then the others, each by id, so that the same day gives the same table."""
        order = sorted(self._newest, key=lambda one: (not self._newest[one][3], one))
        return [self._newest[one][2] for one in order]

    @property
    def in_window(self) -> int:
        """How many of the records were modified in the window."""
        return sum(newest[3] for newest in self._newest.values())

    @property
    def missing(self) -> tuple[int, ...]:
        return tuple(sorted(self.wanted - self._newest.keys() - self.unreadable.keys()))

    def add(self, reader: PageReader, read: Read, window: Window, *, from_feed: bool) -> None:
        """Of two versions the later wins; of the same one the feed's, because it says more."""
        self.pages.append(read.sha256)
        stamps = values(read.tables[reader.shape.name], "modified_at")
        for record, stamp, modified in zip(read.page.records, stamps, _exactly(read), strict=True):
            inside = stamp is not None and window.start <= stamp < window.end
            if inside or not from_feed or record.id in self.wanted:
                self.offer(record, modified, from_feed=from_feed, inside=inside)
        for one in read.page.unreadable:
            self.unreadable.setdefault(
                one.id if one.id is not None else f"{read.sha256}:{one.position}", (one, read.sha256)
            )

    def offer(self, record: Any, modified: int, *, from_feed: bool, inside: bool) -> None:
        known = self._newest.get(record.id)
        if known is None or known[:2] <= (modified, from_feed):
            self._newest[record.id] = (modified, from_feed, record, inside)


def _exactly(read: Read) -> list[int]:
    """Instants of modification in nanoseconds: the microseconds of the table would make ties of what is none."""
    stamps = texts([record.modified_on or record.created_on for record in read.page.records])
    return [-1 if at is None else at for at in exact_instants(stamps, "modifiedOn").cast(pa.int64()).to_pylist()]


def read_window(reader: PageReader, window: Window, wanted: Collection[int]) -> Standing:
    """List and feed of one window as one. Raises ``Drift`` as ``walk`` does."""
    found = Standing(wanted)
    for read in walk(reader, window.params(), closed=True):
        found.add(reader, read, window, from_feed=False)
    for read in _feed(reader, window):
        found.add(reader, read, window, from_feed=True)
    return found


def read_windows(
    reader: PageReader,
    whole: Window,
    listed: Iterable[Read],
    places: Callable[[Read, bool], Iterator[range]],
    wanted: Sequence[Collection[int]],
) -> list[Standing]:
    """What ``read_window`` gives for each of adjoining windows, from one list and one feed. ``listed``: the list's
    pages of all of them; ``places(read, listed)``: the windows that each row of a page lies in; ``wanted``: ids, for
    each window."""
    found = [Standing(ids) for ids in wanted]
    naming: dict[int, list[int]] = {}
    for day, ids in enumerate(wanted):
        for one in ids:
            naming.setdefault(one, []).append(day)

    def add(read: Read, *, from_feed: bool) -> None:
        for record, modified, of in zip(read.page.records, _exactly(read), places(read, not from_feed), strict=True):
            named = naming.get(record.id, ()) if from_feed else ()
            for day in (*of, *(day for day in named if day not in of)):
                found[day].offer(record, modified, from_feed=from_feed, inside=day in of)
                if read.sha256 not in found[day].pages[-1:]:
                    found[day].pages.append(read.sha256)

    for read in listed:
        add(read, from_feed=False)
    for read in _feed(reader, whole):
        add(read, from_feed=True)
    return found


def read_ids(reader: PageReader, ids: frozenset[int], since: datetime) -> Standing:
    """Single records out of list and feed, whenever they were modified. The feed is begun where the oldest of them was
    modified; with one that the list does not show (a cancelled bill), at ``since``."""
    found, oldest = Standing(ids), list[datetime]()
    if not ids:
        return found
    for read in by_ids(reader, ids):
        found.add(reader, read, _NO_WINDOW, from_feed=False)
        oldest += [at for at in values(read.tables[reader.shape.name], "modified_at") if at is not None]
    start = min([*oldest, since] if found.missing or not oldest else oldest)
    for read in _feed(reader, Window(start, start)):
        found.add(reader, read, _NO_WINDOW, from_feed=True)
    found.unreadable = {key: one for key, one in found.unreadable.items() if key in ids}
    return found


def _feed(reader: PageReader, window: Window) -> Iterator[Read]:
    token, asked = day_before(window.start), set()
    while True:
        asked.add(token)
        read = reader.feed(token)
        yield read
        if not read.page.has_more:
            return
        reader.transcript.give_up()  # no token is stored (ADR 4): the feed may refuse an old one
        token = read.page.token
        if not token or token in asked:
            what = "its feed says that there is more and gives no new token"
            raise reader.fault(BadAnswer, what, "run the day again; if it stays, report it to ServiceTitan")
