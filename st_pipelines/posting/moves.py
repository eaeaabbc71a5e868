"""Moves postings from state to state. Invariant: every move names the row's state and fence, hits exactly one row, and
is in the audit trail.

A row whose fence or state has moved on belongs to somebody else by now: ``StaleRows`` names it, and nothing of the
transaction is kept (L6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from st_pipelines.audit import trail
from st_pipelines.database.schema import posting
from st_pipelines.posting.context import RunContext

_move = text(
    "UPDATE posting SET state = :to_state, fence = fence + :raised, lease_owner = NULL, lease_until = NULL, "
    "not_before = coalesce(:not_before, not_before), sent_at = coalesce(:sent_at, sent_at), "
    "target_id = coalesce(:target_id, target_id), target_number = coalesce(:target_number, target_number), "
    "reason_code = coalesce(:reason_code, reason_code), reason = coalesce(:reason, reason), "
    "absences = coalesce(:absences, absences), read_backs = coalesce(:read_backs, read_backs), "
    "read_back_at = coalesce(:read_back_at, read_back_at), updated_at = :now "
    "WHERE posting_id = :posting_id AND fence = :fence AND state = :from_state"
)
_where = select(posting.c.posting_id, posting.c.fence, posting.c.state).where(
    posting.c.posting_id.in_(bindparam("ids", expanding=True))
)
_SETTABLE = ("not_before", "sent_at", "target_id", "target_number", "reason_code", "reason", "absences", "read_backs",
             "read_back_at")  # fmt: skip


class StaleRows(RuntimeError):
    """Somebody else has moved these postings meanwhile."""

    def __init__(self, posting_ids: frozenset[int]) -> None:
        super().__init__(f"postings {sorted(posting_ids)} were moved by somebody else")
        self.posting_ids = posting_ids


@dataclass(slots=True)
class Move:
    """One row from one state to another. ``sets``: columns to set; ``content``: what else the event says.

    ``raises_fence``: taken from a worker that may still think it holds the row.
    """

    posting_id: int
    doc_key: str
    fence: int
    from_state: str
    to_state: str
    event: str
    sets: dict[str, Any] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    raises_fence: bool = False


def apply(connection: Connection, context: RunContext, moves: Sequence[Move], now: int) -> None:
    """Applies all or raises ``StaleRows``. A row may not appear twice in one call."""
    if not moves:
        return
    stale = _stale(connection, moves)
    if stale:
        raise StaleRows(stale)
    empty = dict.fromkeys(_SETTABLE)
    rows = [
        {**empty, **move.sets, "posting_id": move.posting_id, "fence": move.fence, "from_state": move.from_state,
         "to_state": move.to_state, "raised": int(move.raises_fence), "now": now}
        for move in moves
    ]  # fmt: skip
    if connection.execute(_move, rows).rowcount != len(rows):
        raise StaleRows(frozenset(move.posting_id for move in moves))
    common = context.audited()
    events = []
    for move in moves:
        content = {**common, "from": move.from_state, "to": move.to_state, "fence": move.fence, **move.content}
        for name in ("reason_code", "reason", "target_id", "target_number", "not_before"):
            if move.sets.get(name) is not None:
                content[name] = move.sets[name]
        events.append(trail.Event(move.event, move.doc_key, move.posting_id, content))
    trail.append_many(connection, events, now)


def _stale(connection: Connection, moves: Sequence[Move]) -> frozenset[int]:
    expected = {move.posting_id: (move.fence, move.from_state) for move in moves}
    seen = {row.posting_id: (row.fence, row.state) for row in connection.execute(_where, {"ids": list(expected)})}
    return frozenset(posting_id for posting_id, state in expected.items() if seen.get(posting_id) != state)
