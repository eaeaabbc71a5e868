"""Ends leases that are over. Invariant: an expired lease means unknown, never planned, unless no body was frozen (L7).

The fence is raised, so a worker that wakes up late can no longer write. What it may have sent is settled by reading
back; only a posting without a frozen body is proven not to have been sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text

from st_pipelines.database.engine import reading
from st_pipelines.posting import moves
from st_pipelines.posting.claimed import AnyRow
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.owner import is_gone

_sending = text(
    "SELECT posting_id, doc_key, fence, lease_owner, lease_until, body IS NULL AS unfrozen, attempt, op FROM posting "
    "WHERE integration = :integration AND state = 'sending'"
)


@dataclass
class Expired:
    """``next_us``: when the next lease of somebody else ends, by the database's clock; None where there is none."""

    unknown: int = 0
    planned: int = 0
    next_us: int | None = None


def expire(engine: Engine, context: RunContext, watch: Watch, own: Collection[str] = ()) -> Expired:
    """Ends leases whose time is over or whose worker is provably gone. ``own``: workers whose leases to leave alone."""
    with reading(engine) as connection:
        over, next_us = _over(connection, context, watch.now_us(connection), own)
    if not over:
        return Expired(next_us=next_us)
    with ledger_transaction(engine) as connection:
        now = watch.now_us(connection)
        over, next_us = _over(connection, context, now, own)
        ended = [_end(row, now) for row in over]
        moves.apply(connection, context, ended, now)
    unknown = sum(move.to_state == "unknown" for move in ended)
    return Expired(unknown, len(ended) - unknown, next_us)


def _over(
    connection: Connection, context: RunContext, now: int, own: Collection[str]
) -> tuple[list[AnyRow], int | None]:
    """The leases to end, and when the next other one ends."""
    rows = [row for row in connection.execute(_sending, {"integration": context.integration})
            if row.lease_owner not in own]  # fmt: skip
    over = [row for row in rows if row.lease_until <= now or is_gone(row.lease_owner)]
    return over, min((row.lease_until for row in rows if row not in over), default=None)


def _end(row: AnyRow, now: int) -> moves.Move:
    reason = "its worker is gone" if row.lease_until > now else "its lease ended"
    sets: dict[str, Any] = {"reason_code": "lease_ended", "reason": reason}
    if not row.unfrozen:
        sets |= {"sent_at": now, "absences": 0, "read_backs": 0}  # it may have left at any moment until now
    content = {"owner": row.lease_owner, "attempt": row.attempt, "op": row.op}
    return moves.Move(row.posting_id, row.doc_key, row.fence, "sending", "planned" if row.unfrozen else "unknown",
                      "lease_ended", sets, content, raises_fence=True)  # fmt: skip
