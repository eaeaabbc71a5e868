"""Takes postings out of the queue to send them. Invariant: intent is committed before the first byte leaves (L1).

A claim gives a lease and a new fence by the database's clock. Claimable is what is planned, due, has all its needs met,
and has no earlier posting of its document that is still open (L10). ``freeze`` stores the body that will be sent.
"""

import hashlib
from collections.abc import Collection, Sequence

from sqlalchemy import Engine, TextClause, bindparam, text

from st_pipelines.audit import trail
from st_pipelines.database.batch import BatchUpdate
from st_pipelines.posting.claimed import COLUMNS, Claimed, load
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import RunContext, ledger_transaction

ELIGIBLE = (
    "p.integration = :integration AND p.state = 'planned' {flows}"
    "AND NOT EXISTS (SELECT 1 FROM posting_need w WHERE w.posting_id = p.posting_id AND w.satisfied_at IS NULL) "
    "AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key "
    "AND q.seq < p.seq AND q.state NOT IN ('posted', 'rejected', 'superseded'))"
)
_freeze = BatchUpdate(
    "UPDATE posting SET body = coalesce(posting.body, @body), "
    "body_sha256 = coalesce(posting.body_sha256, @digest), sent_at = @now, updated_at = @now",
    "posting.posting_id = @posting_id AND posting.fence = @fence AND posting.state = 'sending'",
    {"body": "bytea", "digest": "text", "now": "bigint", "posting_id": "bigint", "fence": "bigint"},
)


def eligible(statement: str, flows: Collection[str]) -> TextClause:
    """A statement with ``{eligible}`` in it, narrowed to flows (none = all)."""
    condition = ELIGIBLE.format(flows="AND p.flow IN :flows " if flows else "")
    clause = text(statement.format(eligible=condition))
    return clause.bindparams(bindparam("flows", expanding=True)) if flows else clause


def claim(engine: Engine, context: RunContext, owner: str, flows: Collection[str], *, limit: int, lease_s: float,
          watch: Watch) -> list[Claimed]:  # fmt: skip
    """Claims up to ``limit`` postings in the order in which they became due. Empty: nothing is claimable now."""
    with ledger_transaction(engine) as connection:
        skip = " FOR UPDATE OF p SKIP LOCKED" if connection.dialect.name == "postgresql" else ""
        statement = eligible(
            "WITH c AS (SELECT p.posting_id FROM posting p WHERE {eligible} AND p.not_before <= :now "
            f"ORDER BY p.not_before, p.posting_id LIMIT :limit{skip}) "
            "UPDATE posting SET state = 'sending', lease_owner = :owner, lease_until = :until, fence = fence + 1, "
            "attempt = attempt + 1, updated_at = :now WHERE posting_id IN (SELECT posting_id FROM c) "
            f"RETURNING {COLUMNS}",
            flows,
        )
        now, claimed_at = watch.now_us(connection), watch.clock.monotonic()
        values = {"integration": context.integration, "now": now, "until": now + int(lease_s * 1_000_000),
                  "owner": owner, "limit": limit, **({"flows": list(flows)} if flows else {})}  # fmt: skip
        rows = sorted(connection.execute(statement, values), key=lambda row: row.posting_id)
        if not rows:
            return []
        claimed = load(connection, context.integration, rows, claimed_at, watch.offset_us)
        common = context.audited()
        trail.append_many(
            connection,
            [trail.Event("sending", row.doc_key, row.posting_id,
                         {**common, "from": "planned", "to": "sending", "op": row.op, "company": row.company,
                          "fence": row.fence, "attempt": row.attempt, "owner": owner, "lease_until": values["until"]})
             for row in claimed],
            now,
        )  # fmt: skip
    return claimed


def freeze(engine: Engine, context: RunContext, bodies: Sequence[tuple[Claimed, bytes]], watch: Watch) -> None:
    """Stores what will be sent; a body that was frozen before stays as it is. Durable when it returns."""
    with ledger_transaction(engine) as connection:
        now, again = watch.now_us(connection), set()
        for row, body in bodies:
            if row.body is None:
                row.body, row.body_sha256 = body, hashlib.sha256(body).hexdigest()
            else:
                again.add(row.posting_id)
        values = [{"posting_id": row.posting_id, "fence": row.fence, "body": row.body, "digest": row.body_sha256,
                   "now": now} for row, _ in bodies]  # fmt: skip
        if _freeze.run(connection, values) != len(values):
            raise LeaseLost("a lease ended while bodies were being built; nothing of this batch was sent")
        common = context.audited()
        trail.append_many(
            connection,
            [trail.Event("frozen_before" if row.posting_id in again else "frozen", row.doc_key, row.posting_id,
                         {**common, "body_sha256": row.body_sha256, "bytes": len(row.body or b""),
                          "request_key": row.request_key, "external_ref": row.external_ref, "fence": row.fence})
             for row, _ in bodies],
            now,
        )  # fmt: skip


class LeaseLost(RuntimeError):
    """Somebody else has taken over postings that this worker claimed; it must not send them."""
