"""What a person decides about a pair: it is one party, it is not, it is no longer. Invariant: nothing without a name
and a reason, and no rule undoes it.
"""

from sqlalchemy import Connection, Engine

from st_pipelines.alignment.link_rows import PERSON, LinkRefused, change, end_others, insert_link, row_between, touching
from st_pipelines.database.engine import now_us
from st_pipelines.posting.context import RunContext, ledger_transaction


def link(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, target_id: str, *, by: str,
         reason: str) -> int:  # fmt: skip
    """A person says that these two are the same. Raises ``LinkRefused``. Other proposals of either end."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        source_id, target_id = _as_proposed(connection, book, kind, source_id, target_id)
        for other in touching(connection, book, kind, source_id, target_id, ("linked",)):
            if (other.source_id, other.target_id) == (source_id, target_id):
                return other.link_id
            raise LinkRefused(
                f"{other.source_id} is linked to {other.target_id} ({other.how}, by {other.decided_by}): end that "
                f"first, st-pipelines parties unlink {other.source_id} --by … --reason …"
            )
        end_others(connection, context, book, kind, source_id, target_id, by, f"another was chosen: {reason}", now)
        held = row_between(connection, book, kind, source_id, target_id)
        if held and held.state == "proposed":
            change(connection, context, held, "linked", by, reason, now, how=PERSON)
            return held.link_id
        if held:
            change(connection, context, held, "ended", by, reason, now)
        return insert_link(connection, context, book, kind, source_id, target_id, "linked", PERSON, -1,
                       held.evidence if held else {}, by, reason, now)  # fmt: skip


def separate(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, target_id: str, *, by: str,
             reason: str) -> int:  # fmt: skip
    """A person says that these two are not the same: they are never proposed again. Raises ``LinkRefused``."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        source_id, target_id = _as_proposed(connection, book, kind, source_id, target_id)
        held = row_between(connection, book, kind, source_id, target_id)
        if held and held.state == "linked":
            raise LinkRefused(f"{source_id} and {target_id} are linked: end that first, st-pipelines parties unlink "
                              f"{source_id} --by … --reason …")  # fmt: skip
        if held and held.state == "separate":
            return held.link_id
        if held:
            change(connection, context, held, "separate", by, reason, now, how=PERSON)
            return held.link_id
        return insert_link(connection, context, book, kind, source_id, target_id, "separate", PERSON, -1, {}, by,
                           reason, now)  # fmt: skip


def unlink(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, *, by: str, reason: str) -> int:
    """Ends the live link of a party. What was posted stays posted. Raises ``LinkRefused``."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        held = touching(connection, book, kind, source_id, source_id, ("linked",))
        if not held:
            raise LinkRefused(f"{source_id} is not linked; see st-pipelines parties list")
        change(connection, context, held[0], "ended", by, reason, now_us(connection))
        return held[0].link_id


def _as_proposed(connection: Connection, book: str, kind: str, one: str, other: str) -> tuple[str, str]:
    """A person may name the two in either order; a proposal says which side is which."""
    turned = not row_between(connection, book, kind, one, other) and row_between(connection, book, kind, other, one)
    return (other, one) if turned else (one, other)


def _require_name(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise LinkRefused("a decision needs the name of who decides and the reason")
