"""What a posting waits for: document keys that must be posted, facts that must be true. Invariant: a need is a row.

A need is met while its document stands in the target or its fact is true. It is met and un-met in the transaction that
changes the cause, so no posting can miss it (L10).
"""

from collections.abc import Collection, Iterator

from sqlalchemy import Connection, bindparam, select, text

from st_pipelines.database.schema import fact, posting

_CHUNK = 2000

_posted = select(posting.c.doc_key, posting.c.op).where(
    posting.c.integration == bindparam("integration"),
    posting.c.doc_key.in_(bindparam("keys", expanding=True)),
    posting.c.state == "posted",
).order_by(posting.c.seq)  # fmt: skip
_true = select(fact.c.key).where(
    fact.c.integration == bindparam("integration"), fact.c.key.in_(bindparam("keys", expanding=True)),
    fact.c.is_true == 1,
)  # fmt: skip
_meet = text(
    "UPDATE posting_need SET satisfied_at = :now WHERE needs IN :keys AND satisfied_at IS NULL AND EXISTS "
    "(SELECT 1 FROM posting p WHERE p.posting_id = posting_need.posting_id AND p.integration = :integration)"
).bindparams(bindparam("keys", expanding=True))
# Only what is proven not sent: a posting on its way, or of unknown outcome, is not called back.
_unmeet = text(
    "UPDATE posting_need SET satisfied_at = NULL WHERE needs IN :keys AND satisfied_at IS NOT NULL AND EXISTS "
    "(SELECT 1 FROM posting p WHERE p.posting_id = posting_need.posting_id AND p.integration = :integration "
    "AND (p.state = 'planned' OR (p.state = 'held' AND p.attempt = 0)))"
).bindparams(bindparam("keys", expanding=True))


def met(connection: Connection, integration: str, keys: Collection[str]) -> set[str]:
    """Which of these document keys stand in the target, or are facts that are true."""
    found: set[str] = set()
    for some in chunks(keys):
        values = {"integration": integration, "keys": some}
        last = {row.doc_key: row.op for row in connection.execute(_posted, values)}
        found.update(doc_key for doc_key, op in last.items() if op in ("create", "update"))
        found.update(connection.execute(_true, values).scalars())
    return found


def meet(connection: Connection, integration: str, keys: Collection[str], now: int) -> None:
    """Marks the needs for these keys as met."""
    for some in chunks(keys):
        connection.execute(_meet, {"integration": integration, "keys": some, "now": now})


def unmeet(connection: Connection, integration: str, keys: Collection[str]) -> None:
    """Takes it back for postings that are proven not sent: the document was voided, or the fact withdrawn."""
    for some in chunks(keys):
        connection.execute(_unmeet, {"integration": integration, "keys": some})


def chunks(keys: Collection[str], size: int = _CHUNK) -> Iterator[list[str]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
