"""Customers and suppliers: roles of a business relation. Invariant: QAD numbers them; our reference stands in a custom
field, and an update starts from QAD's whole record with its concurrency hash.
"""

from collections.abc import Collection

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.bodies import Rendering, as_content, number, target_id
from st_pipelines.systems.qad.profile import Entity


def create(party: Party, doc_key: str, to: Rendering) -> Record:
    """A blank code: an id of nine digits does not fit QAD's eight characters (reference/qad.md B1)."""
    record = to.start()
    record[to.entity.wire("sharedSetCode")] = to.shared_set()
    record[to.entity.wire("code")] = ""
    relation = to.needed(f"{doc_key}:relation", "the business relation")
    to.put(record, "businessRelation", relation.number)
    to.put(record, "currency", party.currency)
    return fields(party, to, record)


def claim(party: Party, to: Rendering, record: Record) -> Record:
    """QAD's own record of a party that is linked to ours: it gets our reference, and what the source has the say of.
    Raises ``CannotRender`` where it carries somebody else's."""
    wire = to.entity.wire("externalReference")
    held = str(record.get(wire) or "")
    if held not in ("", to.external_ref):
        raise CannotRender(f"{number(record, to.entity)} carries the reference {held!r} in {wire}: it belongs to "
                           f"another party; clear it in QAD, or end the link")  # fmt: skip
    to.put(record, "externalReference", to.external_ref)
    return fields(party, to, record, party.keeps)


def fields(party: Party, to: Rendering, record: Record, keeps: Collection[str] = ()) -> Record:
    """Lays what the source and the mapping decide over a record, new or read; ``keeps`` stays as QAD has it."""
    if party.terms and "terms" not in keeps:
        to.put(record, "creditTerms", party.terms)
    if not record.get(to.entity.wire("creditTerms")) and "terms" not in keeps:
        raise CannotRender(f"{to.entity.wire('creditTerms')}: neither mapped terms nor a default in the profile")
    if "active" not in keeps:
        to.put_flag(record, "isActive", party.is_active)
    if "tax" not in keeps:
        to.put_flag(record, "isTaxable", party.is_taxable)
        if party.tax_code:
            to.put(record, "taxClass", party.tax_code)
    if "email" not in keeps:
        to.put_line(record, "email", party.email)
    if "phone" not in keeps:
        to.put_line(record, "phone", party.phone)
    if party.begins_from:  # what the mapping fills in for a new record, QAD has decided for one that was there
        return record
    for name, code in sorted(party.attributes.items()):
        wire = to.entity.wire(name) if to.entity.has(name) else name
        if wire not in to.entity.defaults and not to.entity.has(name):
            raise CannotRender(
                f"attribute {name!r} is neither a field nor a default of {to.entity.path} in the profile"
            )
        record[wire] = code
    return record


def found(record: Record, kind: str, entity: Entity, company: str) -> Found:
    content = as_content(record, entity)
    return Found(kind, company, str(record[entity.wire("externalReference")]), target_id(record, entity),
                 number(record, entity), currency=content[entity.wire("currency")], content=content)  # fmt: skip


def planned(party: Party, to: Rendering) -> Record:
    """What the source and the mapping decide of the record; terms fall back to the profile's default."""
    terms = to.entity.wire("creditTerms")
    record: Record = {terms: to.entity.defaults[terms]} if terms in to.entity.defaults else {}
    to.put(record, "currency", party.currency)
    record = fields(party, to, record, party.keeps)
    if "terms" in party.keeps or (party.begins_from and not party.terms):
        record.pop(terms, None)
    return record


_SEEN = {"terms": ("terms",), "tax": ("tax_code", "is_taxable"), "active": ("is_active",), "email": ("email",),
         "phone": ("phone",)}  # fmt: skip


def books_see(old: Party, new: Party) -> bool:
    """Whether QAD's record would become another one; what QAD has the say of does not count."""
    names = ["currency", "attributes", *(name for field, names in _SEEN.items() if field not in new.keeps
                                         for name in names)]  # fmt: skip
    return any(getattr(old, name) != getattr(new, name) for name in names)


def domain_fields(to: Rendering, record: Record) -> Record:
    """The second step of a customer: site and daybook set of its domain, laid over QAD's own record."""
    for logical in ("site", "daybookSet"):
        wire = to.entity.wire(logical)
        if wire not in to.entity.defaults:
            raise CannotRender(f"{wire}: no default in the profile (entities.customerDomain.defaults)")
        record[wire] = to.entity.defaults[wire]
    return record


def domain_found(record: Record, entity: Entity, company: str, external_ref: str) -> Found:
    """Only for a record whose second step is done; a blank site or daybook set means that it is still to do."""
    content = {name: str(record.get(entity.wire(name)) or "") for name in ("site", "daybookSet")}
    return Found("customer_domain", company, external_ref, target_id(record, entity), number(record, entity),
                 content=content)  # fmt: skip


def domain_done(record: Record, entity: Entity) -> bool:
    return all(record.get(entity.wire(name)) for name in ("site", "daybookSet"))


def domain_differences(held: Found, entity: Entity) -> list[str]:
    planned = {name: str(entity.defaults.get(entity.wire(name), "")) for name in ("site", "daybookSet")}
    return [f"{entity.wire(name)}: planned {value!r}, QAD holds {held.content.get(name)!r}"
            for name, value in planned.items() if value != held.content.get(name, "")]  # fmt: skip


def of(document: MappedDocument) -> Party:
    if not isinstance(document.payload, Party):
        raise CannotRender(
            f"{document.doc_key}: a {document.kind} needs a party, not {type(document.payload).__name__}"
        )
    return document.payload
