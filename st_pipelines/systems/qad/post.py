"""QAD as a posting target. Invariant: what it reports as posted carries QAD's own number in the pinned books.

The parts: ``rendering`` (document to bytes), ``sending`` (bytes to outcome), ``finding`` (what QAD holds), one file for
each kind's fields. Kinds: business_relation, linked_relation (of a party that was there before us), customer,
customer_domain, supplier, customer_invoice, customer_payment, supplier_invoice, cost_center, gl_account. ``target_id``
is the record's key values joined by ``|``: ``10USACO|ARINV|2026|17``.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import Found, NotSent, Outcome, Reference, Write
from st_pipelines.systems.qad import (
    codes,
    duplicates,
    finding,
    identity,
    invoices,
    parties,
    payments,
    relations,
    rendering,
    sending,
)
from st_pipelines.systems.qad.bodies import Rendering, master_differences
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import company as books_of


class QadTarget:
    """Implements ``posting.target.Target`` for one tenant. Thread-safe.

    ``quiet_period_s``: how long QAD may still work on a request that timed out here.
    """

    system = "qad"

    def __init__(self, client: QadClient) -> None:
        self.client = client
        self.quiet_period_s = client.quiet_period_s
        self.request_deadline_s = client.request_deadline_s
        self.max_concurrency = client.profile.limits.max_concurrency
        self._parties = finding.PartyBook(client)
        self._stopped: dict[str, str] = {}
        self._lock = threading.Lock()

    def check_company(self, company: str) -> None:
        """Raises ``WrongCompany`` where the user has no such workspace or a record answers from other books."""
        identity.check(self.client, company)

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        return rendering.render(self.client, document, op, external_ref, references, previous, target_id)

    def send(self, write: Write) -> Outcome:
        """Raises only ``WrongCompany``, for an answer from other books: that write is then unknown, and nothing more is
        sent to the company by this process."""
        with self._lock:
            stopped = self._stopped.get(write.company)
        if stopped:
            return NotSent(stopped)
        try:
            return sending.send(self.client, write)
        except sending.AnsweredByOthers as error:
            with self._lock:
                self._stopped[write.company] = f"stopped: {error}"
            raise

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        if kind in codes.WRITTEN:
            return codes.find(self.client, kind, books_of(company), external_refs)
        return finding.find(self.client, self._parties, kind, books_of(company), external_refs)

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        """Supplier invoices of the same supplier, number, type and entity."""
        return duplicates.look_alikes(self.client, writes)

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        """Void invoices are documents of their own here and come with ``<reference>:void``."""
        return finding.list_ours(self.client, self._parties, kind, books_of(company), since, until)

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        """A voided document, or a found reversal (``…:void``), is compared with its sides turned."""
        profile = self.client.profile
        entity, void = profile.for_kind(document.kind), document.disposition == "void"
        if document.kind in finding.REVERSED:
            turned = found.external_ref.endswith(invoices.VOID_SUFFIX)
            if void and not turned:
                return [
                    f"{found.number}: still stands; no reversal {found.external_ref}{invoices.VOID_SUFFIX} was found"
                ]
            return invoices.differences(invoices.voucher(document), found, entity, void=turned)
        if document.kind == "customer_payment":
            return payments.differences(payments.of(document), found, entity, void=void)
        if document.kind == "customer_domain":  # of a customer that was there before us QAD has decided it
            return [] if void or document.begins_from else parties.domain_differences(found, entity)
        if document.kind in codes.WRITTEN:
            to = Rendering(profile, entity, books_of(document.company), found.external_ref, {})
            return codes.differences(document, found, to)
        return self._master_differences(document, found, void)

    def _master_differences(self, document: MappedDocument, found: Found, void: bool) -> list[str]:
        """Field by field. A voided party is a retired one; its relation and domain record end with it, unchanged."""
        entity = self.client.profile.for_kind(document.kind)
        to = Rendering(self.client.profile, entity, books_of(document.company), found.external_ref, {})
        party = parties.of(document)
        relation = document.kind in ("business_relation", "linked_relation")
        record = relations.fields(party, to, {}, party.keeps) if relation else parties.planned(party, to)
        if void:
            record = {} if relation or party.begins_from else {entity.wire("isActive"): False}
        return master_differences(record, found.content)

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        """``update``, ``replace`` or ``none``. Other books, currency or kind always replace."""
        if (old.company, old.kind) != (new.company, new.kind):
            return "replace"
        if new.kind in finding.REVERSED:
            return "replace" if invoices.books_see(invoices.voucher(old), invoices.voucher(new)) else "none"
        if new.kind == "customer_payment":
            return payments.change(payments.of(old), payments.of(new))
        if new.kind in codes.WRITTEN:
            return codes.change(old, new)
        if old.begins_from != new.begins_from:
            return "replace"
        if new.kind == "customer_domain":
            return "none"
        relation = new.kind in ("business_relation", "linked_relation")
        see = relations.books_see if relation else parties.books_see
        return "update" if see(parties.of(old), parties.of(new)) else "none"
