"""Reads several days of one entity at once. Invariant: each day's share holds exactly the rows, in the order, that
reading the day alone would have given; where that cannot be said for certain, ``ReadApart`` is raised.

A share is decided by the modifiedOn that a row shows. A row without one, a row outside all windows and a record that
cannot be read say nothing certain about their day, so days with such rows are read apart. Everything is in memory until
the walk has proved itself, so a span is limited (``Reading.span_records``).
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan import feed
from st_pipelines.systems.servicetitan.decode import shape_of
from st_pipelines.systems.servicetitan.entities import DAILY, Entity, Ids
from st_pipelines.systems.servicetitan.landed import Landed
from st_pipelines.systems.servicetitan.pages import Day, PageReader, Read, Window, values
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.transcript import Transcript
from st_pipelines.systems.servicetitan.walk import by_ids, in_order, is_read_whole, length, walk

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_Rows = dict[int, tuple[Any, Sequence[str]]]  # by id, in the order received: the record and where it came from


class ReadApart(Exception):
    """These days cannot be read together; ``pieces``: how many parts to try instead."""

    def __init__(self, why: str, pieces: int = 2) -> None:
        super().__init__(why)
        self.pieces = pieces


@dataclass
class Share:
    """A day's rows: first ``in_window`` of the window, then those asked for by id. ``pages``: where they came from; of
    a day without rows the pages that show that there are none. ``missing``: ids that do not exist."""

    records: list[Any] = field(default_factory=list)
    in_window: int = 0
    pages: list[str] = field(default_factory=list)
    missing: tuple[int, ...] = ()


class Span:
    """Adjoining days of one entity. Raw pages are kept under the first day."""

    def __init__(
        self, client: ServiceTitan, store: Store, integration: str, entity: Entity, days: Sequence[Day]
    ) -> None:
        self._days, self._entity, self._most = days, entity, client.reading.span_records
        self._whole = Window(days[0].window.start, days[-1].window.end)
        self._starts = np.array([(day.window.start - _EPOCH) // _MICROSECOND for day in days], np.int64)
        self._ends = np.array([(day.window.end - _EPOCH) // _MICROSECOND for day in days], np.int64)
        self._transcript = Transcript()
        self._readers = {
            about.name: PageReader(
                client, store, integration, about, days[0].key, shape_of(about.name, about), self._transcript
            )
            for about in (entity, *(DAILY[name] for name in entity.woken_by))
        }
        self._reader = self._readers[entity.name]
        self._pages: list[str] = []  # of the window's list, in the order read
        self.landed = Landed(client, store, integration, entity, days, self._readers, self._transcript)

    def read(self) -> list[Share]:
        """One share a day. Raises ``ReadApart``, ``Drift`` as ``walk`` does, and ``SystemFault``."""
        self._pages = []
        self._transcript.begin()
        wanted = self._wanted()
        if self._entity.feed:
            return self._from_feed(wanted)
        windows = self._shown() if self._entity.window_is_shown else self._hidden()
        how, nothing = self._entity.ids, [tuple[int, ...]() for _ in windows]
        if how is None:
            named, missing = [_Rows() for _ in windows], nothing
        elif how.field == "id":
            named, missing = self._named(windows, wanted)
        else:
            named, missing = self._belonging(how, windows, wanted), nothing
        return [self._share(*day) for day in zip(windows, named, missing, strict=True)]

    def _share(self, window: _Rows, named: _Rows, missing: tuple[int, ...]) -> Share:
        rows = [*window.values(), *named.values()]
        pages = list(dict.fromkeys(page for _, pages in rows for page in pages)) or self._pages
        return Share([record for record, _ in rows], len(window), pages, missing)

    def _wanted(self) -> list[set[int]]:
        wanted = [set(day.referenced) for day in self._days]
        for name in self._entity.woken_by:
            for read in walk(self._readers[name], self._whole.params(), closed=True):
                owners = values(read.tables[name], "customer_id")
                for owner, days in zip(owners, self._days_of(read.tables[name]), strict=True):
                    for day in days:
                        wanted[day].add(owner)
        return wanted

    def _shown(self) -> list[_Rows]:
        """The windows' rows out of one walk over all of them."""
        windows = [_Rows() for _ in self._days]
        for read in self._listed():
            for record, days in zip(read.page.records, self._days_of(read.tables[self._entity.name]), strict=True):
                for day in days:
                    windows[day].setdefault(record.id, (record, [read.sha256]))
        return windows

    def _hidden(self) -> list[_Rows]:
        """The list filters by an instant that its rows do not show: one look at all days, then a walk a day."""
        reader = self._reader
        first = reader.page(1, reader.client.reading.page_size, self._whole.params(), with_total=True)
        self._pages.append(first.sha256)
        windows = [_Rows() for _ in self._days]
        if not first.rows and not first.page.has_more:
            return windows
        self._require_few(first.page.total)
        # No record gets another hidden instant without another modifiedOn: where the one page of all days is the same,
        # so is each day's.
        with nullcontext() if first.page.has_more else self._transcript.pausing():
            return self._day_by_day(windows)

    def _day_by_day(self, windows: list[_Rows]) -> list[_Rows]:
        reader = self._reader
        jobs = (lambda window=day.window: list(walk(reader, window.params(), closed=True)) for day in self._days)
        for day, reads in enumerate(in_order(jobs, reader.client.reading.look_ahead)):
            for read in reads:
                self._require_readable(read)
                moments = _moments(read.tables[self._entity.name])
                if int((moments < self._starts[day]).sum()) * 2 > len(moments):
                    raise ReadApart("most rows were modified before their window")
                self._pages.append(read.sha256)
                for record in read.page.records:
                    windows[day].setdefault(record.id, (record, [read.sha256]))
        return windows

    def _from_feed(self, wanted: Sequence[set[int]]) -> list[Share]:
        found = feed.read_windows(self._reader, self._whole, self._listed(), self._places, wanted)
        return [Share(one.records, one.in_window, one.pages or self._pages, one.missing) for one in found]

    def _places(self, read: Read, listed: bool) -> Iterator[range]:
        """Of a feed only the rows inside are wanted: it has no end."""
        self._require_readable(read)
        return self._days_of(read.tables[self._entity.name], outside=not listed)

    def _named(self, windows: list[_Rows], wanted: list[set[int]]) -> tuple[list[_Rows], list[tuple[int, ...]]]:
        """What each day names and its own window does not hold: from another day's window, else asked for by id."""
        left = [names - window.keys() for names, window in zip(wanted, windows, strict=True)]
        found: _Rows = {}
        for window in windows:
            found |= window
        for read in self._asked(set().union(*left) - found.keys()):
            for record in read.page.records:
                found.setdefault(record.id, (record, [read.sha256]))
        named = [{one: found[one] for one in sorted(ids) if one in found} for ids in left]
        return named, [tuple(sorted(ids - found.keys())) for ids in left]

    def _belonging(self, how: Ids, windows: list[_Rows], wanted: list[set[int]]) -> list[_Rows]:
        """The rows that belong to each day's ids, in the order in which ``by_ids`` gives them for that day alone."""
        of: dict[int, _Rows] = {}
        block: list[str] = []  # by_ids puts all records of several pages into the first
        for read in self._asked(set().union(*wanted)):
            block = [read.sha256] if read.page.records else block
            block += [] if read.page.records else [read.sha256]
            whose = values(read.tables[self._entity.name], how.field)
            for record, owner in zip(read.page.records, whose, strict=True):
                of.setdefault(owner, {}).setdefault(record.id, (record, block))
        total = length(self._reader) if how.at_most == 1 and any(wanted) else None
        named = []
        for window, owners in zip(windows, wanted, strict=True):
            rows = [(one, row) for owner in sorted(owners) for one, row in sorted(of.get(owner, {}).items())]
            if is_read_whole(self._reader, how, len(owners), total):
                rows.sort(key=lambda row: row[0])
            named.append({one: row for one, row in rows if one not in window})
        return named

    def _asked(self, ids: set[int]) -> Iterator[Read]:
        self._require_few(len(ids))
        for read in by_ids(self._reader, ids):
            self._require_readable(read)
            yield read

    def _listed(self) -> Iterator[Read]:
        for read in walk(self._reader, self._whole.params(), closed=True):
            if not self._pages:
                self._require_few(read.page.total)
            self._require_readable(read)
            self._pages.append(read.sha256)
            yield read

    def _days_of(self, rows: pa.Table, *, outside: bool = False) -> Iterator[range]:
        """Places of the days whose window holds each row. ``outside``: a row may lie in none."""
        moments = _moments(rows)
        first = np.searchsorted(self._ends, moments, side="right")
        after = np.searchsorted(self._starts, moments, side="right")
        if not outside and (first >= after).any():
            raise ReadApart("a row does not show in which window it lies")
        return map(range, first.tolist(), after.tolist())

    def _require_few(self, records: int | None) -> None:
        if records is not None and records > self._most:
            raise ReadApart(f"{records} records", min(len(self._days), -(-records // self._most)))

    @staticmethod
    def _require_readable(read: Read) -> None:
        if read.page.unreadable:
            raise ReadApart("a record cannot be read")


def _moments(rows: pa.Table) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Microseconds since 1970 of ``modified_at``; of a row without one, before all windows."""
    return np.asarray(rows["modified_at"].cast(pa.int64()).fill_null(np.iinfo(np.int64).min))
