"""Walks the audit trail and proves it whole, and the ledger with it (A7). Invariant: what cannot be proved is named.

Checked: numbers without a gap, every hash, exported heads; then every row that the trail speaks of, column by column
(``posting_rows.py``, ``other_rows.py``). Not in the trail is only at which moment a need was met.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from st_pipelines.audit.head import Head
from st_pipelines.audit.other_rows import KINDS, Others
from st_pipelines.audit.posting_rows import check_postings
from st_pipelines.audit.trail import GENESIS, event_hash
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import audit_event, ledger_identity

MAX_FINDINGS = 100


@dataclass(frozen=True)
class Finding:
    """``n`` is the event it was seen at (None where there is none), ``posting_id`` the row concerned."""

    text: str
    n: int | None = None
    posting_id: int | None = None


@dataclass(frozen=True)
class Verification:
    """``findings`` in the order of the trail, at most a hundred; empty = everything is proved."""

    events: int
    head_hash: str
    posted_rows: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings

    @property
    def first_bad_n(self) -> int | None:
        """The number of the first event that does not hold; None where every event holds."""
        return min((finding.n for finding in self.findings if finding.n is not None), default=None)


def verify(engine: Engine, heads: Sequence[Head] = ()) -> Verification:
    """Verifies the whole trail and ledger as of one moment. ``heads``: exported heads to hold it against."""
    with reading(engine) as connection:
        return _Walk(heads).walk(connection)


class _Walk:
    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = {head.n: head for head in heads}
        self.findings: list[Finding] = []

    def walk(self, connection: Connection) -> Verification:
        columns, others = audit_event.c, Others(connection)
        rows = connection.execution_options(yield_per=5000).execute(
            select(
                columns.n,
                columns.hash,
                columns.previous_hash,
                columns.recorded_at,
                columns.event,
                columns.doc_key,
                columns.posting_id,
                columns.content,
            ).order_by(columns.n)
        )
        expected_n, previous, events = 1, GENESIS, 0
        for partition in rows.partitions():
            for n, digest, named, at, event, doc_key, posting_id, content in partition:
                events += 1
                if n != expected_n:
                    self._found(f"events {expected_n} to {n - 1} are missing", n, None)
                elif named != previous:
                    self._found("it does not continue the event before it", n, posting_id)
                if digest != event_hash(n, named, at, event, doc_key, posting_id, content):
                    self._found("its content is not what was recorded", n, posting_id)
                elif posting_id is None and event in KINDS:
                    others.take(n, at, event, doc_key, content)
                if n in self.heads and self.heads[n].hash != digest:
                    self._found("it is not the event of the exported head: the trail was rewritten", n, posting_id)
                expected_n, previous = n + 1, digest
        self._check_heads(connection, expected_n - 1)
        posted_rows = 0
        if not self.findings:  # events that do not hold prove nothing about rows
            checked = check_postings(connection, lambda said, posting_id: self._found(said, None, posting_id))
            others.finish(checked)
            posted_rows = checked.posted
            for said, number in others.findings:
                self._found(said, number, None)
        return Verification(events, previous, posted_rows, tuple(self.findings))

    def _found(self, text: str, n: int | None, posting_id: int | None) -> None:
        if len(self.findings) < MAX_FINDINGS:
            subject = f"event {n}" if n is not None else f"posting {posting_id}"
            named = f"{subject}: {text}" if n is not None or posting_id is not None else text
            self.findings.append(Finding(named, n, posting_id))

    def _check_heads(self, connection: Connection, last: int) -> None:
        ledger_id = connection.execute(select(ledger_identity.c.ledger_id)).scalar_one()
        for head in self.heads.values():
            if head.ledger_id != ledger_id:
                self._found(f"the exported head is of another ledger ({head.ledger_id})", head.n, None)
            elif head.n > last:
                self._found(f"the trail ends at {last}, before the exported head", head.n, None)
