"""ServiceNow as a posting target: codes, suppliers, orders, lines and receipts through the Import Set API. Invariant:
HTTP 201 proves nothing; the row's own state does, and where it says less than «inserted» or «updated» with the id of
the record that was meant, only reading back settles it.

The company is the instance. Nothing is voided: an order is closed by its state, a receipt is corrected by another one.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import (
    CannotRender,
    Found,
    NotSent,
    Outcome,
    Posted,
    Reference,
    Refused,
    Unknown,
    Write,
    WrongCompany,
)  # fmt: skip
from st_pipelines.systems.http import errors
from st_pipelines.systems.servicenow import codes, standing_records
from st_pipelines.systems.servicenow.imports import import_one
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.staging_rows import ENTITY, Frozen, compared, fields, freeze
from st_pipelines.systems.servicenow.tables import update

_decode = msgspec.json.Decoder(Frozen).decode


class ServiceNowTarget:
    """Implements ``posting.target.Target`` for one instance. Thread-safe."""

    system = "servicenow"

    def __init__(self, instance: Instance, *, request_deadline_s: float = 100.0, max_concurrency: int = 4) -> None:
        self.instance = instance
        self.quiet_period_s = instance.quiet_period_s
        self.request_deadline_s, self.max_concurrency = request_deadline_s, max_concurrency

    def check_company(self, company: str) -> None:
        """Asks the instance behind the address for its own name, and for the tables that things go into. Raises
        ``NotProven``, too."""
        self.instance.ask(company)
        self.instance.require_tables()

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        if op not in ("create", "update"):
            raise CannotRender(f"{op}: ServiceNow keeps {document.kind} records; close it there by hand")
        if document.kind in codes.ENTITY:
            return codes.freeze(self.instance, document, op, target_id)
        return freeze(self.instance, document)

    def send(self, write: Write) -> Outcome:
        try:
            self.instance.check(write.company)
            frozen = _decode(write.body)
        except (WrongCompany, msgspec.DecodeError) as error:
            return NotSent(str(error))
        try:
            if frozen.sys_id:
                return self._changed(frozen, write.external_ref)
            made = import_one(self.instance.client, frozen.staging, frozen.lands_in, frozen.values,
                              reference=write.external_ref)  # fmt: skip
        except errors.NotExecuted as fault:
            return NotSent(str(fault), fault.retry_after_s)
        except errors.Refused as fault:
            return Refused(str(fault), str(fault.status), read_back_first=isinstance(fault, errors.Conflict))
        except errors.SystemFault as fault:
            return Unknown(str(fault))
        if made.state in ("error", "skipped"):
            return Refused(f"{frozen.staging}: {made.message or made.state}", made.state)
        if made.state == "ignored":  # nothing changed there, or the map passed over the row: the record tells which
            return Refused(f"{frozen.staging}: {made.message or made.state}", made.state, read_back_first=True)
        if made.state not in ("inserted", "updated"):
            return Unknown(f"{frozen.staging}: {made.state} {made.message}".rstrip())
        if write.op == "update" and write.target_id and made.target_id != write.target_id:
            return Unknown(f"the row reached the record {made.target_id}, not {write.target_id}: see which columns "
                           f"coalesce in the transform map of {frozen.staging}")  # fmt: skip
        seen = hashlib.sha256(f"{made.state} {made.target_id}".encode()).hexdigest()
        return Posted(made.target_id, "-".join(standing_records.keys_of(write.external_ref)), seen)

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        self.instance.check(company)
        if kind in codes.ENTITY:
            return codes.find(self.instance, kind, company, external_refs)
        return standing_records.find(self.instance, kind, company, external_refs)

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        return {}

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        self.instance.check(company)
        return standing_records.listed(self.instance, kind, company, since, until)

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        if document.disposition == "void":
            return [f"{document.kind}: it still stands"]
        if document.kind in codes.ENTITY:
            return standing_records.same(found.content, codes.compared(document))
        staging = self.instance.profile.into(ENTITY[document.kind])
        planned = compared(document, staging)
        if document.kind == "purchase_order_line":  # another ERP may have a code of the same letters
            planned |= {f"{name}_source": self.instance.source
                        for name in ("gl_account", "cost_center") if name in planned}  # fmt: skip
        return standing_records.same(found.content, planned)

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        if new.kind in codes.ENTITY and old.company == new.company:
            return codes.change(old, new)
        return "none" if (old.company, fields(old)) == (new.company, fields(new)) else "update"

    def _changed(self, frozen: Frozen, reference: str) -> Outcome:
        """A record that is there, by its own columns. One that may not be written is ignored there without an error."""
        made = update(self.instance.client, frozen.lands_in, frozen.sys_id, frozen.values, reference=reference)
        if made.ignored:
            return Refused(f"{frozen.lands_in}: {', '.join(made.ignored)} did not take what was sent: give the "
                           "integration user the right to write it, or see which rule changes it", "ignored",
                           made.ignored[0])  # fmt: skip
        seen = hashlib.sha256(f"updated {made.sys_id}".encode()).hexdigest()
        return Posted(made.sys_id, "-".join(standing_records.keys_of(reference)), seen)
