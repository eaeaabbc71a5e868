"""Reads days or one reference entity into the store and records what was read. Invariant: the record of a window is
written after its pages and tables are durable, and re-reading a day is always safe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, delete, insert

from st_pipelines.database.engine import now_us, transaction
from st_pipelines.database.schema import extraction
from st_pipelines.integrations.reading import ExtractedDay, SourceEntity, Windows
from st_pipelines.integrations.session import SNAPSHOT, Session, day_window
from st_pipelines.posting.standing import open_documents
from st_pipelines.posting.told import told_of


@dataclass(frozen=True)
class DayRead:
    """``unreadable`` records were kept as raw pages and listed; their documents are held."""

    entity: str
    day: date
    pages: int
    records: int
    unreadable: int
    digest: str


def extract_days(session: Session, entity: SourceEntity, days: Sequence[date], run_id: str) -> Iterator[DayRead]:
    """One entity, some local days of modification, plus the records that each day's documents name.

    Gives each day once it is durable and recorded; how many are read together is the source's choice."""
    integration = session.integration
    windows = {day.isoformat(): day_window(integration, day) for day in days}
    ids = {key: _named_ids(session, entity, key) for key in windows}
    newest = max(windows)
    ids[newest] = [*ids[newest], *_open_ids(session, entity)]
    done = session.road.source.extract_days(session.source, session.store, integration, entity.name, windows, ids)
    for some in done:
        _record(session, entity, windows, some, run_id)
        for key, result in some.items():
            day = date.fromisoformat(key)
            yield DayRead(entity.name, day, result.pages, result.records, result.unreadable, result.digest)


def extract_day(session: Session, entity: SourceEntity, day: date, run_id: str) -> DayRead:
    """The same for one day."""
    (read,) = extract_days(session, entity, [day], run_id)
    return read


def _record(
    session: Session, entity: SourceEntity, windows: Windows, read: Mapping[str, ExtractedDay], run_id: str
) -> None:
    """One transaction for all days that were finished together."""
    name = session.integration.name
    with transaction(session.engine) as connection:
        now = now_us(connection)
        of = (extraction.c.integration == name) & (extraction.c.entity == entity.name)
        connection.execute(
            delete(extraction).where(of & (extraction.c.partition_key == bindparam("key"))),
            [{"key": key} for key in read],
        )
        connection.execute(insert(extraction), [
            {
                "integration": name, "entity": entity.name, "partition_key": key,
                "window_start": windows[key][0].isoformat(), "window_end": windows[key][1].isoformat(),
                "pages": result.pages, "records": result.records, "unreadable": result.unreadable,
                "max_modified_on": result.max_modified_on, "max_id": result.max_id, "digest": result.digest,
                "run_id": run_id, "completed_at": now,
            }
            for key, result in read.items()
        ])  # fmt: skip


def refresh_reference(session: Session, side: str, entity: str) -> int:
    """Reads one reference entity whole and replaces its snapshot. Gives its number of rows."""
    session.forget_reference()
    if side == "source":
        return session.road.source.extract_reference(session.source, session.store, session.integration, entity)
    table = session.road.target.read_reference(session.target_client, entity)
    session.store.write_table(session.integration.name, "reference", f"target_{entity}", SNAPSHOT, table)
    rows: int = table.num_rows
    return rows


def _named_ids(session: Session, entity: SourceEntity, key: str) -> Sequence[str]:
    """Ids that are read with the day whenever they were last modified: what its documents name, and what the source
    was told about. Marking a record moves its ``modifiedOn``; without this our own mark would take a posted document
    out of its day, and a day that is run again would look as if the books held too much."""
    name, side = session.integration.name, session.road.source
    columns = side.naming_columns(entity.name)
    naming = {table: session.store.read_table(name, "source", table, key, of) for table, of in columns.items()}
    named = side.named_ids(entity.name, naming) if columns else ()
    if entity.name not in {flow.marks for flow in session.road.flows}:
        return named
    told = [side.id_of(doc_key) for doc_key in told_of(session.engine, name, entity.name, key)]
    return sorted({*named, *told})


def _open_ids(session: Session, entity: SourceEntity) -> Sequence[str]:
    """What is planned or held and not sent: a document that waits for days may have been taken back meanwhile, in a way
    that leaves no record behind which a window of modifications would show."""
    name, still = session.integration.name, session.road.source.still
    if still is None:
        return ()
    flows = [flow.name for flow in session.road.flows if flow.reads[0] == entity.name]
    return [still(doc_key) for flow in flows for doc_key in open_documents(session.engine, name, flow)]
