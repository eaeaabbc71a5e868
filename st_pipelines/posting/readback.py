"""Reads posted documents back and compares them with the plan (M4). Invariant: a difference is an alarm, not a change.

The row stays posted: the target said so. ``read_back_at`` is set when it was compared; a difference is in the row's
reason (``read_back_differs``) and in the trail. What was not compared yet is taken up by the next session.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, text

from st_pipelines.audit import trail
from st_pipelines.database.batch import BatchUpdate
from st_pipelines.database.engine import reading
from st_pipelines.posting.claimed import COLUMNS, Claimed, load
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.judge import Answer, Verdict, judge
from st_pipelines.posting.target import ON_HOLD, Target

DIFFERS = "read_back_differs"

# Only the last posted row of a document can be compared: an earlier one was overwritten by it.
_due = (
    "SELECT {columns} FROM posting p WHERE p.integration = :integration AND p.state = 'posted' "
    "AND p.read_back_at IS NULL {flows}AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration "
    "AND q.doc_key = p.doc_key AND q.seq > p.seq AND q.state = 'posted') ORDER BY p.posting_id LIMIT :limit"
)
_settled = text(
    "SELECT posting_id FROM posting WHERE integration = :integration AND state = 'posted' AND read_back_at IS NULL "
    "AND updated_at < :before"
)
_done = BatchUpdate(
    "UPDATE posting SET read_back_at = @now, reason_code = @code, "
    "reason = CASE WHEN @code = '' THEN posting.reason ELSE @reason END",
    "posting.posting_id = @posting_id AND posting.fence = @fence AND posting.state = 'posted'",
    {"now": "bigint", "code": "text", "reason": "text", "posting_id": "bigint", "fence": "bigint"},
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A posted document that the target holds differently."""

    row: Claimed
    text: str


def due(engine: Engine, context: RunContext, flows: Collection[str], limit: int, quiet_s: float,
        watch: Watch) -> list[Claimed]:  # fmt: skip
    """Posted rows that were not compared yet, oldest first. What is older than ``quiet_s`` must be found by now."""
    statement = text(_due.format(columns=COLUMNS, flows="AND p.flow IN :flows " if flows else ""))
    if flows:
        statement = statement.bindparams(bindparam("flows", expanding=True))
    values = {"integration": context.integration, "limit": limit, **({"flows": list(flows)} if flows else {})}
    with reading(engine) as connection:
        rows = load(connection, context.integration, connection.execute(statement, values).all())
        before = watch.now_us(connection) - int(quiet_s * 1_000_000)
        settled = {"integration": context.integration, "before": before}
        old = set(connection.execute(_settled, settled).scalars()) if rows else set()
    for row in rows:
        row.is_settled = row.posting_id in old
    return rows


def compare(target: Target, rows: Sequence[Claimed], answer: Answer) -> tuple[list[Claimed], list[Difference]]:
    """Those compared without a difference, and the differences. What was just posted and is not found yet is in
    neither: an index may lag, and the next session asks again."""
    same, differing = [], []
    for row in rows:
        judged = judge(target, row, answer)
        if judged.verdict is Verdict.SAME:
            row.on_hold = judged.found.on_hold if judged.found else ""
            same.append(row)
        elif judged.verdict is not Verdict.ABSENT or judged.found is not None:
            differing.append(Difference(row, judged.text))
        elif row.is_settled:
            differing.append(Difference(row, "posted some time ago, but the target does not find it"))
    return same, differing


def record(engine: Engine, context: RunContext, same: Sequence[Claimed], differing: Sequence[Difference],
           watch: Watch) -> None:  # fmt: skip
    """One event for all that agree, one for each of which the target holds something back, one alarm for each that
    differs."""
    if not same and not differing:
        return
    with ledger_transaction(engine) as connection:
        now = watch.now_us(connection)
        agreed = [{"now": now, "code": ON_HOLD if row.on_hold else "", "reason": row.on_hold,
                   "posting_id": row.posting_id, "fence": row.fence} for row in same]  # fmt: skip
        alarms = [{"now": now, "code": DIFFERS, "reason": each.text, "posting_id": each.row.posting_id,
                   "fence": each.row.fence} for each in differing]  # fmt: skip
        _done.run(connection, agreed + alarms)
        common, events = context.audited(), []
        plain = [row.posting_id for row in same if not row.on_hold]
        if plain:
            events.append(trail.Event("read_back", "", None, {**common, "postings": plain}))
        events += [trail.Event(ON_HOLD, row.doc_key, row.posting_id, {**common, "reason": row.on_hold})
                   for row in same if row.on_hold]  # fmt: skip
        for each in differing:
            content = {**common, "differences": each.text, "external_ref": each.row.external_ref,
                       "company": each.row.company, "alarm": True}  # fmt: skip
            events.append(trail.Event(DIFFERS, each.row.doc_key, each.row.posting_id, content))
        trail.append_many(connection, events, now)
