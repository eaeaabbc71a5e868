"""Cost centres, GL accounts, credit terms and entities as QAD keeps them. Invariant: a code is found by the code itself
within its shared set; an update starts from QAD's whole record with its concurrency hash, and nothing is ever deleted.
"""

from collections.abc import Sequence

from st_pipelines.documents.codes import Code, CodeRecord
from st_pipelines.documents.keys import codes_of
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag, read_records
from st_pipelines.systems.qad.bodies import Rendering, keys_of, master_differences, number, target_id
from st_pipelines.systems.qad.changes import domains
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.lists import rows
from st_pipelines.systems.qad.lookups import by_values
from st_pipelines.systems.qad.profile import CODE_ENTITY_OF_KIND, Entity, ProfileFault
from st_pipelines.systems.qad.reads import own_set

ENTITY = CODE_ENTITY_OF_KIND
WRITTEN = ("cost_center", "gl_account")  # what other systems may make or change here
_HASH = "concurrencyHash"


def read_codes(client: QadClient, kind: str) -> list[CodeRecord]:
    """The whole list of the pinned domain. Raises ``UntrustedAnswer`` or the kernel's errors; never half a list."""
    books, *more = domains(client)
    if more:
        raise ValueError("codes of several domains cannot be told apart: pin the companies of one domain")
    if kind == "legal_entity":
        return _legal_entities(client, books)
    name = ENTITY[kind]
    entity = client.profile.entity(name)
    return [_record(one, kind, entity) for one in rows(client, name, books, own_set(client.profile, name))]


def _legal_entities(client: QadClient, books: Company) -> list[CodeRecord]:
    """The entities of the domain that the user may work in, as QAD's list of workspaces names them."""
    listing = client.profile.workspace.list
    if listing.title is None:
        raise ProfileFault("workspace.list.title is missing: without it legal entities have no name")
    answer = client.read(listing.path, books, (), entity="workspaces")
    found = {str(row[listing.entity]): " ".join(str(row.get(listing.title) or "").split())
             for row in read_records(answer, listing) if row.get(listing.domain) == books.domain}  # fmt: skip
    return [CodeRecord("QAD", "legal_entity", code, name, True, f"{books.domain}|{code}", "")
            for code, name in found.items()]  # fmt: skip


def render(client: QadClient, document: MappedDocument, op: str, to: Rendering, target: str) -> Record:
    """Raises ``CannotRender`` for a code or name that does not fit this tenant."""
    this, entity = of(document), to.entity
    if op == "void":
        raise CannotRender(f"{document.kind} {this.code}: a code is made inactive, never removed")
    if begins := (target if op == "update" else this.begins_from):
        held = client.get_one(ENTITY[document.kind], to.books, keys_of(begins, entity), reference=to.external_ref)
        if held is None:
            raise CannotRender(f"{this.code} is not in QAD any more; look for it there before anything else")
        return _laid(this, to, dict(held))
    record = to.start()
    if entity.shared_set:
        record[entity.wire("sharedSetCode")] = to.shared_set()
    to.put(record, "code", this.code)
    return _laid(this, to, record)


def find(client: QadClient, kind: str, books: Company, references: Sequence[str]) -> dict[str, list[Found]]:
    name = ENTITY[kind]
    entity, codes = client.profile.entity(name), {code_of(reference): reference for reference in references}
    held = by_values(client, name, books, entity.wire("code"), codes, own_set(client.profile, name))
    return {codes[code]: [_found(one, kind, entity, books.workspace, codes[code]) for one in some]
            for code, some in held.items()}  # fmt: skip


def differences(document: MappedDocument, found: Found, to: Rendering) -> list[str]:
    return master_differences(_laid(of(document), to, {}), found.content)


def change(old: MappedDocument, new: MappedDocument) -> str:
    """Also where the plan is the same and somebody changed the record meanwhile."""
    before, after = of(old), of(new)
    same = (before.name, before.is_active) == (after.name, after.is_active)
    return "none" if same and after.replaces in ("", before.replaces) else "update"


def code_of(reference: str) -> str:
    """``SN:demo:cost_center:1100`` is 1100; a second life is the same record."""
    parts = reference.split(":")
    if len(parts) < 4:
        raise CannotRender(f"{reference!r} is no reference of a code")
    (code,) = codes_of(parts[3])
    return code


def of(document: MappedDocument) -> Code:
    if not isinstance(document.payload, Code):
        raise CannotRender(f"{document.doc_key}: a {document.kind} needs a code, not {type(document.payload).__name__}")
    return document.payload


def _laid(this: Code, to: Rendering, record: Record) -> Record:
    to.put_line(record, "description", this.name)
    to.put_flag(record, "isActive", this.is_active)
    return record


def _record(one: Record, kind: str, entity: Entity) -> CodeRecord:
    details = {"net_days": _text(one, entity, "dueDays")} if kind == "payment_term" and entity.has("dueDays") else {}
    active = flag(one.get(entity.wire("isActive")), f"{entity.path} isActive") if entity.has("isActive") else True
    code = _text(one, entity, "code")
    if not code:
        raise UntrustedAnswer(f"{entity.path}: a record without {entity.wire('code')}")
    return CodeRecord("QAD", kind, code, _text(one, entity, "description"), active, target_id(one, entity),
                      _text(one, entity, _HASH), details=details)  # fmt: skip


def _found(one: Record, kind: str, entity: Entity, company: str, reference: str) -> Found:
    content = {entity.wire(name): str(one.get(entity.wire(name)))
               for name in ("description", "isActive") if entity.has(name)}  # fmt: skip
    return Found(kind, company, reference, target_id(one, entity), number(one, entity),
                 content={**content, "version": _text(one, entity, _HASH)})  # fmt: skip


def _text(one: Record, entity: Entity, logical: str) -> str:
    value = one.get(entity.wire(logical)) if entity.has(logical) else None
    return " ".join(str(value).split()) if isinstance(value, str) else "" if value is None else str(value)
