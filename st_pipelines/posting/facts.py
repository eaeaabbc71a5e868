"""Records what physically happened (goods received), which documents wait for. Invariant: a fact is never deleted, it
is withdrawn; withdrawing makes postings wait again that were never sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine, bindparam, insert, select, update

from st_pipelines.audit import trail
from st_pipelines.database.engine import now_us
from st_pipelines.database.schema import fact as fact_table
from st_pipelines.posting import needs
from st_pipelines.posting.context import RunContext, ledger_transaction

_BATCH = 500


class Fact(Protocol):
    """Anything with these three; ``key`` like ``ST:1234:receipt_line:77``."""

    @property
    def key(self) -> str: ...
    @property
    def is_true(self) -> bool: ...
    @property
    def detail(self) -> str: ...


@dataclass
class FactSummary:
    unchanged: int = 0
    became_true: int = 0
    withdrawn: int = 0


_known = select(fact_table.c.key, fact_table.c.is_true, fact_table.c.detail).where(
    fact_table.c.integration == bindparam("integration"), fact_table.c.key.in_(bindparam("keys", expanding=True))
)
_update = (
    update(fact_table)
    .where(fact_table.c.integration == bindparam("of"), fact_table.c.key == bindparam("which"))
    .values({name: bindparam(name) for name in ("is_true", "detail", "run_id", "recorded_at")})
)


def record_facts(engine: Engine, context: RunContext, facts: Iterable[Fact]) -> FactSummary:
    """Records and audits what changed; a later statement about the same key wins."""
    summary, latest = FactSummary(), {fact.key: fact for fact in facts}
    for keys in needs.chunks(latest, _BATCH):
        with ledger_transaction(engine) as connection:
            write_facts(connection, context, [latest[key] for key in keys], now_us(connection), summary)
    return summary


def write_facts(
    connection: Connection, context: RunContext, facts: Sequence[Fact], now: int, summary: FactSummary
) -> None:
    """The same for facts of different keys, in the caller's ledger transaction."""
    keys = [fact.key for fact in facts]
    known: dict[str, tuple[bool, str]] = {}
    for some in needs.chunks(keys, _BATCH):
        rows = connection.execute(_known, {"integration": context.integration, "keys": some})
        known |= {row.key: (bool(row.is_true), row.detail) for row in rows}
    changed = [fact for fact in facts if known.get(fact.key) != (fact.is_true, fact.detail)]
    summary.unchanged += len(facts) - len(changed)
    if not changed:
        return
    values = {fact.key: {"is_true": int(fact.is_true), "detail": fact.detail, "run_id": context.run_id,
                         "recorded_at": now} for fact in changed}  # fmt: skip
    new = [{"integration": context.integration, "key": key, **row}
           for key, row in values.items() if key not in known]  # fmt: skip
    old = [{"of": context.integration, "which": key, **row} for key, row in values.items() if key in known]
    if new:
        connection.execute(insert(fact_table), new)
    if old:
        connection.execute(_update, old)
    true = [fact.key for fact in changed if fact.is_true]
    false = [fact.key for fact in changed if not fact.is_true]
    needs.meet(connection, context.integration, true, now)
    needs.unmeet(connection, context.integration, false)
    summary.became_true += len(true)
    summary.withdrawn += len(false)
    trail.append_many(
        connection,
        [trail.Event("fact", fact.key, None, {**context.audited(), "is_true": fact.is_true, "detail": fact.detail})
         for fact in changed],
        now,
    )  # fmt: skip
