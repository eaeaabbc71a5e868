"""What the posting ledger knows of parties. Invariant: read only; the ledger is changed by posting alone."""

from collections.abc import Collection

from sqlalchemy import Engine, bindparam, select, text

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version, posting
from st_pipelines.documents.codes import Code
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.posting import canonical
from st_pipelines.posting.needs import chunks

_history = select(posting.c.doc_key, posting.c.state, posting.c.attempt).where(
    posting.c.integration == bindparam("integration"), posting.c.doc_key.in_(bindparam("keys", expanding=True))
)
_latest = select(document_version.c.document).where(
    document_version.c.integration == bindparam("integration"), document_version.c.kind == bindparam("kind"),
    text("document_version.is_latest = 1"), document_version.c.disposition != "void",
)  # fmt: skip
_of_keys = select(document_version.c.document).where(
    document_version.c.integration == bindparam("integration"),
    document_version.c.doc_key.in_(bindparam("keys", expanding=True)), text("document_version.is_latest = 1"),
)  # fmt: skip
_made = text(
    "SELECT p.doc_key, p.target_id FROM posting p WHERE p.integration = :integration AND p.kind = :kind "
    "AND p.state = 'posted' AND p.op = 'create' AND NOT EXISTS (SELECT 1 FROM posting q WHERE "
    "q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq > p.seq AND q.state = 'posted' "
    "AND q.op IN ('create', 'void', 'delete')) AND NOT EXISTS (SELECT 1 FROM party_link l WHERE l.integration = :book "
    "AND l.kind = :role AND (l.source_id = p.doc_key OR l.target_id = p.doc_key) "
    "AND (l.state = 'linked' OR (l.state = 'ended' AND l.how <> 'rule'))) "
    "ORDER BY p.posting_id"
)
# By the held postings, which are few and indexed, not by all versions.
_held = text(
    "SELECT v.document FROM posting p JOIN document_version v ON v.version_id = p.version_id "
    "WHERE p.integration = :integration AND p.state = 'held' AND p.flow = :flow AND p.reason_code LIKE 'party.%' "
    "AND v.is_latest = 1 ORDER BY v.doc_key"
)


def in_hand(engine: Engine, integration: str, keys: Collection[str]) -> set[str]:
    """Parties of which something has reached the target, or may have."""
    touched: set[str] = set()
    with reading(engine) as connection:
        for some in chunks(keys):
            for row in connection.execute(_history, {"integration": integration, "keys": some}):
                if row.state == "posted" or (row.attempt > 0 and row.state not in ("rejected", "superseded")):
                    touched.add(row.doc_key)
    return touched


def made_without_link(engine: Engine, integration: str, kind: str, book: str, role: str) -> dict[str, str]:
    """Parties that stand in the target and have no link yet: document key to the target's id."""
    values = {"integration": integration, "kind": kind, "book": book, "role": role}
    with reading(engine) as connection:
        return {row.doc_key: row.target_id for row in connection.execute(_made, values)}


def known_parties(engine: Engine, integration: str, kind: str, keys: Collection[str] | None = None) -> list[Party]:
    """Every party of a kind that was ever mapped and is not retired; or those of some keys, whatever they are."""
    with reading(engine) as connection:
        if keys is None:
            rows = list(connection.execute(_latest, {"integration": integration, "kind": kind}).scalars())
        else:
            rows = [row for some in chunks(keys) for row in
                    connection.execute(_of_keys, {"integration": integration, "keys": some}).scalars()]  # fmt: skip
        documents = [canonical.decode(bytes(stored)) for stored in rows]
    return [document.payload for document in documents if isinstance(document.payload, Party)]


def held_for_alignment(engine: Engine, integration: str, flow: str) -> list[MappedDocument]:
    """Documents whose newest version alignment has stopped; a decision since then may let them go."""
    with reading(engine) as connection:
        rows = connection.execute(_held, {"integration": integration, "flow": flow}).scalars()
        return [canonical.decode(bytes(stored)) for stored in rows]


# Codes that wait for a person, and codes that were written and read back otherwise.
_held_codes = text(
    "SELECT p.doc_key, v.document FROM posting p JOIN document_version v ON v.version_id = p.version_id "
    "WHERE p.integration = :integration AND p.flow = :flow AND p.state = 'held' AND p.attempt = 0 "
    "AND p.reason_code LIKE 'code.%'"
)
_not_taken = text(
    "SELECT p.doc_key, p.reason, v.document FROM posting p JOIN document_version v ON v.version_id = p.version_id "
    "WHERE p.integration = :integration AND p.flow = :flow AND p.state = 'posted' "
    "AND p.reason_code = 'read_back_differs' AND NOT EXISTS (SELECT 1 FROM posting q "
    "WHERE q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq > p.seq AND q.state = 'posted')"
)


def held_codes(engine: Engine, integration: str, flow: str) -> dict[str, str]:
    """Codes whose newest posting alignment has stopped, and the version of the record that they were held against."""
    with reading(engine) as connection:
        rows = connection.execute(_held_codes, {"integration": integration, "flow": flow}).all()
    return {row.doc_key: canonical.decode(bytes(row.document)).replaces for row in rows}


def not_taken(engine: Engine, integration: str, flow: str) -> dict[str, tuple[Code, str]]:
    """Codes that the other side took and then held otherwise: what was sent, and what was read back instead."""
    with reading(engine) as connection:
        rows = connection.execute(_not_taken, {"integration": integration, "flow": flow}).all()
    found = {row.doc_key: (canonical.decode(bytes(row.document)).payload, row.reason) for row in rows}
    return {key: (payload, why) for key, (payload, why) in found.items() if isinstance(payload, Code)}


# The last word of the ledger on each code, where it is not «posted».
_stuck_codes = text(
    "SELECT p.doc_key, p.state, p.reason FROM posting p WHERE p.integration = :integration AND p.flow = :flow "
    "AND p.state NOT IN ('posted', 'superseded') AND NOT EXISTS (SELECT 1 FROM posting q "
    "WHERE q.integration = p.integration AND q.doc_key = p.doc_key AND q.seq > p.seq AND q.state <> 'superseded')"
)


def stuck_codes(engine: Engine, integration: str, flow: str) -> dict[str, tuple[str, str]]:
    """Codes of which something was refused, is held, or is not known to have arrived: the state, and why."""
    with reading(engine) as connection:
        rows = connection.execute(_stuck_codes, {"integration": integration, "flow": flow})
        return {row.doc_key: (row.state, row.reason) for row in rows}


_open = select(posting.c.doc_key).where(
    posting.c.integration == bindparam("integration"), posting.c.doc_key.in_(bindparam("keys", expanding=True)),
    posting.c.state.not_in(("posted", "rejected", "superseded")),
)  # fmt: skip


def unsettled(engine: Engine, integration: str, keys: Collection[str]) -> set[str]:
    """Parties of which something is still to be sent, held or unknown."""
    found: set[str] = set()
    with reading(engine) as connection:
        for some in chunks(keys):
            found.update(connection.execute(_open, {"integration": integration, "keys": some}).scalars())
    return found
