"""ServiceNow as a posting target: suppliers, purchase orders, lines and receipts through the Import Set API. Invariant:
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
from st_pipelines.systems.servicenow import standing_records
from st_pipelines.systems.servicenow.imports import import_one
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.staging_rows import ENTITY, Frozen, compared, fields, freeze

_decode = msgspec.json.Decoder(Frozen).decode


class ServiceNowTarget:
    """Implements ``posting.target.Target`` for one instance. Thread-safe."""

    system = "servicenow"

    def __init__(self, instance: Instance, *, request_deadline_s: float = 100.0, max_concurrency: int = 4) -> None:
        self.instance = instance
        self.quiet_period_s = instance.quiet_period_s
        self.request_deadline_s, self.max_concurrency = request_deadline_s, max_concurrency

    def check_company(self, company: str) -> None:
        self.instance.check(company)

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        if op not in ("create", "update"):
            raise CannotRender(f"{op}: ServiceNow keeps {document.kind} records; close it there by hand")
        return freeze(self.instance, document)

    def send(self, write: Write) -> Outcome:
        try:
            self.instance.check(write.company)
            frozen = _decode(write.body)
        except (WrongCompany, msgspec.DecodeError) as error:
            return NotSent(str(error))
        try:
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
        if made.state not in ("inserted", "updated"):
            return Unknown(f"{frozen.staging}: {made.state} {made.message}".rstrip())
        if write.op == "update" and write.target_id and made.target_id != write.target_id:
            return Unknown(f"the row reached the record {made.target_id}, not {write.target_id}: see which columns "
                           f"coalesce in the transform map of {frozen.staging}")  # fmt: skip
        seen = hashlib.sha256(f"{made.state} {made.target_id}".encode()).hexdigest()
        return Posted(made.target_id, "-".join(standing_records.keys_of(write.external_ref)), seen)

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        self.instance.check(company)
        return standing_records.find(self.instance, kind, company, external_refs)

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        self.instance.check(company)
        return standing_records.listed(self.instance, kind, company, since, until)

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        if document.disposition == "void":
            return [f"{document.kind}: it still stands"]
        staging = self.instance.profile.into(ENTITY[document.kind])
        return standing_records.same(found.content, compared(document, staging))

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        return "none" if (old.company, fields(old)) == (new.company, fields(new)) else "update"
