"""The whole life of one document from the ledger and the audit trail. Invariant: read in one moment, nothing left out.

Found by document key, by external reference, by target id or by the number that a person sees in the target.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, or_, select

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import audit_event, control_line, document_version, posting, posting_need
from st_pipelines.reconciliation.amounts import plain


@dataclass(frozen=True)
class Life:
    """``versions``, ``postings`` (with needs and control lines) and ``events``, oldest first, ready for JSON."""

    doc_key: str
    versions: list[dict[str, Any]]
    postings: list[dict[str, Any]]
    events: list[dict[str, Any]]


def life_of(engine: Engine, asked: str) -> list[Life]:
    """Every document that ``asked`` can mean, by key; none where nothing is known."""
    with reading(engine) as connection:
        return [_life(connection, key) for key in _keys(connection, asked)]


def _keys(connection: Connection, asked: str) -> list[str]:
    named = or_(posting.c.external_ref == asked, posting.c.target_id == asked, posting.c.target_number == asked)
    keys = set(connection.execute(select(posting.c.doc_key).where(named)).scalars())
    keys |= set(
        connection.execute(select(document_version.c.doc_key).where(document_version.c.doc_key == asked)).scalars()
    )
    return sorted(keys)


def _life(connection: Connection, key: str) -> Life:
    versions = connection.execute(
        select(document_version).where(document_version.c.doc_key == key).order_by(document_version.c.version_id)
    ).mappings()
    postings = connection.execute(
        select(posting).where(posting.c.doc_key == key).order_by(posting.c.integration, posting.c.seq)
    ).mappings()
    events = connection.execute(
        select(audit_event).where(audit_event.c.doc_key == key).order_by(audit_event.c.n)
    ).mappings()
    return Life(
        key,
        [_version(row) for row in versions],
        [_posting(connection, row) for row in postings],
        [_event(row) for row in events],
    )


def _version(row: Any) -> dict[str, Any]:
    names = ("integration", "flow", "version", "kind", "disposition", "reason", "company", "currency", "business_date",
             "partition_key", "label", "content_sha256", "source_sha256", "mapping_version", "run_id")  # fmt: skip
    return {name: row[name] for name in names} | {
        "amount": plain(row["amount_minor"], row["currency"]), "recorded_at": instant(row["recorded_at"]),
        "is_latest": bool(row["is_latest"]), "document": json.loads(bytes(row["document"])),
    }  # fmt: skip


def _posting(connection: Connection, row: Any) -> dict[str, Any]:
    names = ("posting_id", "integration", "flow", "kind", "seq", "op", "target", "company", "external_ref",
             "request_key", "currency", "business_date", "state", "attempt", "fence", "absences", "target_id",
             "target_number", "reason_code", "reason", "body_sha256", "run_id")  # fmt: skip
    lines = connection.execute(
        select(control_line).where(control_line.c.posting_id == row["posting_id"]).order_by(control_line.c.line)
    ).mappings()
    needs = connection.execute(
        select(posting_need).where(posting_need.c.posting_id == row["posting_id"]).order_by(posting_need.c.needs)
    ).mappings()
    return {name: row[name] for name in names} | {
        "amount": plain(row["amount_minor"], row["currency"]),
        "sent_at": instant(row["sent_at"]), "created_at": instant(row["created_at"]),
        "updated_at": instant(row["updated_at"]),
        "needs": [{"needs": need["needs"], "satisfied_at": instant(need["satisfied_at"])} for need in needs],
        "control": [
            {"business_unit": line["business_unit"], "gl_account": line["gl_account"],
             "cost_center": line["cost_center"], "amount": plain(line["amount_minor"], row["currency"])}
            for line in lines
        ],
    }  # fmt: skip


def _event(row: Any) -> dict[str, Any]:
    return {
        "n": row["n"], "event": row["event"], "recorded_at": instant(row["recorded_at"]),
        "posting_id": row["posting_id"], "hash": row["hash"], "content": json.loads(row["content"]),
    }  # fmt: skip


def instant(microseconds: int | None) -> str | None:
    """Microseconds since 1970 as ISO 8601 UTC, exactly."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
