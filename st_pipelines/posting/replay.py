"""Tries a refused document again. Invariant: a replay is a new posting with the same reference, after a look at the
target, and names who asked (L14). The refused row stays as it is."""

from sqlalchemy import Engine, text

from st_pipelines.audit import trail
from st_pipelines.database.engine import reading
from st_pipelines.posting.claimed import COLUMNS, load
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.judge import Verdict, ask, judge
from st_pipelines.posting.plan import plan_again
from st_pipelines.posting.target import Target

_rejected = text(
    f"SELECT {COLUMNS} FROM posting WHERE integration = :of AND posting_id = :posting_id AND state = 'rejected'"
)


class CannotReplay(ValueError):
    """The posting cannot be replayed; the text says why and what to do."""


def replay(engine: Engine, target: Target, context: RunContext, posting_id: int, *, by: str, reason: str) -> list[int]:
    """Plans a rejected posting again, with the newest version of its document; gives the new postings (two where a void
    goes first). Reads the target back before; raises ``CannotReplay`` where it holds something else by now."""
    if not by.strip() or not reason.strip():
        raise CannotReplay("a replay needs the name of who asks and the reason")
    with reading(engine) as connection:
        rows = connection.execute(_rejected, {"of": context.integration, "posting_id": posting_id}).all()
        if not rows:
            raise CannotReplay(f"{context.integration} has no rejected posting {posting_id}; only those are replayed")
        row = load(connection, context.integration, rows)[0]
    target.check_company(row.company)
    judged = judge(target, row, ask(target, row.kind, row.company, row.references_asked))
    if judged.verdict in (Verdict.DIFFERENT, Verdict.TWICE) and row.op == "create":
        raise CannotReplay(f"{row.external_ref} is in the target, and not as planned: {judged.text}")
    with ledger_transaction(engine) as connection:
        content = {**context.audited(), "by": by, "why": reason, "found": judged.verdict.value, "said": judged.text}
        trail.append(connection, "replay_asked", row.doc_key, posting_id, **content)
    planned = plan_again(engine, context, [row.doc_key], target=row.target, change=target.change,
                         why=f"replay of {posting_id} by {by}: {reason}", released=True)  # fmt: skip
    if not planned:
        raise CannotReplay(f"{row.doc_key} has nothing to post again: a newer posting is open or done")
    return planned
