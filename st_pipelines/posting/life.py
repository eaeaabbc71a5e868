"""The whole life of one document, from ledger and trail (P5). Invariant: shows what is recorded, adds nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Engine, and_, or_, select

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import (
    audit_event,
    control_line,
    document_version,
    posting,
    posting_need,
    write_back,
)


@dataclass(frozen=True)
class Life:
    """All in order. ``versions``: with the mapped document as JSON values (amounts as text). ``postings``: every column
    but the body (its digest is there), with ``needs``, ``control`` and ``marks`` (what the source was told of it).
    ``events``: with their number and content, those of the facts that it needs among them. Instants are
    microseconds since 1970 UTC, amounts whole minor units."""

    doc_key: str
    versions: tuple[Mapping[str, Any], ...]
    postings: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]

    @property
    def known(self) -> bool:
        return bool(self.versions)


def life(engine: Engine, integration: str, doc_key: str) -> Life:
    """Everything about one document key in one integration; empty where the ledger has never seen it."""
    with reading(engine) as connection:
        of = document_version.c
        versions = [dict(row) | {"document": msgspec.json.decode(row["document"])} for row in connection.execute(
            select(document_version).where(of.integration == integration, of.doc_key == doc_key).order_by(of.version)
        ).mappings()]  # fmt: skip
        columns = [column for column in posting.columns if column.name != "body"]
        postings = [dict(row) for row in connection.execute(
            select(*columns).where(posting.c.integration == integration, posting.c.doc_key == doc_key)
            .order_by(posting.c.seq)
        ).mappings()]  # fmt: skip
        ids = [row["posting_id"] for row in postings]
        for table, name in ((posting_need, "needs"), (control_line, "control"), (write_back, "marks")):
            found = [dict(row) for row in connection.execute(
                select(table).where(table.c.posting_id.in_(ids)).order_by(*table.primary_key.columns)
            ).mappings()]  # fmt: skip
            for row in postings:
                row[name] = [each for each in found if each["posting_id"] == row["posting_id"]]
        needed = sorted({each["needs"] for row in postings for each in row["needs"]})
        events = [dict(row) | {"content": msgspec.json.decode(row["content"])} for row in connection.execute(
            select(audit_event).where(or_(audit_event.c.doc_key == doc_key, and_(
                audit_event.c.event == "fact", audit_event.c.doc_key.in_(needed)
            ))).order_by(audit_event.c.n)
        ).mappings()]  # fmt: skip
    mine = tuple(event for event in events if event["content"].get("integration", integration) == integration)
    return Life(doc_key, tuple(versions), tuple(postings), mine)


def body(engine: Engine, posting_id: int) -> bytes | None:
    """The frozen bytes of one posting; None where none were frozen."""
    with reading(engine) as connection:
        found = connection.execute(
            select(posting.c.body).where(posting.c.posting_id == posting_id)
        ).scalar_one_or_none()
    return None if found is None else bytes(found)
