"""Settles unknown outcomes by reading the target back (reliability 1.4). Invariant: a posting goes back into the queue
only after two agreeing absences, each from a question that provably finds things.

The first question is asked when the quiet period is over by the database's clock. The second wait is counted on the
monotonic clock of this very process, so that no step of a wall clock can shorten the proof.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from st_pipelines.database.engine import reading
from st_pipelines.posting import moves, needs
from st_pipelines.posting.claimed import COLUMNS, AnyRow, Claimed, by_books, load
from st_pipelines.posting.clock import Clock, Watch
from st_pipelines.posting.companies import Companies
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.judge import Answer, Judged, Verdict, ask, judge
from st_pipelines.posting.leases import expire
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.target import ON_HOLD, Target, WrongCompany

_unknown = (
    "SELECT {columns} FROM posting p WHERE p.integration = :of AND p.state = 'unknown' {flows}ORDER BY posting_id"
)
_control = text(
    "SELECT external_ref FROM posting p WHERE p.integration = :integration AND p.kind = :kind AND p.company = :company "
    "AND p.op = 'create' AND p.state = 'posted' AND NOT EXISTS (SELECT 1 FROM posting q WHERE "
    "q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq > p.seq AND q.op <> 'update' "
    "AND q.state NOT IN ('rejected', 'superseded')) ORDER BY p.read_back_at IS NULL, p.posting_id DESC LIMIT 3"
)


@dataclass
class ResolveSummary:
    """Counts of postings. ``next_s``: seconds until something can be asked again; None = nothing is unknown.
    ``open``: still unknown."""

    posted: int = 0
    returned: int = 0
    held: int = 0
    open: int = 0
    next_s: float | None = None
    faults: list[str] = field(default_factory=list)


@dataclass
class _Memory:
    """What this process has seen of an unknown posting. ``fence`` tells one unknown episode from the next."""

    fence: int
    first_seen: float  # monotonic
    asked_at: float | None = None  # monotonic
    absences: int = 0
    tries: int = 0


class Resolver:
    """One per session. ``step`` asks about what is due and remembers what it saw."""

    def __init__(self, engine: Engine, target: Target, context: RunContext, flows: Collection[str],
                 settings: PostSettings, watch: Watch) -> None:  # fmt: skip
        self.engine, self.target, self.context, self.flows = engine, target, context, flows
        self.settings, self.watch = settings, watch
        self.quiet_s = target.quiet_period_s if settings.quiet_period_s is None else settings.quiet_period_s
        self.second_s = self.quiet_s if settings.second_wait_s is None else settings.second_wait_s
        self._memory: dict[int, _Memory] = {}

    def step(self) -> ResolveSummary:
        summary = ResolveSummary()
        rows, sent_at, now_us = self._load()
        self._remember(rows)
        waits = {row.posting_id: self._wait_s(row, sent_at[row.posting_id], now_us) for row in rows}
        due = [row for row in rows if waits[row.posting_id] <= 0]
        for (kind, company), group in by_books(due).items():
            for start in range(0, len(group), self.settings.questions):
                self._ask(kind, company, group[start : start + self.settings.questions], summary)
        asked = {row.posting_id for row in due}
        later = [wait for posting_id, wait in waits.items() if posting_id not in asked]
        summary.open += len(later)
        if summary.open > len(later):
            later.append(self.second_s)
        summary.next_s = min(later, default=None)
        return summary

    def _remember(self, rows: Sequence[Claimed]) -> None:
        known, now = self._memory, self.watch.clock.monotonic()
        self._memory = {}
        for row in rows:
            seen = known.get(row.posting_id)
            self._memory[row.posting_id] = seen if seen and seen.fence == row.fence else _Memory(row.fence, now)

    def _load(self) -> tuple[list[Claimed], dict[int, int], int]:
        statement = text(_unknown.format(columns=COLUMNS, flows="AND p.flow IN :flows " if self.flows else ""))
        values: dict[str, Any] = {"of": self.context.integration}
        if self.flows:
            statement = statement.bindparams(bindparam("flows", expanding=True))
            values["flows"] = list(self.flows)
        with reading(self.engine) as connection:
            rows = connection.execute(statement, values).all()
            claimed = load(connection, self.context.integration, rows) if rows else []
            now = self.watch.now_us(connection)
            sent_at = self._sent_at(connection) if rows else {}
        return claimed, sent_at, now

    def _sent_at(self, connection: Connection) -> dict[int, int]:
        statement = text("SELECT posting_id, sent_at FROM posting WHERE integration = :of AND state = 'unknown'")
        return {
            row.posting_id: row.sent_at or 0 for row in connection.execute(statement, {"of": self.context.integration})
        }

    def _wait_s(self, row: Claimed, sent_at: int, now_us: int) -> float:
        seen = self._memory[row.posting_id]
        if seen.asked_at is not None:
            return seen.asked_at + self.second_s - self.watch.clock.monotonic()
        by_this_clock = seen.first_seen + self.quiet_s - self.watch.clock.monotonic()
        return min((sent_at - now_us) / 1_000_000 + self.quiet_s, by_this_clock)

    def _ask(self, kind: str, company: str, rows: Sequence[Claimed], summary: ResolveSummary) -> None:
        controls = known_references(self.engine, self.context, kind, company)
        references = [reference for row in rows for reference in row.references_asked]
        asked_at, answer, fault = self.watch.clock.monotonic(), dict[str, Any](), ""
        try:
            answer = dict(ask(self.target, kind, company, list(dict.fromkeys([*references, *controls]))))
        except WrongCompany:
            raise
        except Exception as error:  # noqa: BLE001 (any doubt is "unanswered": counted, recorded, asked again)
            fault = f"{type(error).__name__}: {error}"
            summary.faults.append(fault)
        # A known document proves the question; without one, another that this very question found.
        known = [reference for reference in controls or references if answer.get(reference)]
        proof = {"asked": len(references), "controls": controls, "controls_found": known,
                 "answer_sha256": hashlib.sha256(repr(sorted(answer.items())).encode()).hexdigest()}  # fmt: skip
        found: list[tuple[Claimed, moves.Move]] = []
        for row in rows:
            seen = self._memory[row.posting_id]
            seen.asked_at, seen.tries = asked_at, seen.tries + 1
            if fault:
                move = self._unanswered(row, seen, fault, proof)
            else:
                move = self._judged(row, seen, answer, bool(known), proof)
            found.append((row, move))
        self._record(found, summary)

    def _judged(self, row: Claimed, seen: _Memory, answer: Answer, finds: bool, proof: dict[str, Any]) -> moves.Move:
        try:
            judged = judge(self.target, row, answer)
        except Exception as error:  # noqa: BLE001 (one document that cannot be compared holds itself only, R7)
            return self._unanswered(row, seen, f"not comparable: {type(error).__name__}: {error}", proof)
        if judged.verdict is Verdict.SAME and judged.found:
            found = judged.found
            sets = {"target_id": found.target_id, "target_number": found.number,
                    "reason_code": ON_HOLD if found.on_hold else "", "reason": found.on_hold}  # fmt: skip
            amount = {"currency": row.currency, "amount_minor": row.amount_minor, "version_id": row.version_id}
            return self._move(row, "posted", "posted", sets, {"how": "read back", **amount, **proof})
        if judged.verdict is Verdict.ABSENT:
            return self._absent(row, seen, finds, judged, proof)
        code = "found_twice" if judged.verdict is Verdict.TWICE else "found_different"
        return self._move(row, "held", "held", {"reason_code": code, "reason": judged.text}, {**proof, "alarm": True})

    def _absent(self, row: Claimed, seen: _Memory, finds: bool, judged: Judged, proof: dict[str, Any]) -> moves.Move:
        if not finds:
            why = "the question found no document that is known to be there, so it proves nothing"
            return self._unanswered(row, seen, why, proof)
        seen.absences += 1
        if seen.absences < 2:
            return self._move(row, "unknown", "absent", {"absences": seen.absences, "read_backs": seen.tries},
                              {**proof, "said": judged.text})  # fmt: skip
        sets = {"absences": seen.absences, "read_backs": seen.tries, "not_before": 0, "reason_code": "proved_absent",
                "reason": "two agreeing absences after the quiet period"}  # fmt: skip
        waited = {"quiet_period_ms": int(self.quiet_s * 1000), "second_wait_ms": int(self.second_s * 1000)}
        return self._move(row, "planned", "proved_absent", sets, {**proof, **waited})

    def _unanswered(self, row: Claimed, seen: _Memory, why: str, proof: dict[str, Any]) -> moves.Move:
        seen.absences = 0
        sets = {"absences": 0, "read_backs": seen.tries, "reason_code": "unanswered", "reason": why}
        if seen.tries >= self.settings.max_read_backs:
            sets |= {"reason": f"asked {seen.tries} times: {why}"}
            return self._move(row, "held", "held", sets, {**proof, "alarm": True})
        return self._move(row, "unknown", "unanswered", sets, proof)

    def _move(self, row: Claimed, to: str, event: str, sets: dict[str, Any], content: dict[str, Any]) -> moves.Move:
        said = {"op": row.op, "company": row.company, "external_ref": row.external_ref, "body_sha256": row.body_sha256}
        return moves.Move(row.posting_id, row.doc_key, row.fence, "unknown", to, event, sets, {**said, **content})

    def _record(self, found: Sequence[tuple[Claimed, moves.Move]], summary: ResolveSummary) -> None:
        try:
            with ledger_transaction(self.engine) as connection:
                self._write(connection, found)
        except moves.StaleRows as stale:
            left = [pair for pair in found if pair[0].posting_id not in stale.posting_ids]
            if left:
                self._record(left, summary)
            return
        except (IntegrityError, DataError) as error:
            self._one_by_one(found, error, summary)
            return
        for _, move in found:
            summary.posted += move.to_state == "posted"
            summary.returned += move.to_state == "planned"
            summary.held += move.to_state == "held"
            summary.open += move.to_state == "unknown"

    def _write(self, connection: Connection, found: Sequence[tuple[Claimed, moves.Move]]) -> None:
        now = self.watch.now_us(connection)
        posted = [(row, move) for row, move in found if move.to_state == "posted"]
        for _, move in posted:
            move.sets["read_back_at"] = now
        moves.apply(connection, self.context, [move for _, move in found], now)
        voids = {row.doc_key for row, _ in posted if row.op == "void"}
        needs.meet(connection, self.context.integration, {row.doc_key for row, _ in posted} - voids, now)
        needs.unmeet(connection, self.context.integration, voids)

    def _one_by_one(
        self, found: Sequence[tuple[Claimed, moves.Move]], error: DBAPIError, summary: ResolveSummary
    ) -> None:
        """One posting that the ledger refuses (its id belongs to another already) never takes the others along."""
        if len(found) > 1:
            for pair in found:
                self._record([pair], summary)
            return
        row, move = found[0]
        if move.to_state == "held":
            raise error
        sets = {"reason_code": "target_id_taken", "reason": f"the ledger refuses what was found: {error.orig}"}
        self._record([(row, self._move(row, "held", "held", sets, {"alarm": True}))], summary)


def resolve_unknown(
    engine: Engine, target: Target, integration: str, context: RunContext, *, flows: Collection[str] = (),
    settings: PostSettings | None = None, clock: Clock | None = None,
) -> ResolveSummary:  # fmt: skip
    """Settles every unknown posting, waiting out the quiet periods. Returns what was settled and what is still open
    (other workers' leases are left alone until they end). Raises ``WrongCompany``, ``LedgerUnavailable``."""
    settings, clock = settings or PostSettings(), clock or Clock()
    if integration != context.integration:
        raise ValueError(f"the context is of {context.integration!r}, not of {integration!r}")
    watch, total, companies = Watch(clock), ResolveSummary(), Companies(engine, target, context)
    resolver = Resolver(engine, target, context, flows, settings, watch)
    while True:
        expire(engine, context, watch)
        companies.check(sorted(unknown_companies(engine, context, flows)))
        step = resolver.step()
        total.posted, total.returned, total.held = (
            total.posted + step.posted, total.returned + step.returned, total.held + step.held,
        )  # fmt: skip
        total.faults += step.faults
        total.open, total.next_s = step.open, step.next_s
        if step.next_s is None:
            return total
        clock.wait(max(step.next_s, 0.001))


def known_references(engine: Engine, context: RunContext, kind: str, company: str) -> list[str]:
    """References that the target must find, so that its answer proves something; those first that it found before."""
    values = {"integration": context.integration, "kind": kind, "company": company}
    with reading(engine) as connection:
        return list(connection.execute(_control, values).scalars())


def unknown_companies(engine: Engine, context: RunContext, flows: Collection[str]) -> set[str]:
    with reading(engine) as connection:
        rows: Sequence[AnyRow] = connection.execute(
            text("SELECT DISTINCT company, flow FROM posting WHERE integration = :of AND state = 'unknown'"),
            {"of": context.integration},
        ).all()
    return {row.company for row in rows if not flows or row.flow in flows}
