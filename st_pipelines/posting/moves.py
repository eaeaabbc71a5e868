"""Moves postings from state to state. Invariant: every move names the row's state and fence, hits exactly one row, and
is in the audit trail.

A row whose fence or state has moved on belongs to somebody else by now: ``StaleRows`` names it, and nothing of the
transaction is kept (L6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select

from st_pipelines.audit import trail
from st_pipelines.database.batch import BatchUpdate
from st_pipelines.database.schema import posting
from st_pipelines.posting.context import RunContext

_SETTABLE = {"not_before": "bigint", "sent_at": "bigint", "target_id": "text", "target_number": "text",
             "reason_code": "text", "reason": "text", "absences": "integer", "read_backs": "integer",
             "read_back_at": "bigint"}  # fmt: skip
_move = BatchUpdate(
    "UPDATE posting SET state = @to_state, fence = posting.fence + @raised, lease_owner = NULL, lease_until = NULL, "
    + ", ".join(f"{name} = coalesce(@{name}, posting.{name})" for name in _SETTABLE)
    + ", updated_at = @now",
    "posting.posting_id = @posting_id AND posting.fence = @fence AND posting.state = @from_state",
    {**_SETTABLE, "to_state": "text", "raised": "bigint", "now": "bigint", "posting_id": "bigint", "fence": "bigint",
     "from_state": "text"},
)  # fmt: skip
_where = select(posting.c.posting_id, posting.c.fence, posting.c.state).where(
    posting.c.posting_id.in_(bindparam("ids", expanding=True))
)


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
    if _move.run(connection, rows) != len(rows):
        raise StaleRows(frozenset(move.posting_id for move in moves))
    common = context.audited()
    events = []
    for move in moves:
        content = {**common, "from": move.from_state, "to": move.to_state, "fence": move.fence, **move.content}
        for name in _SETTABLE:
            if move.sets.get(name) is not None:
                content[name] = move.sets[name]
        events.append(trail.Event(move.event, move.doc_key, move.posting_id, content))
    trail.append_many(connection, events, now)


def _stale(connection: Connection, moves: Sequence[Move]) -> frozenset[int]:
    expected = {move.posting_id: (move.fence, move.from_state) for move in moves}
    seen = {row.posting_id: (row.fence, row.state) for row in connection.execute(_where, {"ids": list(expected)})}
    return frozenset(posting_id for posting_id, state in expected.items() if seen.get(posting_id) != state)
