"""What lies ahead for a session: whose books, what is left, when something becomes due. Invariant: reads only."""

import shutil
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Engine, text

from st_pipelines.database.engine import reading
from st_pipelines.posting import claim
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.context import LedgerUnavailable, RunContext, ledger_faults_named

_open_companies = text(
    "SELECT DISTINCT company, flow FROM posting WHERE integration = :integration "
    "AND state IN ('planned', 'sending', 'unknown')"
)
_left = text(
    "SELECT flow, state, count(*) AS postings FROM posting WHERE integration = :integration "
    "AND state IN ('planned', 'sending', 'unknown', 'held') GROUP BY flow, state"
)


def open_companies(engine: Engine, context: RunContext, flows: Collection[str]) -> list[str]:
    """The books into which something of these flows (none = all) may be sent."""
    with ledger_faults_named(), reading(engine) as connection:
        rows = connection.execute(_open_companies, {"integration": context.integration}).all()
    return sorted({row.company for row in rows if not flows or row.flow in flows})


def left(engine: Engine, context: RunContext, flows: Collection[str]) -> Counter[str]:
    """Postings by state that are not finished."""
    counts: Counter[str] = Counter()
    with ledger_faults_named(), reading(engine) as connection:
        for row in connection.execute(_left, {"integration": context.integration}):
            if not flows or row.flow in flows:
                counts[row.state] += row.postings
    return counts


def next_due_s(engine: Engine, context: RunContext, flows: Collection[str], lease_us: int | None,
               watch: Watch) -> float | None:  # fmt: skip
    """Seconds until a planned posting's time comes or, at ``lease_us``, another worker's lease ends."""
    statement = claim.eligible("SELECT min(p.not_before) FROM posting p WHERE {eligible}", flows)
    values = {"integration": context.integration, **({"flows": list(flows)} if flows else {})}
    with ledger_faults_named(), reading(engine) as connection:
        due = [connection.execute(statement, values).scalar_one_or_none(), lease_us]
        now = watch.now_us(connection)
    soonest = min((each for each in due if each is not None), default=None)
    return None if soonest is None else max(0.0, (soonest - now) / 1_000_000)


def look_at_the_clock(engine: Engine, watch: Watch) -> None:
    """Samples the database's clock, so that a step since the claim is seen before anything is sent."""
    with ledger_faults_named(), reading(engine) as connection:
        watch.now_us(connection)


def require_space(engine: Engine, minimum_free_bytes: int) -> None:
    """Raises ``LedgerUnavailable`` where an embedded ledger could not record what is sent (C5)."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    free = shutil.disk_usage(Path(engine.url.database).parent).free
    if free < minimum_free_bytes:
        raise LedgerUnavailable(
            f"{free // 2**20} MiB are free beside the ledger, {minimum_free_bytes // 2**20} MiB are the floor: "
            "nothing was sent; free disk space and run again"
        )
