"""Lands a range of days of one entity with as few requests as their rows need. Invariant: every partition is the one
that ``extract_day`` would have written, whatever the days were read with.

Days are read together while they are few records, and cut into parts where they are not, or where a row leaves a doubt
about its day; a part of one day is read by ``extract_day``, which needs no memory.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa

from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan.columns import schemas, tables
from st_pipelines.systems.servicetitan.decode import UNREADABLE, shape_of
from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.extract import SOURCE, extract_day
from st_pipelines.systems.servicetitan.landed import Extracted, facts
from st_pipelines.systems.servicetitan.pages import Day, Drift, Window, instant_text
from st_pipelines.systems.servicetitan.span import ReadApart, Share, Span
from st_pipelines.systems.servicetitan.tenant import ServiceTitan

log = logging.getLogger("st_pipelines.servicetitan")

_CHUNK = 2000  # records that are turned into columns at once


def extract_days(
    client: ServiceTitan, store: Store, integration: str, entity: str,
    windows: Mapping[str, tuple[datetime, datetime]], referenced_ids_by_day: Mapping[str, Sequence[int]],
) -> Iterator[dict[str, Extracted]]:  # fmt: skip
    """Reads and replaces the partitions of ``windows`` (partition key to closed window, see ``extract_day``).

    Gives the partitions as they become visible, several at a time. Raises ``SystemFault``; partitions that were not
    given then stay as they were.
    """
    overlap = client.reading.overlap
    days = [
        (Day(key, Window(start - overlap, end), frozenset(referenced_ids_by_day.get(key, ()))), start)
        for key, (start, end) in sorted(windows.items(), key=lambda item: item[1])
    ]
    landing = _Landing(client, store, integration, entity, {day.key: start for day, start in days})
    adjoining: list[Day] = []
    for (day, _), after in [*pairwise(days), *((last, None) for last in days[-1:])]:
        adjoining.append(day)
        if after is None or after[1] != day.window.end:
            yield from landing.land(adjoining)
            adjoining = []


class _Landing:
    def __init__(
        self, client: ServiceTitan, store: Store, integration: str, entity: str, starts: Mapping[str, datetime]
    ) -> None:
        self._client, self._store, self._integration = client, store, integration
        self._entity, self._starts = DAILY[entity], starts

    def land(self, days: Sequence[Day]) -> Iterator[dict[str, Extracted]]:
        if len(days) == 1:
            yield {days[0].key: self._alone(days[0])}
            return
        began = time.monotonic()
        span = Span(self._client, self._store, self._integration, self._entity, days)
        if before := span.landed.as_before():
            yield before
            return
        try:
            shares = self._shares(span)
        except ReadApart as apart:
            log.info("%s %s to %s read apart: %s", self._entity.name, days[0].key, days[-1].key, apart)
            size = -(-len(days) // max(2, apart.pieces))
            for start in range(0, len(days), size):
                yield from self.land(days[start : start + size])
            return
        seconds = (time.monotonic() - began) / len(days)
        said = span.landed.remembered()
        yield {
            day.key: self._write(day, share, days[0].key, seconds, said)
            for day, share in zip(days, shares, strict=True)
        }

    def _shares(self, span: Span) -> list[Share]:
        for attempt in range(1, self._client.reading.attempts + 1):
            try:
                return span.read()
            except Drift as moved:
                log.info("%s %s: days moved while they were read (attempt %d): %s",
                         self._client.connection, self._entity.name, attempt, moved)  # fmt: skip
        raise ReadApart("its rows keep moving")

    def _alone(self, day: Day) -> Extracted:
        return extract_day(
            self._client, self._store, self._integration, self._entity.name, day.key,
            self._starts[day.key], day.window.end, referenced_ids=sorted(day.referenced),
        )  # fmt: skip

    def _write(self, day: Day, share: Share, kept_under: str, seconds: float, said: Mapping[str, Any]) -> Extracted:
        shape = shape_of(self._entity.name, self._entity)
        known = {**schemas(shape), self._entity.unreadable: UNREADABLE}
        place = (self._integration, SOURCE, self._entity.name, day.key)
        with self._store.table_writer(*place, known) as writer:
            greatest: tuple[int, str, int] | None = None
            for start in range(0, len(share.records), _CHUNK):
                made = tables(shape, share.records[start : start + _CHUNK])
                for name, rows in made.items():
                    writer.write(name, rows)
                greatest = _later(greatest, made[self._entity.name].slice(0, max(0, share.in_window - start)))
            _, text, identity = greatest or (0, "", "")
            read = Extracted(len(share.pages), len(share.records), 0, "", text, str(identity), seconds, share.missing)
            writer.remember(
                pages=share.pages, pages_in="" if kept_under == day.key else kept_under,
                window_start=instant_text(day.window.start), window_end=instant_text(day.window.end),
                **facts(read), **said,
            )  # fmt: skip
        return replace(read, digest=writer.digest)


def _later(known: tuple[int, str, int] | None, rows: pa.Table) -> tuple[int, str, int] | None:
    """The last of these rows and of what is known, by instant, text and id."""
    moments = rows["modified_at"].cast(pa.int64()).to_pylist()
    stamps, ids = rows["modified_on"].to_pylist(), rows["id"].to_pylist()
    found = [(at, text or "", one) for at, text, one in zip(moments, stamps, ids, strict=True) if at is not None]
    return max([*found, *([known] if known else [])], default=None)
