"""Versions of documents as the ledger has recorded them. Invariant: a version is written once and never changes, and
exactly one version of a key is the latest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, insert, select, text, update

from st_pipelines.audit.digests import version_digest
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.money import InvalidAmount, round_to_minor, to_minor
from st_pipelines.posting import canonical
from st_pipelines.posting.context import RunContext, ledger_faults_named
from st_pipelines.posting.rows import allocate

_AT_ONCE = 500  # keys in one query


@dataclass(slots=True)
class Candidate:
    """A document that mapping gave, before it is known whether it is new."""

    document: MappedDocument
    content_sha256: str
    row_sha256: str = ""  # of the version's row, once it is recorded


@dataclass(slots=True)
class Latest:
    """The newest recorded version of a key."""

    version_id: int
    version: int
    content_sha256: str


# The literal 1 lets SQLite use the partial index.
_latest = select(
    document_version.c.doc_key, document_version.c.version_id, document_version.c.version,
    document_version.c.content_sha256,
).where(
    document_version.c.integration == bindparam("integration"),
    document_version.c.doc_key.in_(bindparam("keys", expanding=True)),
    text("document_version.is_latest = 1"),
)  # fmt: skip
_documents = select(document_version.c.version_id, document_version.c.document).where(
    document_version.c.version_id.in_(bindparam("ids", expanding=True))
)
_insert = insert(document_version)
_no_longer_latest = (
    update(document_version).where(document_version.c.version_id == bindparam("old")).values(is_latest=0)
)


def changed(
    connection: Connection, integration: str, batch: Sequence[Candidate]
) -> tuple[list[Candidate], dict[str, Latest]]:
    """The candidates whose content is not that of the latest version, and what is known of each key.

    A candidate that the source modified *before* the latest version is left out: a record read for an event may be
    newer than the day that is planned after it, and the books must never go back to what was read earlier."""
    keys = [candidate.document.doc_key for candidate in batch]
    rows = connection.execute(_latest, {"integration": integration, "keys": keys})
    known = {doc_key: Latest(version_id, version, digest) for doc_key, version_id, version, digest in rows}
    differing = [
        candidate for candidate in batch
        if (seen := known.get(candidate.document.doc_key)) is None or seen.content_sha256 != candidate.content_sha256
    ]  # fmt: skip
    recorded = documents(
        connection, {known[one.document.doc_key].version_id for one in differing if one.document.doc_key in known}
    )
    return [one for one in differing if not _outdated(one.document, known, recorded)], known


def _outdated(document: MappedDocument, known: Mapping[str, Latest], seen: Mapping[int, MappedDocument]) -> bool:
    latest = known.get(document.doc_key)
    return latest is not None and document.modified_on < seen[latest.version_id].modified_on


def recorded(engine: Engine, integration: str, doc_keys: Sequence[str]) -> dict[str, str]:
    """Content hash of the latest version by document key, of those that have one. Raises ``LedgerUnavailable``."""
    found: dict[str, str] = {}
    with ledger_faults_named(), reading(engine) as connection:
        for start in range(0, len(doc_keys), _AT_ONCE):
            some = doc_keys[start : start + _AT_ONCE]
            rows = connection.execute(_latest, {"integration": integration, "keys": some})
            found |= {doc_key: sha256 for doc_key, _, _, sha256 in rows}
    return found


def record(connection: Connection, context: RunContext, batch: Sequence[Candidate], known: Mapping[str, Latest],
           now: int) -> dict[str, int]:  # fmt: skip
    """Writes one new version a candidate; gives its id by document key."""
    keys = [candidate.document.doc_key for candidate in batch]
    ids = dict(zip(keys, allocate(connection, "document_version", "version_id", len(batch)), strict=True))
    outdated = [{"old": known[key].version_id} for key in keys if key in known]
    if outdated:
        connection.execute(_no_longer_latest, outdated)
    rows: list[dict[str, Any]] = []
    for candidate in batch:
        document = candidate.document
        row = {
            "version_id": ids[document.doc_key], "integration": context.integration, "flow": document.flow,
            "doc_key": document.doc_key, "version": next_version(known, document.doc_key), "kind": document.kind,
            "content_sha256": candidate.content_sha256, "source_sha256": document.source_sha256,
            "mapping_version": context.mapping_version, "disposition": document.disposition,
            "reason": plain(reason(document)), "company": document.company, "currency": document.currency,
            "amount_minor": amount(document), "business_date": document.business_date.isoformat(),
            "partition_key": context.partition_key, "label": plain(document.label),
            "document": canonical.encode(document), "is_latest": 1, "run_id": context.run_id, "recorded_at": now,
        }  # fmt: skip
        candidate.row_sha256 = version_digest(row)
        rows.append(row)
    connection.execute(_insert, rows)
    return ids


def next_version(known: Mapping[str, Latest], doc_key: str) -> int:
    return known[doc_key].version + 1 if doc_key in known else 1


def documents(connection: Connection, version_ids: Collection[int]) -> dict[int, MappedDocument]:
    """The recorded documents of these versions."""
    if not version_ids:
        return {}
    rows = connection.execute(_documents, {"ids": list(version_ids)})
    return {version_id: canonical.decode(stored) for version_id, stored in rows}


def reason(document: MappedDocument) -> str:
    if document.hold is not None:
        return f"{document.hold.code}: {document.hold.detail} [{document.hold.key}]"
    return document.reason


def plain(written: str) -> str:
    return written.replace("\x00", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL takes no NUL in a text


def amount_fault(document: MappedDocument) -> str:
    """Why the amount does not fit the currency's minor units; empty where it does."""
    try:
        to_minor(document.total, document.currency)
    except InvalidAmount as fault:
        return str(fault)
    return ""


def amount(document: MappedDocument) -> int:
    """Whole minor units. Only a document that is held may have an amount that does not fit; it counts rounded."""
    try:
        return to_minor(document.total, document.currency)
    except InvalidAmount:
        try:
            return to_minor(round_to_minor(document.total, document.currency), document.currency)
        except InvalidAmount:
            return 0


def as_void(document: MappedDocument) -> MappedDocument:
    """What is to be voided, as targets see it: the standing version with disposition ``void``."""
    return msgspec.structs.replace(document, disposition="void")
