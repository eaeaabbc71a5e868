"""Lands one day or one reference entity: raw pages first, then typed tables. Invariant: a partition holds every record
whose modifiedOn lies in [start - overlap, end), as last seen, plus those asked for by id; never a part of that.

Rows of the overlap are kept: a repeat in two partitions is free, because the newest version of a document counts; a gap
is not. Memory does not grow with the number of pages: of a list that comes in order nothing is kept, of the few others
their ids.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.store.files import Store
from st_pipelines.store.writer import TableWriter
from st_pipelines.systems.servicetitan import feed
from st_pipelines.systems.servicetitan.arrays import wholes
from st_pipelines.systems.servicetitan.columns import schemas, tables
from st_pipelines.systems.servicetitan.decode import UNREADABLE, Unreadable, shape_of, unreadable_table
from st_pipelines.systems.servicetitan.entities import DAILY, REFERENCE, Entity, Ids
from st_pipelines.systems.servicetitan.landed import LAYER, Extracted, Landed, facts
from st_pipelines.systems.servicetitan.pages import (
    Day,
    Drift,
    FilterIgnored,
    PageReader,
    Read,
    SourceKeepsMoving,
    Window,
    instant_text,
    values,
)
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.transcript import Transcript
from st_pipelines.systems.servicetitan.walk import Distinct, by_ids, walk

log = logging.getLogger("st_pipelines.servicetitan")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE, REFERENCE_LAYER, SNAPSHOT = LAYER, "reference", "current"
_CHUNK = 2000  # records of a feed-backed day that are turned into columns at once


def extract_day(
    client: ServiceTitan, store: Store, integration: str, entity: str, partition_key: str,
    window_start: datetime, window_end: datetime, *, referenced_ids: Sequence[int] = (),
) -> Extracted:  # fmt: skip
    """Reads one entity's window of modification and replaces its partition of layer ``source``.

    The window must be closed: ``window_end`` in the past. ``referenced_ids`` name records that are wanted whenever they
    were last modified. Raises ``SystemFault``; the partition then stays as it was.
    """
    if window_start >= window_end:
        raise ValueError(f"an empty window: {instant_text(window_start)} to {instant_text(window_end)}")
    day = Day(partition_key, Window(window_start - client.reading.overlap, window_end), frozenset(referenced_ids))
    landing = _Landing(client, store, integration, DAILY[entity], partition_key, SOURCE, entity)
    landed = landing.landed(day)
    if before := landed.as_before():
        return before[day.key]
    return landing.attempt(lambda: landing.land_day(day), day.window, landed.remembered)


def extract_ids(
    client: ServiceTitan, store: Store, integration: str, entity: str, partition_key: str, ids: Sequence[int], *,
    named: Sequence[int] = (), feed_since: datetime,
) -> Extracted:  # fmt: skip
    """Reads single records, whenever they were modified, and replaces a partition of layer ``source`` by them.

    ``ids`` are the records' own; ``named`` what other records name (``named.named_ids``): of contacts, locations and
    receipts the ids of their parents. ``feed_since``: where a feed is begun for a record that its list does not show.
    What does not exist is in ``missing``. Raises ``SystemFault``."""
    landing = _Landing(client, store, integration, DAILY[entity], partition_key, SOURCE, entity)
    return landing.attempt(lambda: landing.land_ids(frozenset(ids), frozenset(named), feed_since), None, dict)


def extract_reference(client: ServiceTitan, store: Store, integration: str, entity: str) -> Extracted:
    """Reads one reference entity whole and replaces ``reference/source_<entity>``, partition ``current``."""
    landing = _Landing(client, store, integration, REFERENCE[entity], SNAPSHOT, REFERENCE_LAYER, f"source_{entity}")
    return landing.attempt(landing.land_all, None, dict)


class _Landing:
    """One partition in the making, read again from scratch when its rows move."""

    def __init__(
        self,
        client: ServiceTitan,
        store: Store,
        integration: str,
        entity: Entity,
        partition: str,
        layer: str,
        table: str,
    ) -> None:
        self._client, self._store, self._entity = client, store, entity
        self._place = (integration, layer, table, partition)
        self._shape = shape_of(table, entity)
        self._transcript = Transcript()
        self._reader = PageReader(client, store, integration, entity, partition, self._shape, self._transcript)
        self._waking = [
            PageReader(client, store, integration, other, partition, shape_of(other.name, other), self._transcript)
            for other in (DAILY[name] for name in entity.woken_by)
        ]

    def landed(self, day: Day) -> Landed:
        readers = {reader.entity.name: reader for reader in (self._reader, *self._waking)}
        return Landed(self._client, self._store, self._place[0], self._entity, [day], readers, self._transcript)

    def attempt(
        self, land: Callable[[], None], window: Window | None, remembered: Callable[[], dict[str, Any]]
    ) -> Extracted:
        started = time.monotonic()
        for attempt in range(1, self._client.reading.attempts + 1):
            self._transcript.begin()
            self._pages: list[str] = []
            self._records, self._broken = 0, 0
            self._met = self._distinct()
            self._greatest: tuple[int, str, int] | None = None
            self._missing: tuple[int, ...] = ()
            try:
                with self._writer() as writer:
                    self._writing = writer
                    land()
                    _, text, identity = self._greatest or (None, "", "")
                    read = Extracted(
                        len(self._pages), self._records, self._broken, "", text, str(identity),
                        time.monotonic() - started, self._missing,
                    )  # fmt: skip
                    known = facts(read) | remembered()
                    if window:
                        known |= {"window_start": instant_text(window.start), "window_end": instant_text(window.end)}
                    writer.remember(pages=self._pages, **known)
            except Drift as moved:
                log.info(
                    "%s %s moved while it was read (attempt %d): %s",
                    self._client.connection,
                    self._place,
                    attempt,
                    moved,
                )
                last = moved
                continue
            return replace(read, digest=writer.digest, seconds=time.monotonic() - started)
        raise self._reader.fault(
            SourceKeepsMoving,
            f"its rows moved in each of {attempt} readings ({last})",
            "run the day again when fewer people work",
        )

    def land_day(self, day: Day) -> None:
        window = day.window
        wanted = set(day.referenced) | self._woken(window)
        if self._entity.feed:  # which shows what is wanted as well
            self._land_standing(feed.read_window(self._reader, window, wanted))
            return
        for read in walk(self._reader, window.params(), closed=True):
            self._require_honoured(read, window)
            self._land(read, in_window=True)
            if self._ids_are_its_own:
                wanted -= set(read.ids)
        answered: set[int] = set()
        if self._ids_are_its_own:
            self._met = self._distinct()  # what the window gave is not asked for again, so nothing can come twice
        for read in by_ids(self._reader, wanted):
            answered |= set(read.ids)
            self._land(read, in_window=False)
        if self._ids_are_its_own:
            self._missing = tuple(sorted(wanted - answered))

    def land_ids(self, own: frozenset[int], named: frozenset[int], feed_since: datetime) -> None:
        """By own id what was asked for; by the parent's id, where that is how the list is asked, what is named."""
        if self._ids_are_its_own:
            own |= named
        if self._entity.feed:
            self._land_standing(feed.read_ids(self._reader, own, feed_since))
            return
        self._met, answered = Distinct(ordered=False), set[int]()
        for read in by_ids(self._reader.asked_by(Ids()) if not self._ids_are_its_own else self._reader, own):
            answered |= set(read.ids)
            self._land(read, in_window=True)
        for read in by_ids(self._reader, () if self._ids_are_its_own else named):
            self._land(read, in_window=True)
        self._missing = tuple(sorted(own - answered))

    def land_all(self) -> None:
        for read in walk(self._reader, [], closed=False):
            self._land(read, in_window=False)

    def _woken(self, window: Window) -> set[int]:
        """Ids of this entity in the windows of those whose changes do not move its own modifiedOn."""
        woken: set[int] = set()
        for reader in self._waking:
            for read in walk(reader, window.params(), closed=True):
                woken |= set(values(read.tables[reader.shape.name], "customer_id"))
        return woken

    @property
    def _ids_are_its_own(self) -> bool:
        """Contacts, locations and receipts are asked for by the id of their parent instead."""
        return self._entity.ids is not None and self._entity.ids.field == "id"

    def _distinct(self) -> Distinct:
        return Distinct(ordered=self._reader.ordered and self._ids_are_its_own)

    def _land(self, read: Read, *, in_window: bool) -> None:
        self._pages.append(read.sha256)
        repeated, broken = self._met.add(read.ids), read.page.unreadable
        if repeated:
            places = set(repeated)
            kept = Counter(one for place, one in enumerate(read.ids) if place not in places)
            read, broken = (
                read.reduced(self._shape, kept),
                [one for one in broken if one.id is None or kept[one.id] > 0],
            )
        self._write(read.tables, broken, read.sha256)
        if in_window and read.page.records:
            self._note_greatest(read.tables[self._shape.name])

    def _land_standing(self, found: feed.Standing) -> None:
        self._pages += found.pages
        self._missing = found.missing
        for start in range(0, len(found.records), _CHUNK):
            made = tables(self._shape, found.records[start : start + _CHUNK])
            self._write(made, (), "")
            self._note_greatest(made[self._shape.name].slice(0, max(0, found.in_window - start)))
        for one, page in found.unreadable.values():
            self._write({}, (one,), page)

    def _write(self, made: dict[str, pa.Table], broken: Sequence[Unreadable], page: str) -> None:
        for name, rows in made.items():
            self._writing.write(name, rows)
        if broken:
            self._writing.write(self._unreadable_name, unreadable_table(broken, page))
            self._broken += len(broken)
        self._records += made[self._shape.name].num_rows if made else 0

    def _note_greatest(self, rows: pa.Table) -> None:
        moments = rows["modified_at"].cast(pa.int64())
        latest = pc.max(moments)
        last = rows.filter(pc.equal(moments, latest)).select(["modified_on", "id"]).to_pylist()
        if last:
            text, identity = max((row["modified_on"] or "", row["id"]) for row in last)
            self._greatest = max(self._greatest or (latest.as_py(), "", 0), (latest.as_py(), text, identity))

    def _require_honoured(self, read: Read, window: Window) -> None:
        """A filter that the server does not know is ignored without a word: most rows would lie outside. Where it looks
        at an earlier instant than the rows show, rows after the window are no sign of that."""
        at = read.tables[self._shape.name]["modified_at"]
        bounds = wholes([(one - _EPOCH) // timedelta(microseconds=1) for one in (window.start, window.end)])
        moments = at.cast(pa.int64())
        inside = pc.greater_equal(moments, bounds[0])
        if self._entity.window_is_shown:
            inside = pc.and_(inside, pc.less(moments, bounds[1]))
        outside = len(at) - (pc.sum(inside).as_py() or 0)
        if outside * 2 > len(at):
            what = f"{outside} of {len(at)} records were modified outside the window asked for: the filter was ignored"
            raise self._reader.fault(FilterIgnored, what, "report it: the parameter may have changed its name")

    @property
    def _unreadable_name(self) -> str:
        return f"{self._shape.name}_unreadable"

    def _writer(self) -> TableWriter:
        known = {**schemas(self._shape), self._unreadable_name: UNREADABLE}
        return self._store.table_writer(*self._place, known)
