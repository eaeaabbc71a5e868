"""What was told to the source, to be looked at. Invariant: counts only postings that stand now; reads, never writes.

A row of a posting that was voided or replaced since is history: it shows in the life of its document and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, text

from st_pipelines.database.engine import reading
from st_pipelines.posting.waiting import waits
from st_pipelines.posting.write_back import STATES

# By the newest posting of each document; what was never planned as a mark is due as well once it is read back.
_counts = text("""
SELECT w.flow, p.partition_key, w.state, count(*) AS documents
FROM write_back w JOIN posting p ON p.posting_id = w.posting_id
WHERE w.integration = :integration AND (:flow = '' OR w.flow = :flow)
AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
  AND q.seq > p.seq AND q.state <> 'superseded')
GROUP BY w.flow, p.partition_key, w.state""")
_open = text("""
SELECT w.flow, w.doc_key, w.external_id, w.state, w.reason, w.attempts, w.asked_at, w.not_before, v.label
FROM write_back w JOIN posting p ON p.posting_id = w.posting_id
JOIN document_version v ON v.version_id = p.version_id
WHERE w.integration = :integration AND (:flow = '' OR w.flow = :flow) AND w.state <> 'marked'
AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
  AND q.seq > p.seq AND q.state <> 'superseded')
ORDER BY w.state, w.doc_key""")
_told = text("""
SELECT DISTINCT w.doc_key FROM write_back w JOIN posting p ON p.posting_id = w.posting_id
WHERE w.integration = :integration AND w.entity = :entity AND p.partition_key = :day AND w.asked_at IS NOT NULL
ORDER BY w.doc_key""")

_outside = text("""
SELECT p.doc_key, p.state, p.reason FROM posting p
WHERE p.integration = :integration AND p.flow = :flow AND p.state IN ('held', 'rejected')
AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
  AND q.seq > p.seq AND q.state <> 'superseded')
ORDER BY p.doc_key""")

NONE: Mapping[str, int] = dict.fromkeys(STATES, 0)


@dataclass(frozen=True)
class OpenMark:
    """A document that the source was not told about yet, or refuses to mark. Instants in microseconds since 1970."""

    flow: str
    doc_key: str
    external_id: str
    state: str
    reason: str
    attempts: int
    asked_at: int | None
    not_before: int
    label: str


def counts(engine: Engine, integration: str, flow: str = "") -> dict[str, dict[str, int]]:
    """Documents by daily partition of their posting and by state; every state is there."""
    found: dict[str, dict[str, int]] = {}
    with reading(engine) as connection:
        for row in connection.execute(_counts, {"integration": integration, "flow": flow}):
            of = found.setdefault(row.partition_key, dict(NONE))
            of[row.state] += row.documents
    return found


def totals(engine: Engine, integration: str, flow: str = "") -> Mapping[str, int]:
    """Documents by state, whatever their day."""
    added = dict(NONE)
    for of_day in counts(engine, integration, flow).values():
        for state, documents in of_day.items():
            added[state] += documents
    return added


def open_marks(engine: Engine, integration: str, flow: str = "") -> list[OpenMark]:
    """Everything that is due, unknown or refused."""
    with reading(engine) as connection:
        rows = connection.execute(_open, {"integration": integration, "flow": flow})
        return [OpenMark(**row._mapping) for row in rows]


def not_in_books(engine: Engine, integration: str, flow: str) -> dict[str, tuple[str, str]]:
    """Documents of the flow that do not stand in the target as the source has them: ``waiting``, ``held`` or
    ``refused``, and why, by document key."""
    with reading(engine) as connection:
        rows = connection.execute(_outside, {"integration": integration, "flow": flow}).all()
    found = {row.doc_key: ("held" if row.state == "held" else "refused", row.reason) for row in rows}
    for wait in waits(engine, integration):
        if wait.flow == flow:
            before = f"{found[wait.doc_key][1]}; " if wait.doc_key in found else ""
            found[wait.doc_key] = ("waiting", f"{before}{wait.reason.why}")
    return found


def told_of(engine: Engine, integration: str, entity: str, partition_key: str) -> list[str]:
    """Document keys of one entity that were posted with this partition and that the source may have been told about."""
    asked = {"integration": integration, "entity": entity, "day": partition_key}
    with reading(engine) as connection:
        return list(connection.execute(_told, asked).scalars())
