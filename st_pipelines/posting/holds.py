"""What waits for a person, and what a person may decide. Invariant: no hold ends without a name and a reason.

A hold that the mapping set (a missing account) cannot be released: the mapping is fixed and the day planned again.
Every other hold ends in one of three ways: ``release`` (send it), ``adopt`` (the target has it already), ``dismiss``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text

from st_pipelines.database.engine import now_us, reading
from st_pipelines.posting import canonical, moves, needs
from st_pipelines.posting.claimed import AnyRow
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.limits import RELEASED

_columns = (
    "SELECT p.posting_id, p.flow, p.kind, p.doc_key, p.seq, p.op, p.company, p.external_ref, p.currency, "
    "p.amount_minor, p.business_date, p.reason_code, p.reason, p.attempt, p.fence, p.version_id, p.updated_at, "
    "v.label, v.disposition FROM posting p JOIN document_version v ON v.version_id = p.version_id "
)
_held = text(
    _columns.replace("v.label", "v.label, p.partition_key, v.document")
    + "WHERE p.integration = :integration AND p.state = 'held' ORDER BY abs(p.amount_minor) DESC, p.posting_id"
)
_some = text(_columns + "WHERE p.integration = :integration AND p.posting_id IN :ids ORDER BY p.posting_id").bindparams(
    bindparam("ids", expanding=True)
)
_siblings = text(
    _columns + "WHERE p.integration = :integration AND p.doc_key = :doc_key AND p.version_id = :version_id "
    "AND p.state = 'held' AND p.reason_code = :reason_code ORDER BY p.posting_id"
)


class CannotRelease(ValueError):
    """The decision is not possible; the text says what to do instead."""


@dataclass(frozen=True)
class HeldPosting:
    """``amount_minor`` in whole minor units of ``currency``; ``held_since`` in microseconds since 1970 UTC.
    ``releasable``: a person may send it as it is; else the mapping must be fixed. ``missing`` and ``cure``: what the
    mapping said is missing, and what to do about it; empty for other holds. ``partition_key``: the day to run again."""

    posting_id: int
    flow: str
    kind: str
    doc_key: str
    seq: int
    op: str
    company: str
    external_ref: str
    currency: str
    amount_minor: int
    business_date: str
    code: str
    reason: str
    label: str
    may_have_been_sent: bool
    releasable: bool
    held_since: int
    partition_key: str = ""
    missing: str = ""
    detail: str = ""
    cure: str = ""


def list_holds(engine: Engine, integration: str, *, flow: str = "", code: str = "") -> list[HeldPosting]:
    """Everything held, the most money first."""
    with reading(engine) as connection:
        rows = connection.execute(_held, {"integration": integration}).all()
    return [_held_posting(row) for row in rows
            if (not flow or row.flow == flow) and (not code or row.reason_code == code)]  # fmt: skip


def release(engine: Engine, context: RunContext, posting_ids: Sequence[int], *, by: str, reason: str) -> list[int]:
    """Puts held postings back into the queue; gives all that were released (a void and the create that replaces it are
    released together). Before anything is sent the target is asked for it anyway. Raises ``CannotRelease``."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        rows = {row.posting_id: row for wanted in _held_rows(connection, context, posting_ids)
                for row in _with_siblings(connection, context, wanted)}  # fmt: skip
        for row in rows.values():
            if row.disposition == "held":
                raise CannotRelease(
                    f"posting {row.posting_id} ({row.doc_key}) is held by the mapping ({row.reason}): "
                    "fix the mapping and plan the day again"
                )
        sets = {"reason_code": RELEASED, "reason": f"released by {by}: {reason}", "not_before": 0}
        _decide(connection, context, list(rows.values()), "planned", "released", sets, {"by": by, "why": reason})
    return sorted(rows)


def adopt(engine: Engine, context: RunContext, posting_id: int, *, target_id: str, target_number: str, by: str,
          reason: str) -> None:  # fmt: skip
    """A person has found it in the target under this id: recorded as posted, compared by the next read-back."""
    _require_name(by, reason)
    if not target_id:
        raise CannotRelease("name the id that the document has in the target")
    with ledger_transaction(engine) as connection:
        rows = _held_rows(connection, context, [posting_id])
        sets = {"target_id": target_id, "target_number": target_number, "reason_code": "",
                "reason": f"adopted by {by}: {reason}"}  # fmt: skip
        content = {"by": by, "why": reason, "how": "adopted by a person"}
        _decide(connection, context, rows, "posted", "posted", sets, content)
        keys = [rows[0].doc_key]
        if rows[0].op == "void":
            needs.unmeet(connection, context.integration, keys)
        else:
            needs.meet(connection, context.integration, keys, now_us(connection))


def dismiss(engine: Engine, context: RunContext, posting_ids: Sequence[int], *, by: str, reason: str) -> None:
    """Never to be sent: recorded as rejected by a person. ``replay`` can bring it back."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        rows = _held_rows(connection, context, posting_ids)
        sets = {"reason_code": "dismissed", "reason": f"dismissed by {by}: {reason}"}
        _decide(connection, context, rows, "rejected", "rejected", sets, {"by": by, "why": reason})


def _held_rows(connection: Connection, context: RunContext, posting_ids: Sequence[int]) -> list[AnyRow]:
    values = {"integration": context.integration, "ids": list(posting_ids)}
    rows: list[AnyRow] = list(connection.execute(_some, values).all())
    missing = set(posting_ids) - {row.posting_id for row in rows}
    if missing:
        raise CannotRelease(f"{context.integration} has no posting {sorted(missing)}")
    held = set(
        connection.execute(
            text("SELECT posting_id FROM posting WHERE posting_id IN :ids AND state = 'held'").bindparams(
                bindparam("ids", expanding=True)
            ),
            {"ids": list(posting_ids)},
        ).scalars()
    )
    free = set(posting_ids) - held
    if free:
        raise CannotRelease(f"posting {sorted(free)} is not held")
    return rows


def _with_siblings(connection: Connection, context: RunContext, row: AnyRow) -> list[AnyRow]:
    values = {"integration": context.integration, "doc_key": row.doc_key, "version_id": row.version_id,
              "reason_code": row.reason_code}  # fmt: skip
    return list(connection.execute(_siblings, values).all())


def _decide(connection: Connection, context: RunContext, rows: Sequence[AnyRow], to: str, event: str,
            sets: dict[str, Any], content: dict[str, Any]) -> None:  # fmt: skip
    decided = [
        moves.Move(row.posting_id, row.doc_key, row.fence, "held", to, event, dict(sets),
                   {**content, "op": row.op, "seq": row.seq, "external_ref": row.external_ref, "was": row.reason_code})
        for row in rows
    ]  # fmt: skip
    moves.apply(connection, context, decided, now_us(connection))


def _require_name(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise CannotRelease("a decision needs the name of who decides and the reason")


def _held_posting(row: AnyRow) -> HeldPosting:
    hold = canonical.decode(bytes(row.document)).hold if row.disposition == "held" else None
    return HeldPosting(
        row.posting_id, row.flow, row.kind, row.doc_key, row.seq, row.op, row.company, row.external_ref, row.currency,
        row.amount_minor, row.business_date, row.reason_code, row.reason, row.label, row.attempt > 0,
        row.disposition != "held", row.updated_at, row.partition_key, hold.key if hold else "",
        hold.detail if hold else row.reason, hold.cure if hold else "",
    )  # fmt: skip
