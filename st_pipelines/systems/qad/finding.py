"""What QAD holds of ours. Invariant: a document is found by the exact reference it carries, in the exact books.

A customer's or supplier's code in a voucher says little; it is resolved to the reference that the party itself carries,
so that "the right party" is proven and not assumed (M4).
"""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from st_pipelines.posting.target import CannotRender, Found
from st_pipelines.systems.qad import invoices, parties, payments, relations
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.bodies import target_id
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.lists import Filter
from st_pipelines.systems.qad.lookups import by_values, prefix_rows
from st_pipelines.systems.qad.profile import ENTITY_OF_KIND
from st_pipelines.systems.qad.wire_values import wire_date

VOUCHERS = {"customer_invoice": "customer", "customer_payment": "customer", "supplier_invoice": "supplier"}
REVERSED = ("customer_invoice", "supplier_invoice")
_DOMAIN = re.compile(r"(.+):domain((?::[0-9]+)?)")
_CHUNK = 500


class PartyBook:
    """Party codes and the references they carry, read once a process. Thread-safe; absence is not remembered."""

    def __init__(self, client: QadClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def references(self, party: str, books: Company, codes: Iterable[str]) -> dict[str, str]:
        """Code to external reference; ``""`` for a party that is not ours or does not exist."""
        wanted = {code for code in codes if code}
        with self._lock:
            known = {code: self._known[party, code] for code in wanted if (party, code) in self._known}
        missing = sorted(wanted - known.keys())
        if missing:
            entity = self._client.profile.entity(party)
            held = by_values(self._client, party, books, entity.wire("code"), missing, _of_set(self._client, party))
            fresh = {
                code: str(records[0].get(entity.wire("externalReference")) or "") for code, records in held.items()
            }
            with self._lock:
                self._known.update({(party, code): reference for code, reference in fresh.items() if reference})
            known |= fresh
        return known


def find(
    client: QadClient, book: PartyBook, kind: str, books: Company, references: Sequence[str]
) -> dict[str, list[Found]]:
    """Current documents by external reference; an absent one has no entry."""
    name = ENTITY_OF_KIND[kind]
    entity = client.profile.entity(name)
    if kind not in REVERSED:  # posting also asks for the void, which is no document of its own here
        references = [reference for reference in references if not reference.endswith(invoices.VOID_SUFFIX)]
    if kind == "customer_domain":
        return _domains(client, books, references)
    if kind == "linked_relation":
        return _linked_relations(client, books, references)
    if entity.has("externalReference"):
        held = by_values(client, name, books, entity.wire("externalReference"), references, _of_set(client, name))
        flat = [record for records in held.values() for record in records]
        return _by_reference(_as_found(client, book, kind, books, flat))
    codes = {relations.code_of(reference, entity): reference for reference in references}
    held = by_values(client, name, books, entity.wire("code"), codes)
    return {codes[code]: [relations.found(record, entity, books.workspace, codes[code]) for record in records]
            for code, records in held.items()}  # fmt: skip


def list_ours(
    client: QadClient, book: PartyBook, kind: str, books: Company, since: date, until: date
) -> Iterator[Found]:
    """Every document whose reference begins with the prefix. Vouchers by posting date in [since, until]; masters have
    no business date, so all of them."""
    name = ENTITY_OF_KIND[kind]
    entity = client.profile.entity(name)
    if kind in ("customer_domain", "linked_relation") or not entity.has("externalReference"):
        raise CannotRender(
            f"{kind}: QAD holds no reference of ours on it, so it cannot be listed; list customers instead"
        )
    narrow = list(_of_set(client, name))
    if kind in VOUCHERS:
        days = (wire_date(since, client.profile), wire_date(until, client.profile))
        narrow.append(Filter(entity.wire("postingDate"), "rg", days[0], days[1]))
    chunk: list[Record] = []
    for record in prefix_rows(client, name, books, entity.wire("externalReference"), client.reference_prefix, narrow):
        chunk.append(record)
        if len(chunk) >= _CHUNK:
            yield from _within(_as_found(client, book, kind, books, chunk), kind, since, until)
            chunk = []
    yield from _within(_as_found(client, book, kind, books, chunk), kind, since, until)


def _within(documents: Iterable[Found], kind: str, since: date, until: date) -> Iterator[Found]:
    for document in documents:
        if kind not in VOUCHERS or (document.business_date is not None and since <= document.business_date <= until):
            yield document


def _of_set(client: QadClient, name: str) -> tuple[Filter, ...]:
    """A code is unique within its shared set only."""
    entity = client.profile.entity(name)
    if not entity.shared_set:
        return ()
    return (Filter(entity.wire("sharedSetCode"), "eq", client.profile.workspace.shared_sets[entity.shared_set]),)


def _as_found(client: QadClient, book: PartyBook, kind: str, books: Company, records: Sequence[Record]) -> list[Found]:
    profile, entity, company = client.profile, client.profile.for_kind(kind), books.workspace
    if kind == "business_relation":
        reference = entity.wire("externalReference")
        return [relations.found(record, entity, company, str(record[reference])) for record in records]
    if kind in ("customer", "supplier"):
        return [parties.found(record, kind, entity, company) for record in records]
    party = VOUCHERS[kind]
    codes = [str(record.get(entity.wire(party)) or "") for record in records]
    owners = book.references(party, books, codes)
    if kind == "customer_payment":
        return [payments.found(record, entity, profile, company, owners.get(code, ""))
                for record, code in zip(records, codes, strict=True)]  # fmt: skip
    return [invoices.found(record, kind, entity, profile, company, owners.get(code, ""))
            for record, code in zip(records, codes, strict=True)]  # fmt: skip


def _by_reference(documents: Iterable[Found]) -> dict[str, list[Found]]:
    grouped: dict[str, list[Found]] = {}
    for document in documents:
        grouped.setdefault(document.external_ref, []).append(document)
    return grouped


def _domains(client: QadClient, books: Company, references: Sequence[str]) -> dict[str, list[Found]]:
    """The domain record carries no reference of ours: its customer does. One whose site or daybook set is still blank
    counts as absent, so that the second step is done again and the customer is never made twice."""
    owners = {reference: customer_of(reference) for reference in references}
    customer, domain = client.profile.entity("customer"), client.profile.entity("customerDomain")
    held = by_values(
        client, "customer", books, customer.wire("externalReference"), owners.values(), _of_set(client, "customer")
    )
    codes = {reference: [str(record[customer.wire("code")]) for record in held.get(owner, [])]
             for reference, owner in owners.items()}  # fmt: skip
    in_domain = [Filter(domain.wire("domain"), "eq", books.domain)]
    every = [code for listed in codes.values() for code in listed]
    records = by_values(client, "customerDomain", books, domain.wire("code"), every, in_domain) if every else {}
    found = {reference: [parties.domain_found(record, domain, books.workspace, reference)
                         for code in listed for record in records.get(code, []) if parties.domain_done(record, domain)]
             for reference, listed in codes.items()}  # fmt: skip
    return {reference: listed for reference, listed in found.items() if listed}


def _linked_relations(client: QadClient, books: Company, references: Sequence[str]) -> dict[str, list[Found]]:
    """A relation that was there before us carries nothing of ours: its customer or supplier does."""
    relation, found = client.profile.entity("businessRelation"), dict[str, list[Found]]()
    for name in ("customer", "supplier"):
        entity, asked = client.profile.entity(name), map(relations.party_of, references)
        owners = {owner: reference for reference, (of, owner) in zip(references, asked, strict=True) if of == name}
        held = by_values(client, name, books, entity.wire("externalReference"), owners, _of_set(client, name))
        pairs = [(owners[owner], record, str(record.get(entity.wire("businessRelation")) or ""))
                 for owner, records in held.items() for record in records]  # fmt: skip
        codes = {code for _, _, code in pairs if code}
        of_code = by_values(client, "businessRelation", books, relation.wire("code"), codes)
        for reference, record, code in pairs:
            found.setdefault(reference, []).extend(
                relations.found(one, relation, books.workspace, reference, "linked_relation", target_id(record, entity))
                for one in of_code.get(code, [])
            )
    return found


def customer_of(reference: str) -> str:
    """``ST:1:customer:42:domain`` belongs to ``ST:1:customer:42``; a second life (``:2``) to the customer's second."""
    match = _DOMAIN.fullmatch(reference)
    if not match:
        raise CannotRender(f"{reference!r} is not the reference of a customer's domain step (…:domain)")
    return match[1] + match[2]
