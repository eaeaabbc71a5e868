"""Business relations: the party itself. Invariant: the whole name stands in the name fields; the code is ours.

No custom field was observed on this entity, so the code carries the source's id: ``STC42`` is customer 42. A tenant
whose entity has a custom field maps ``externalReference`` and may leave ``code_format`` out. A relation is made active
and never retired by us: it may have other roles, and QAD takes no change of a customer whose relation is inactive.
"""

import re
from collections.abc import Collection

from st_pipelines.documents.parties import Party
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.bodies import Rendering, as_content, number, target_id
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import checked_text, split_name

_REFERENCE = re.compile(r"[A-Z]{2,4}:[^:]+:(customer|vendor):([^:]+):relation(?::([0-9]+))?")
_NAME_FIELDS = ("name1", "name2", "name3")


def code_of(external_ref: str, entity: Entity) -> str:
    """``ST:1234:customer:42:relation`` is ``STC42``, ``…:relation:2`` is ``STC42-2``. Raises ``CannotRender``."""
    match = _REFERENCE.fullmatch(external_ref)
    if not match or not entity.code_format:
        raise CannotRender(f"no business relation code for {external_ref!r}")
    role, source_id, generation = match.groups()
    code = entity.code_format.format(role="C" if role == "customer" else "V", id=source_id)
    code += f"-{generation}" if generation else ""
    limit = entity.max_length.get(entity.wire("code"), 20)
    if len(code) > limit:
        raise CannotRender(f"{entity.wire('code')}: {code} is longer than QAD's {limit}; shorten code_format")
    return code


def fields(party: Party, to: Rendering, record: Record, keeps: Collection[str] = ()) -> Record:
    """Lays the party's name and address over a record, new or read; ``keeps`` stays as QAD has it."""
    if "name" not in keeps:
        names = name_parts(party.name, to.entity, to.profile)
        for logical, part in zip(_NAME_FIELDS, names, strict=True):
            to.put(record, logical, part)
        name = " ".join(part for part in names if part)
        to.put(record, "searchName", name)
        to.put(record, "addressName", name)
    return record if "address" in keeps else _address(party, to, record)


def _address(party: Party, to: Rendering, record: Record) -> Record:
    address = party.address
    unit_apart = to.entity.has("street2")
    to.put_line(
        record, "street1", address.street if unit_apart else " ".join(filter(None, (address.street, address.unit)))
    )
    to.put_line(record, "street2", address.unit)
    to.put_line(record, "city", address.city)
    to.put_line(record, "state", address.state)
    to.put_line(record, "zip", address.zip)
    if address.country:
        to.put_line(record, "country", address.country)
    return record


def create(party: Party, to: Rendering) -> Record:
    record = to.start()
    if to.entity.code_format:
        record[to.entity.wire("code")] = code_of(to.external_ref, to.entity)
    else:
        record[to.entity.wire("code")] = ""
    to.put_flag(record, "isActive", True)
    return fields(party, to, record)


def name_parts(name: str, entity: Entity, profile: Profile) -> list[str]:
    """The name over name1, name2, name3. Raises ``CannotRender`` for no name, or one that does not fit whole."""
    whole = name.strip()
    if not whole:
        raise CannotRender("name: a party without a name cannot be posted; give it one at its source")
    checked_text(whole, "name", profile)
    return split_name(whole, [entity.max_length.get(entity.wire(field), 36) for field in _NAME_FIELDS])


def name_of(record: Record, entity: Entity) -> str:
    """The whole name of a relation, from its parts."""
    parts = (str(record.get(entity.wire(field)) or "") for field in _NAME_FIELDS)
    return " ".join(part for part in parts if part)


def found(record: Record, entity: Entity, company: str, external_ref: str, kind: str = "business_relation",
          belongs_to: str = "") -> Found:  # fmt: skip
    content = as_content(record, entity) | ({"belongs_to": belongs_to} if belongs_to else {})
    return Found(kind, company, external_ref, target_id(record, entity), number(record, entity), content=content)


def party_of(reference: str) -> tuple[str, str]:
    """``ST:1:customer:42:relation`` belongs to the customer ``ST:1:customer:42``: (entity, its reference)."""
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise CannotRender(f"{reference!r} is not the reference of a party's business relation (…:relation)")
    party, _, generation = reference.partition(":relation")
    return "customer" if match[1] == "customer" else "supplier", party + generation


def books_see(old: Party, new: Party) -> bool:
    """Whether QAD's record would become another one."""
    return ("name" not in new.keeps and old.name != new.name) or (
        "address" not in new.keeps and old.address != new.address
    )
