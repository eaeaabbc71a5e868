"""Maps one flow's day: typed source tables to mapped documents, stored beside them. Invariant: every source document
of the day comes out with exactly one disposition, and the same inputs are mapped once.

A mapped partition remembers the digest of all that went into it (source tables, reference snapshots, mapping tables,
options, the code itself). Where nothing changed, what is stored is the answer.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import FACT_SOURCE
from st_pipelines.integrations.road import Flow, SourceDay
from st_pipelines.integrations.session import Session
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.store.code import code_digest
from st_pipelines.store.files import NotStored, Store
from st_pipelines.store.manifest import Manifest

LAYER = "mapped"
DOCUMENTS, LINES, FACTS = "documents", "lines", "facts"


@dataclass(frozen=True)
class MappedDay:
    """``counts`` and ``totals_minor`` by disposition; ``holds`` by (code, missing key)."""

    flow: str
    day: date
    documents: int
    lines: int
    facts: int
    counts: Mapping[str, int]
    totals_minor: Mapping[str, int]
    holds: Mapping[tuple[str, str], int]

    @property
    def held(self) -> int:
        return self.counts.get("held", 0)


def map_day(session: Session, flow: Flow, day: date) -> MappedDay:
    """Pure mapping over stored tables; reads no system, posts nothing."""
    return map_partition(session, flow, day.isoformat(), day)


def map_partition(
    session: Session, flow: Flow, key: str, day: date, keep: Callable[[MappedFrames], MappedFrames] = lambda all_: all_
) -> MappedDay:
    """The same for any partition of records; ``keep`` may leave documents out."""
    name, store = session.integration.name, session.store
    inputs = _inputs(session, flow, key)
    known = _mapped_before(store, name, flow, key)
    if known.get("inputs") == inputs:
        return _from_facts(flow, day, known)
    daily = {
        table: store.read_table(name, "source", table, key)
        for entity in flow.reads
        for table in session.road.entity(entity).tables
    }
    given = SourceDay(
        session.integration, {**session.reference_tables("source"), **daily}, session.mapping, session.reference
    )
    frames = keep(flow.map(given))
    facts = flow.facts(given) if flow.facts else ()
    mapped = _summary(flow, day, frames, len(facts))
    tables = {
        flow.name: frames.documents,
        part(flow, LINES): frames.lines,
        part(flow, FACTS): pa.Table.from_pylist([vars(fact) for fact in facts], schema=FACT_SOURCE),
    }
    schemas = {table: content.schema for table, content in tables.items()}
    with store.table_writer(name, LAYER, flow.name, key, schemas) as writer:
        for table, content in tables.items():
            writer.write(table, content)
        writer.remember(pages=[], inputs=inputs, books=_books(frames), **_to_facts(mapped))
    return mapped


def books_of(mapped: Manifest) -> str:
    """Digest of a mapped partition's documents without their times of modification, which nothing in the books follows
    from: our own mark moves them too (L11)."""
    return str(mapped.facts.get("books", mapped.digest))


def _books(frames: MappedFrames) -> str:
    content = hashlib.sha256()
    for table in (frames.documents.drop_columns("modified_on"), frames.lines):
        written = pa.BufferOutputStream()
        with pa.ipc.new_stream(written, table.schema) as stream:
            stream.write_table(table.combine_chunks())
        content.update(written.getvalue())
    return content.hexdigest()


def _mapped_before(store: Store, name: str, flow: Flow, key: str) -> Mapping[str, Any]:
    try:
        return store.manifest(name, LAYER, flow.name, key).facts
    except NotStored:
        return {}


def part(flow: Flow, which: str) -> str:
    """Name of one of a flow's mapped tables; the documents' is the flow's own."""
    return flow.name if which == DOCUMENTS else f"{flow.name}_{which}"


def _inputs(session: Session, flow: Flow, key: str) -> str:
    name, store = session.integration.name, session.store
    parts = [store.manifest(name, "source", entity, key).digest for entity in flow.reads]
    parts += [
        *session.reference_digests,
        session.mapping.version,
        session.integration.model_dump_json(include={"options", "codes"}),
        code_digest(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _summary(flow: Flow, day: date, frames: MappedFrames, facts: int) -> MappedDay:
    by_disposition = frames.documents.group_by("disposition").aggregate([("total_minor", "sum"), ("doc_key", "count")])
    counts, totals = {}, {}
    for row in by_disposition.to_pylist():
        counts[row["disposition"]] = row["doc_key_count"]
        totals[row["disposition"]] = row["total_minor_sum"] or 0
    held = frames.documents.filter(pc.equal(frames.documents["disposition"], "held"))
    holds = {
        (row["hold_code"], row["hold_key"]): row["doc_key_count"]
        for row in held.group_by(["hold_code", "hold_key"]).aggregate([("doc_key", "count")]).to_pylist()
    }
    return MappedDay(flow.name, day, frames.documents.num_rows, frames.lines.num_rows, facts, counts, totals, holds)


def _to_facts(mapped: MappedDay) -> dict[str, Any]:
    return {
        "documents": mapped.documents, "lines": mapped.lines, "facts": mapped.facts, "counts": dict(mapped.counts),
        "totals_minor": dict(mapped.totals_minor), "holds": [[*key, count] for key, count in mapped.holds.items()],
    }  # fmt: skip


def _from_facts(flow: Flow, day: date, known: Mapping[str, Any]) -> MappedDay:
    holds = {(code, missing): count for code, missing, count in known["holds"]}
    return MappedDay(
        flow.name,
        day,
        known["documents"],
        known["lines"],
        known["facts"],
        known["counts"],
        known["totals_minor"],
        holds,
    )
