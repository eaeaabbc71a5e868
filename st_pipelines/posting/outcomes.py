"""Writes outcomes into the ledger. Invariant: one transaction a group, every row under its fence, and a document that
cannot be recorded never takes its group along (R7).

The outcomes of ``target.Outcome`` come from sending; the others of this file come from looking (``Adopted``), or from
not sending at all (``Hold``, ``Outdated``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError

from st_pipelines.audit import trail
from st_pipelines.posting import moves, needs
from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.moves import Move
from st_pipelines.posting.target import ON_HOLD, Found, NotSent, Outcome, Posted, Refused, Unknown


@dataclass(frozen=True, slots=True)
class Adopted:
    """The target holds exactly this document already."""

    found: Found
    how: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Stopped for a person. ``may_have_been_sent`` decides by which way the row gets there."""

    code: str
    reason: str
    may_have_been_sent: bool = False


@dataclass(frozen=True, slots=True)
class Outdated:
    """Never sent, and no longer wanted."""

    reason: str


Settled = Outcome | Adopted | Hold | Outdated
Pair = tuple[Claimed, Settled]


def confirm(engine: Engine, context: RunContext, settled: Sequence[Pair], watch: Watch,
            pauses: Sequence[float] = ()) -> list[Pair]:  # fmt: skip
    """Records the outcomes; gives them as recorded. Missing are postings that somebody else had taken over meanwhile:
    their answers are in the trail as ``late_answer``, and reading back settles them. An outcome that the ledger refuses
    became a hold. ``pauses``: seconds before each may be sent again."""
    work = list(zip(settled, pauses or [0.0] * len(settled), strict=True))
    late: list[Pair] = []
    recorded: list[Pair] = []
    while work:
        try:
            with ledger_transaction(engine) as connection:
                _write(connection, context, work, watch)
            recorded += [pair for pair, _ in work]
            break
        except moves.StaleRows as stale:
            late += [pair for pair, _ in work if pair[0].posting_id in stale.posting_ids]
            work = [item for item in work if item[0][0].posting_id not in stale.posting_ids]
        except (IntegrityError, DataError) as error:
            if len(work) > 1:
                for pair, pause in work:
                    recorded += confirm(engine, context, [pair], watch, [pause])
                break
            (row, outcome), _ = work[0]
            if isinstance(outcome, Hold):
                raise
            work = [((row, _unrecordable(outcome, error)), 0.0)]
    if late:
        _record_late(engine, context, late, watch)
    return recorded


def _write(connection: Connection, context: RunContext, work: Sequence[tuple[Pair, float]], watch: Watch) -> None:
    now = watch.now_us(connection)
    first: list[Move] = []
    second: list[Move] = []
    met: set[str] = set()
    unmet: set[str] = set()
    for (row, outcome), pause in work:
        steps = _moves(row, outcome, now, pause)
        first.append(steps[0])
        second.extend(steps[1:])
        if steps[-1].to_state == "posted":
            (unmet if row.op in ("void", "delete") else met).add(row.doc_key)
    moves.apply(connection, context, first, now)
    moves.apply(connection, context, second, now)
    if met:
        needs.meet(connection, context.integration, met, now)
    if unmet:
        needs.unmeet(connection, context.integration, unmet)


def _moves(row: Claimed, outcome: Settled, now: int, pause: float) -> list[Move]:
    def move(to: str, event: str, of: str = "sending", **sets: Any) -> Move:
        said = {"op": row.op, "seq": row.seq, "attempt": row.attempt, "company": row.company,
                "external_ref": row.external_ref, "body_sha256": row.body_sha256}  # fmt: skip
        return Move(row.posting_id, row.doc_key, row.fence, of, to, event, sets, said)

    if isinstance(outcome, Posted):
        done = move("posted", "posted", target_id=outcome.target_id, target_number=outcome.number, reason_code="",
                    reason="; ".join(outcome.warnings))  # fmt: skip
        done.content |= {"how": "sent", "response_sha256": outcome.response_sha256, **_amount(row)}
        return [done]
    if isinstance(outcome, Adopted):
        found = outcome.found
        done = move("posted", "posted", target_id=found.target_id, target_number=found.number,
                    reason_code=ON_HOLD if found.on_hold else "", reason=found.on_hold, read_back_at=now)  # fmt: skip
        done.content |= {"how": outcome.how, **_amount(row)}
        return [done]
    if isinstance(outcome, Refused):
        named = not outcome.field or outcome.reason.startswith(f"{outcome.field}:")
        return [move("rejected", "rejected", reason_code=(outcome.code or "refused")[:64],
                     reason=outcome.reason if named else f"{outcome.field}: {outcome.reason}")]  # fmt: skip
    if isinstance(outcome, Unknown):
        return [move("unknown", "unknown", sent_at=now, absences=0, read_backs=0, reason_code="unknown",
                     reason=outcome.reason)]  # fmt: skip
    if isinstance(outcome, NotSent):
        return [move("planned", "not_sent", not_before=now + int(pause * 1_000_000), reason_code="not_sent",
                     reason=outcome.reason)]  # fmt: skip
    if isinstance(outcome, Outdated):
        return [move("planned", "not_sent"), move("superseded", "superseded", "planned", reason=outcome.reason)]
    by = "unknown" if outcome.may_have_been_sent else "planned"
    return [move(by, by if by == "unknown" else "not_sent"),
            move("held", "held", by, reason_code=outcome.code[:64], reason=outcome.reason)]  # fmt: skip


def _amount(row: Claimed) -> dict[str, Any]:
    return {"currency": row.currency, "amount_minor": row.amount_minor, "version_id": row.version_id}


def _unrecordable(outcome: Settled, error: Exception) -> Hold:
    said = str(getattr(error, "orig", error)).strip()
    if isinstance(outcome, Posted | Adopted):
        target_id = outcome.target_id if isinstance(outcome, Posted) else outcome.found.target_id
        return Hold(
            "target_id_taken", f"the target answered with {target_id!r}, which the ledger refuses: {said}", True
        )
    return Hold("not_recordable", f"the outcome {type(outcome).__name__} could not be recorded: {said}",
                isinstance(outcome, Unknown | Refused))  # fmt: skip


def _record_late(engine: Engine, context: RunContext, late: Sequence[Pair], watch: Watch) -> None:
    with ledger_transaction(engine) as connection:
        events = [
            trail.Event("late_answer", row.doc_key, row.posting_id,
                        {**context.audited(), "fence": row.fence, "outcome": type(outcome).__name__,
                         "target_id": outcome.target_id if isinstance(outcome, Posted) else "",
                         "digest": hashlib.sha256(repr(outcome).encode()).hexdigest()})
            for row, outcome in late
        ]  # fmt: skip
        trail.append_many(connection, events, watch.now_us(connection))
