"""A posting as a worker holds it, with all that rendering and comparing need. Invariant: loaded by set, in one
transaction, so that what it says of the ledger was true at one moment."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from st_pipelines.database.schema import posting
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting import needs, versions
from st_pipelines.posting.target import Reference, Write

AnyRow = Row[*tuple[Any, ...]]

COLUMNS = (
    "posting_id, flow, kind, doc_key, seq, op, target, company, external_ref, request_key, version_id, currency, "
    "amount_minor, fence, attempt, body, body_sha256, reason_code"
)
_posted = select(
    posting.c.doc_key, posting.c.op, posting.c.kind, posting.c.external_ref, posting.c.target_id,
    posting.c.target_number, posting.c.version_id,
).where(
    posting.c.integration == bindparam("integration"), posting.c.doc_key.in_(bindparam("keys", expanding=True)),
    posting.c.state == "posted",
).order_by(posting.c.doc_key, posting.c.seq)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a document stands in the target: its create, and the version that was posted last."""

    external_ref: str
    target_id: str
    document: MappedDocument


@dataclass(slots=True)
class Claimed:
    """``document`` is what the books should hold after it; for a void it is what stands, with disposition ``void``.

    ``claimed_at`` is monotonic, in seconds; ``clock_offset_us`` is where the database's clock stood against it.
    """

    posting_id: int
    flow: str
    kind: str
    doc_key: str
    seq: int
    op: str
    target: str
    company: str
    external_ref: str
    request_key: str
    version_id: int
    currency: str
    amount_minor: int
    fence: int
    attempt: int
    body: bytes | None
    body_sha256: str | None
    reason_code: str  # what was last said of it: a person's release, a throttle
    document: MappedDocument
    standing: Standing | None = None
    references: dict[str, Reference] = field(default_factory=dict)
    claimed_at: float = 0.0
    clock_offset_us: int = 0
    on_hold: str = ""  # what the target holds back of it, as it was read back
    is_settled: bool = False  # posted so long ago that any index of the target must know it

    @property
    def references_asked(self) -> tuple[str, ...]:
        """Under what the target may hold it: a void may be a document of its own."""
        return (self.external_ref, void_ref(self.external_ref)) if self.op == "void" else (self.external_ref,)

    def write(self) -> Write:
        if self.body is None:
            raise ValueError(f"posting {self.posting_id} has no frozen body")
        return Write(self.op, self.kind, self.company, self.external_ref, self.request_key, self.body,
                     self.standing.target_id if self.standing and self.op != "create" else "")  # fmt: skip


def void_ref(external_ref: str) -> str:
    """The reference of a void that is a document of its own in the target."""
    return f"{external_ref}:void"


def load(connection: Connection, integration: str, rows: Collection[AnyRow], claimed_at: float = 0.0,
         offset_us: int = 0) -> list[Claimed]:  # fmt: skip
    """``rows`` hold ``COLUMNS``. Adds documents, what stands of them, and the posted documents that they refer to."""
    documents = versions.documents(connection, {row.version_id for row in rows})
    mine = {row.doc_key for row in rows}
    standing = _standing(connection, integration, mine)
    current = {last.version_id for _, last in standing.values()}
    documents |= versions.documents(connection, current - documents.keys())
    # A void says what stands, so it refers to what that refers to: its own version may need nothing.
    needed = {need for document in documents.values() for need in document.needs}
    standing |= _standing(connection, integration, needed - mine)
    references = {
        key: Reference(key, create.target_id, last.target_number or create.target_number, create.kind)
        for key, (create, last) in standing.items()
    }
    claimed: list[Claimed] = []
    for row in rows:
        document, stands = documents[row.version_id], None
        if row.doc_key in standing:
            create, last = standing[row.doc_key]
            stands = Standing(create.external_ref, create.target_id, documents[last.version_id])
            if row.op == "void":
                document = versions.as_void(stands.document)
        columns = dict(row._mapping)
        if row.body is not None:
            columns["body"] = bytes(row.body)  # PostgreSQL's driver gives a view
        claimed.append(
            Claimed(
                **columns,
                document=document,
                standing=stands,
                references={key: references[key] for key in document.needs if key in references},
                claimed_at=claimed_at,
                clock_offset_us=offset_us,
            )
        )
    return claimed


def _standing(connection: Connection, integration: str, keys: Collection[str]) -> dict[str, tuple[AnyRow, AnyRow]]:
    """By key: the create that stands, and the row that was posted last."""
    history: dict[str, list[AnyRow]] = {}
    for some in needs.chunks(keys):
        for row in connection.execute(_posted, {"integration": integration, "keys": some}):
            history.setdefault(row.doc_key, []).append(row)
    return {key: found for key, rows in history.items() if (found := _last_life(rows)) is not None}


def _last_life(rows: Iterable[AnyRow]) -> tuple[AnyRow, AnyRow] | None:
    create: AnyRow | None = None
    last: AnyRow | None = None
    for row in rows:
        if row.op == "create":
            create = last = row
        elif row.op == "update":
            last = row
        else:
            create = last = None
    return (create, last) if create is not None and last is not None else None


def by_books(rows: Sequence[Claimed]) -> dict[tuple[str, str], list[Claimed]]:
    """Grouped by (kind, company): what one question to the target may cover."""
    groups: dict[tuple[str, str], list[Claimed]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.company), []).append(row)
    return groups
