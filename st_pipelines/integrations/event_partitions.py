"""Partitions of records that were read one by one. Invariant: one is removed only when the daily partitions of all its
documents were read after it, to the end of their days: they hold every record in it, or a later day holds a newer one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import select

from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import extraction
from st_pipelines.integrations.map_day import LAYER
from st_pipelines.integrations.session import Session
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.store.names import events_read_at, of_events

_US, _DAY = 1_000_000, timedelta(days=1)


def new_partition(session: Session) -> tuple[str, date]:
    """A key of its own for what is read now, and the local day."""
    with reading(session.engine) as connection:
        now = now_us(connection)
    today = datetime.fromtimestamp(now // _US, session.integration.zone).date()
    return of_events(today, now), today


def local_day(session: Session, modified_on: datetime) -> date:
    """The daily partition in which polling finds a document."""
    return modified_on.astimezone(session.integration.zone).date()


def of_our_days(session: Session, left_out: set[str]) -> Callable[[MappedFrames], MappedFrames]:
    """Leaves out documents that were last modified outside the integration's days: polling would never see them, so an
    event must not post them either. Their keys are added to ``left_out``."""
    integration = session.integration
    first = _midnight(session, integration.first_day)
    last = None if integration.last_day is None else _midnight(session, integration.last_day + _DAY)

    def keep(frames: MappedFrames) -> MappedFrames:
        at = frames.documents["modified_on"]
        inside = pc.greater_equal(at, first) if last is None else pc.and_(
            pc.greater_equal(at, first), pc.less(at, last)
        )  # fmt: skip
        inside = pc.fill_null(inside, True)
        left_out.update(frames.documents.filter(pc.invert(inside))["doc_key"].to_pylist())
        documents = frames.documents.filter(inside)
        kept = pc.is_in(frames.lines["doc_key"], value_set=documents["doc_key"].combine_chunks())
        return MappedFrames(documents, frames.lines.filter(kept))

    return keep


def remove_covered(session: Session) -> list[str]:
    """Removes what the sealed days hold as well; gives the keys."""
    name, store, road = session.integration.name, session.store, session.road
    read = _read_to_the_end(session)
    if not read:
        return []
    keys: dict[str, list[str]] = {}
    for flow in road.flows:
        for key in store.partitions(name, LAYER, flow.name, lambda key: events_read_at(key) is not None):
            keys.setdefault(key, []).append(flow.name)
    removed = []
    for key, flows in keys.items():
        if _is_covered(session, flows, key, read):
            for flow_name in flows:
                store.remove(name, LAYER, flow_name, key)
            for entity in road.source.daily:
                store.remove(name, "source", entity.name, key)
            removed.append(key)
    return removed


def _is_covered(session: Session, flows: Sequence[str], key: str, read: Mapping[tuple[str, str], int]) -> bool:
    """Parties count with the documents that name them, for polling reads them so; without documents the day on which
    they were read counts."""
    name, store, read_at, days = session.integration.name, session.store, events_read_at(key) or 0, set[date]()
    for flow in map(session.road.flow, flows):
        if flow.reconciled_kinds:
            modified = store.read_table(name, LAYER, flow.name, key, ["modified_on"])["modified_on"]
            days |= {local_day(session, at) for at in pc.unique(modified).to_pylist() if at is not None}
    return all(
        read.get((entity, day.isoformat()), 0) > read_at and store.has_table(name, LAYER, flow, day.isoformat())
        for day in days or {date.fromisoformat(key.partition("_")[0])}
        for flow in flows for entity in session.road.flow(flow).reads
    )  # fmt: skip


def _read_to_the_end(session: Session) -> dict[tuple[str, str], int]:
    """(entity, day) of daily partitions whose window reached the end of the day -> when they were read."""
    columns = (extraction.c.entity, extraction.c.partition_key, extraction.c.window_end, extraction.c.completed_at)
    query = select(*columns).where(extraction.c.integration == session.integration.name)
    with reading(session.engine) as connection:
        rows: Iterable[Any] = connection.execute(query).all()
    return {
        (row.entity, row.partition_key): row.completed_at for row in rows
        if datetime.fromisoformat(row.window_end) >= _midnight(session, date.fromisoformat(row.partition_key) + _DAY)
    }  # fmt: skip


def _midnight(session: Session, day: date) -> datetime:
    """The instant at which a local day begins."""
    return datetime.combine(day, time(), session.integration.zone).astimezone(UTC)
