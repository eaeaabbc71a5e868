"""Customers and suppliers of QAD as comparable party records. Invariant: each is its role's record together with the
business relation it belongs to; one whose relation cannot be read is an error, not a party without a name.

The stable id is set and code (``CUST|C0000007``), the reference ``QAD:CUST:customer:C0000007``.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from st_pipelines.documents.parties import Address
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.systems.qad import relations
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer, flag
from st_pipelines.systems.qad.bodies import target_id
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import rows
from st_pipelines.systems.qad.lookups import by_values
from st_pipelines.systems.qad.profile import Entity
from st_pipelines.systems.qad.reads import own_set

ENTITY_OF_ROLE = {"customer": "customer", "vendor": "supplier"}
_GENERATION = re.compile(r"((?:[^:]+:){3}[^:]+):[0-9]+")  # a second life of a party is the same party


def read_parties(client: QadClient, role: str) -> Iterator[PartyRecord]:
    """Every party of a role, active or not. Raises ``UntrustedAnswer`` or the kernel's errors."""
    books, name = _books(client), ENTITY_OF_ROLE[role]
    listed = {_text(row, _relation(client), "code"): row for row in rows(client, "businessRelation", books)}
    for record in rows(client, name, books, own_set(client.profile, name)):
        yield _record(client, role, record, listed)


def get_parties(client: QadClient, role: str, references: Collection[str]) -> dict[str, PartyRecord]:
    """By reference, as they are now; one that is not there has no entry."""
    books, name = _books(client), ENTITY_OF_ROLE[role]
    entity, relation = client.profile.entity(name), _relation(client)
    codes = {_code(reference): reference for reference in references}
    held = by_values(client, name, books, entity.wire("code"), codes, own_set(client.profile, name)) if codes else {}
    wanted = {_text(record, entity, "businessRelation") for records in held.values() for record in records} - {""}
    listed = by_values(client, "businessRelation", books, relation.wire("code"), wanted) if wanted else {}
    of_code = {code: records[0] for code, records in listed.items()}
    return {codes[code]: _record(client, role, records[0], of_code) for code, records in held.items()}


def reference_of(shared_set: str, role: str, code: str) -> str:
    return f"QAD:{shared_set}:{role}:{code}"


def id_of(reference: str) -> str:
    """``QAD:CUST:customer:C0000007`` is ``CUST|C0000007``: what the ledger calls the record."""
    _, shared_set, _, code = reference.split(":", 3)
    return f"{shared_set}|{code}"


def reference_of_id(role: str, identifier: str) -> str:
    shared_set, _, code = identifier.partition("|")
    return reference_of(shared_set, role, code)


def _record(client: QadClient, role: str, record: Record, listed: Mapping[str, Record]) -> PartyRecord:
    entity, relation = client.profile.entity(ENTITY_OF_ROLE[role]), _relation(client)
    code, of = _text(record, entity, "code"), _text(record, entity, "businessRelation")
    party = listed.get(of)
    if party is None:
        raise UntrustedAnswer(f"{entity.path}: {code} names the business relation {of!r}, which cannot be read")
    carried = _text(record, entity, "externalReference")
    ours = _GENERATION.fullmatch(carried)
    address = Address(
        _text(party, relation, "street1"), _text(party, relation, "street2"), _text(party, relation, "city"),
        _text(party, relation, "state"), _text(party, relation, "zip"), _text(party, relation, "country"),
    )  # fmt: skip
    reference = reference_of(client.profile.workspace.shared_sets[entity.shared_set or ""], role, code)
    return PartyRecord(
        "qad", role, target_id(record, entity), reference,
        relations.name_of(party, relation), address, _text(record, entity, "taxId"),
        _one(record, entity, "email"), _one(record, entity, "phone"),
        _active(record, entity) and _active(party, relation), (ours[1] if ours else carried,) if carried else (),
        _text(record, entity, "lastModified"), _text(record, entity, "creditTerms"), _text(record, entity, "taxClass"),
        (("business_relation", of),),
    )  # fmt: skip


def _books(client: QadClient) -> Company:
    return company(client.companies[0])


def _relation(client: QadClient) -> Entity:
    return client.profile.entity("businessRelation")


def _code(reference: str) -> str:
    return reference.split(":", 3)[3]


def _text(record: Record, entity: Entity, logical: str) -> str:
    value = record.get(entity.wire(logical)) if entity.has(logical) else None
    return "" if value is None else str(value)


def _one(record: Record, entity: Entity, logical: str) -> tuple[str, ...]:
    value = _text(record, entity, logical)
    return (value,) if value else ()


def _active(record: Record, entity: Entity) -> bool:
    return not entity.has("isActive") or flag(record.get(entity.wire("isActive")), f"{entity.path} isActive")
