"""Inserts new postings with what belongs to them. Invariant: posting, needs, control lines and event come together.

The only place that makes postings. Numbers are taken from the database first, so that all rows of a batch go in with
one statement per table.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, text

from st_pipelines.audit import trail
from st_pipelines.audit.digests import posting_digest
from st_pipelines.database.schema import control_line, posting, posting_need
from st_pipelines.documents.bill import cover_key
from st_pipelines.documents.keys import request_key
from st_pipelines.documents.mapped import ControlLine
from st_pipelines.posting import needs
from st_pipelines.posting.context import RunContext

_insert_posting, _insert_need, _insert_control = insert(posting), insert(posting_need), insert(control_line)


@dataclass(slots=True)
class NewPosting:
    """``amount_minor`` in whole minor units; ``detail`` goes into the event beside the row's own fields."""

    flow: str
    kind: str
    doc_key: str
    seq: int
    op: str
    target: str
    company: str
    external_ref: str
    version_id: int
    previous_version_id: int | None
    currency: str
    amount_minor: int
    business_date: str
    state: str = "planned"
    reason_code: str = ""
    reason: str = ""
    needs: tuple[str, ...] = ()
    control: tuple[ControlLine, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)


def allocate(connection: Connection, table: str, column: str, count: int) -> Sequence[int]:
    """The next ``count`` numbers of a table's key. The caller holds the ledger's lock."""
    if connection.dialect.name == "postgresql":
        statement = text(
            f"SELECT nextval(pg_get_serial_sequence('{table}', '{column}')) FROM generate_series(1, :count)"
        )
        return list(connection.execute(statement, {"count": count}).scalars())
    first = connection.execute(text(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}")).scalar_one()
    return range(first, first + count)


def insert_postings(
    connection: Connection, context: RunContext, new: Collection[NewPosting], now: int
) -> tuple[list[int], list[trail.Event]]:
    """Inserts in order; gives the posting ids and the ``planned`` events, which the caller appends in its order."""
    if not new:
        return [], []
    ids = list(allocate(connection, "posting", "posting_id", len(new)))
    met = needs.met(connection, context.integration, {need for row in new for need in row.needs})
    # Whether goods cover a document was found for the version before this one: it is looked at again.
    met -= {cover_key(row.doc_key) for row in new}
    rows = [_row(context, row, id_, now) for row, id_ in zip(new, ids, strict=True)]
    connection.execute(_insert_posting, rows)
    waits = [{"posting_id": id_, "needs": need, "satisfied_at": now if need in met else None}
             for row, id_ in zip(new, ids, strict=True) for need in dict.fromkeys(row.needs)]  # fmt: skip
    if waits:
        connection.execute(_insert_need, waits)
    lines = [
        {"posting_id": id_, "line": number, "business_unit": line.business_unit, "gl_account": line.gl_account,
         "cost_center": line.cost_center, "amount_minor": line.amount_minor}
        for row, id_ in zip(new, ids, strict=True) for number, line in enumerate(row.control, 1)
    ]  # fmt: skip
    if lines:
        connection.execute(_insert_control, lines)
    return ids, list(_events(context, new, rows))


def _row(context: RunContext, row: NewPosting, posting_id: int, now: int) -> dict[str, Any]:
    return {
        "posting_id": posting_id, "integration": context.integration, "flow": row.flow, "kind": row.kind,
        "doc_key": row.doc_key, "seq": row.seq, "op": row.op, "target": row.target, "company": row.company,
        "external_ref": row.external_ref,
        "request_key": request_key(row.doc_key, row.op, row.seq, row.target, row.company),
        "version_id": row.version_id, "previous_version_id": row.previous_version_id, "currency": row.currency,
        "amount_minor": row.amount_minor, "business_date": row.business_date,
        "partition_key": context.partition_key, "state": row.state, "reason_code": row.reason_code,
        "reason": row.reason, "run_id": context.run_id, "created_at": now, "updated_at": now,
    }  # fmt: skip


def _events(context: RunContext, new: Iterable[NewPosting], rows: Iterable[dict[str, Any]]) -> Iterable[trail.Event]:
    common = context.audited()
    for row, written in zip(new, rows, strict=True):
        lines = [(number, line.business_unit, line.gl_account, line.cost_center, line.amount_minor)
                 for number, line in enumerate(row.control, 1)]  # fmt: skip
        content = {
            **common, "flow": row.flow, "kind": row.kind, "seq": row.seq, "op": row.op, "target": row.target,
            "company": row.company, "external_ref": row.external_ref, "currency": row.currency,
            "amount_minor": row.amount_minor, "business_date": row.business_date, "state": row.state,
            "row_sha256": posting_digest(written, dict.fromkeys(row.needs), lines), **row.detail,
        }  # fmt: skip
        if row.reason_code:
            content |= {"code": row.reason_code, "reason": row.reason}
        yield trail.Event("planned", row.doc_key, written["posting_id"], content)
