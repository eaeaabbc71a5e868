"""Reads one day or one reference entity into the store and records what was read. Invariant: the record of a window is
written after its pages and tables are durable, and re-reading a day is always safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, insert

from st_pipelines.database.engine import now_us, transaction
from st_pipelines.database.schema import extraction
from st_pipelines.integrations.road import SourceEntity
from st_pipelines.integrations.session import SNAPSHOT, Session, day_window


@dataclass(frozen=True)
class DayRead:
    """``unreadable`` records were kept as raw pages and listed; their documents are held."""

    entity: str
    day: date
    pages: int
    records: int
    unreadable: int
    digest: str


def extract_day(session: Session, entity: SourceEntity, day: date, run_id: str) -> DayRead:
    """One entity, one local day of modification, plus the records that the day's documents name."""
    start, end = day_window(session.integration, day)
    side, name, key = session.road.source, session.integration.name, day.isoformat()
    result = side.extract_day(
        session.source,
        session.store,
        session.integration,
        entity.name,
        key,
        start,
        end,
        _named_ids(session, entity, key),
    )
    with transaction(session.engine) as connection:
        same = (
            (extraction.c.integration == name)
            & (extraction.c.entity == entity.name)
            & (extraction.c.partition_key == key)
        )
        connection.execute(delete(extraction).where(same))
        connection.execute(
            insert(extraction).values(
                integration=name,
                entity=entity.name,
                partition_key=key,
                window_start=start.isoformat(),
                window_end=end.isoformat(),
                pages=result.pages,
                records=result.records,
                unreadable=result.unreadable,
                max_modified_on=result.max_modified_on,
                max_id=result.max_id,
                digest=result.digest,
                run_id=run_id,
                completed_at=now_us(connection),
            )
        )
    return DayRead(entity.name, day, result.pages, result.records, result.unreadable, result.digest)


def refresh_reference(session: Session, side: str, entity: str) -> int:
    """Reads one reference entity whole and replaces its snapshot. Gives its number of rows."""
    session.forget_reference()
    if side == "source":
        return session.road.source.extract_reference(session.source, session.store, session.integration, entity)
    table = session.road.target.read_reference(session.target_client, entity)
    session.store.write_table(session.integration.name, "reference", f"target_{entity}", SNAPSHOT, table)
    return table.num_rows


def _named_ids(session: Session, entity: SourceEntity, key: str) -> Sequence[int]:
    if not entity.named_by:
        return ()
    name = session.integration.name
    naming = {
        table: session.store.read_table(name, "source", table, key)
        for other in entity.named_by
        for table in session.road.entity(other).tables
    }
    return session.road.source.named_ids(entity.name, naming)
