"""Maps one flow's day: typed source tables to mapped documents, stored beside them. Invariant: every source document
of the day comes out with exactly one disposition."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import FACT_SOURCE
from st_pipelines.integrations.road import Flow, SourceDay
from st_pipelines.integrations.session import Session
from st_pipelines.mapping.frames import MappedFrames

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
    key, name = day.isoformat(), session.integration.name
    daily = {
        table: session.store.read_table(name, "source", table, key)
        for entity in flow.reads
        for table in session.road.entity(entity).tables
    }
    given = SourceDay(
        session.integration,
        {**session.reference_tables("source"), **daily},
        session.mapping,
        session.reference,
    )
    frames = flow.map(given)
    facts = flow.facts(given) if flow.facts else ()
    for part, table in (
        (DOCUMENTS, frames.documents),
        (LINES, frames.lines),
        (FACTS, pa.Table.from_pylist([vars(fact) for fact in facts], schema=FACT_SOURCE)),
    ):
        session.store.write_table(name, "mapped", f"{flow.name}_{part}", key, table)
    return _summary(flow, day, frames, len(facts))


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
