"""One document found by any of its names, its whole life ready for JSON. Invariant: nothing is added or left out.

Found by document key, by external reference, by target id or by the number that a person sees in the target.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, or_, select

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version, posting
from st_pipelines.posting.life import Life, life
from st_pipelines.reconciliation.amounts import plain


def lives_of(engine: Engine, asked: str, *, only_target: bool = False) -> list[dict[str, Any]]:
    """Every document that ``asked`` can mean; none where nothing is known. Amounts as plain text, instants as ISO.
    ``only_target``: it is what the document is called in the target."""
    in_target = or_(posting.c.target_id == asked, posting.c.target_number == asked)
    named = in_target if only_target else or_(posting.c.external_ref == asked, in_target)
    with reading(engine) as connection:
        rows = list(connection.execute(select(posting.c.integration, posting.c.doc_key).where(named)))
        query = select(document_version.c.integration, document_version.c.doc_key)
        rows += [] if only_target else connection.execute(query.where(document_version.c.doc_key == asked))
    names = sorted({(str(integration), str(key)) for integration, key in rows})
    return [_readable(integration, life(engine, integration, key)) for integration, key in names]


def _readable(integration: str, of: Life) -> dict[str, Any]:
    return {
        "integration": integration, "doc_key": of.doc_key,
        "versions": [_row(row, row["currency"]) for row in of.versions],
        "postings": [
            _row(row, row["currency"]) | {
                "needs": [{"needs": n["needs"], "satisfied_at": instant(n["satisfied_at"])} for n in row["needs"]],
                "control": [_row(line, row["currency"]) for line in row["control"]],
                "marks": [_row(mark, "") for mark in row["marks"]],
            }
            for row in of.postings
        ],
        "events": [_row(event, "") for event in of.events],
    }  # fmt: skip


def _row(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Times and amounts readable; the rest as it is."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name.endswith("_at") or name in ("not_before", "lease_until"):
            shown[name] = instant(value) if value else None
        elif name == "amount_minor":
            shown["amount"] = plain(value, currency)
        else:
            shown[name] = value
    return shown


def instant(microseconds: int | None) -> str | None:
    """Microseconds since 1970 as ISO 8601 UTC, exactly."""
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest).isoformat()
