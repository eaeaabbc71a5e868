"""From a mapped document to the bytes of one write. Invariant: reads at most, never writes; same input, same bytes.

Updates and voids of records start from QAD's whole current record, whose concurrency hash makes a change in between
visible. Invoices are never updated: a changed one is reversed and made again.
"""

from collections.abc import Mapping

from st_pipelines.documents.bill import Bill
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import CannotRender, Reference
from st_pipelines.systems.qad import codes, invoices, matching, parties, payments, relations
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.bodies import Rendering, envelope, keys_of
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import company
from st_pipelines.systems.qad.finding import REVERSED, customer_of
from st_pipelines.systems.qad.profile import ENTITY_OF_KIND, entity_of


def render(client: QadClient, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
           previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
    """Raises ``CannotRender`` with the field and what to do."""
    kind, profile = document.kind, client.profile
    entity = profile.for_kind(kind)
    if not entity.may_be_written:
        raise CannotRender(f"{entity_of(kind)} is assumed, not observed: check it on the tenant, then set "
                           f"writes_confirmed: true in the profile")  # fmt: skip
    void = op == "void"
    if void and kind in REVERSED:
        external_ref += invoices.VOID_SUFFIX
    to = Rendering(profile, entity, company(document.company), external_ref, references)
    posted = previous if void and previous is not None else document
    if kind in REVERSED:
        record = _invoice(client, posted, op, to, target_id)
    elif kind == "customer_payment":
        record = _payment(client, posted, op, to, target_id)
    elif kind == "customer_domain":
        record = _domain(client, document, op, to)
    elif kind in codes.WRITTEN:
        record = codes.render(client, document, op, to, target_id)
    elif kind == "linked_relation":
        record = _linked_relation(client, document, op, to)
    else:
        record = _master(client, posted, op, to, target_id)
    return envelope(entity, record)


def _invoice(client: QadClient, document: MappedDocument, op: str, to: Rendering, target_id: str) -> Record:
    this = invoices.voucher(document)
    if op == "create":
        record = invoices.create(this, to)
        if isinstance(document.payload, Bill) and document.payload.matches:
            record |= matching.wire_arrays(client, document.payload, invoices.party_code(this, to), to)
        return record
    if op == "void":
        keys_of(target_id, to.entity)
        return invoices.void(this, to, target_id)
    raise CannotRender(f"a posted {document.kind} is not changed: void it and create it again")


def _payment(client: QadClient, document: MappedDocument, op: str, to: Rendering, target_id: str) -> Record:
    payment, settled = payments.of(document), client.profile.entity("customerInvoice")
    if op == "create":
        return payments.create(payment, to, settled)
    current = _current(client, document, to, target_id)
    if op == "void":
        return payments.voided(current, to)
    if payments.is_void(current, to.entity):
        raise CannotRender(f"{target_id} is void in QAD; it takes no more allocations")
    return payments.with_allocations(current, payment, to, settled)


def _master(client: QadClient, document: MappedDocument, op: str, to: Rendering, target_id: str) -> Record:
    party = parties.of(document)
    relation = document.kind == "business_relation"
    if op == "create" and party.begins_from:
        return parties.claim(party, to, _read(client, document, to, party.begins_from))
    if op == "create":
        return relations.create(party, to) if relation else parties.create(party, document.doc_key, to)
    current = _current(client, document, to, target_id)
    if op == "void":
        # A party is never deleted: it is retired. Its relation may have other roles and stays, and so does a record
        # that was there before us: its link has ended.
        if not relation and not party.begins_from:
            to.put_flag(current, "isActive", False)
        return current
    lay = relations.fields if relation else parties.fields
    return lay(party, to, current, party.keeps)


def _linked_relation(client: QadClient, document: MappedDocument, op: str, to: Rendering) -> Record:
    """The business relation that a linked customer or supplier has of its own: changed, never made or retired."""
    party, name = parties.of(document), "customer" if parties.of(document).role == "customer" else "supplier"
    owner, entity = to.needed(party.doc_key, f"the {name}"), client.profile.entity(name)
    held = client.get_one(name, to.books, keys_of(owner.target_id, entity), reference=to.external_ref)
    code = str((held or {}).get(entity.wire("businessRelation")) or "")
    current = client.get_one(ENTITY_OF_KIND[document.kind], to.books, {"code": code}, reference=to.external_ref)
    if not code or current is None:
        raise CannotRender(f"{owner.number} has no business relation in QAD; look at it there")
    return dict(current) if op == "void" else relations.fields(party, to, dict(current), party.keeps)


def _domain(client: QadClient, document: MappedDocument, op: str, to: Rendering) -> Record:
    customer = to.needed(customer_of(document.doc_key), "the customer")
    keys = {"domain": to.books.domain, "code": customer.number}
    current = client.get_one(ENTITY_OF_KIND[document.kind], to.books, keys, reference=to.external_ref)
    if current is None:
        raise CannotRender(f"QAD has made no {to.entity.path} record for customer {customer.number} in "
                           f"{to.books.domain}; look at the customer in QAD")  # fmt: skip
    if op == "void":  # it ends with its customer; the record is sent back as it is
        return dict(current)
    return parties.domain_fields(to, dict(current))


def _current(client: QadClient, document: MappedDocument, to: Rendering, target_id: str) -> Record:
    """QAD's record to change, proven to be the one that carries our reference."""
    record = _read(client, document, to, target_id)
    if to.entity.has("externalReference"):
        held = record.get(to.entity.wire("externalReference"))
        if held != to.external_ref:
            raise CannotRender(f"{target_id} carries the reference {held!r}, not {to.external_ref!r}")
    return record


def _read(client: QadClient, document: MappedDocument, to: Rendering, target_id: str) -> Record:
    record = client.get_one(ENTITY_OF_KIND[document.kind], to.books, keys_of(target_id, to.entity),
                            reference=to.external_ref)  # fmt: skip
    if record is None:
        raise CannotRender(f"{target_id} is not in QAD any more; look for it there before anything else")
    return dict(record)
