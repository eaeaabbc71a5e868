"""ServiceTitan as a posting target, for parties that the office has and the field has not. Invariant: asked for before
it is made, and found again by the reference that our application stored on it (external data, reference 6).

Kinds: ``field_customer`` (with a location, as the API demands) and ``field_vendor``. The company is the tenant.
``target_id`` is ServiceTitan's id.
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
from st_pipelines.systems.servicetitan import party_bodies
from st_pipelines.systems.servicetitan.party_bodies import ROLE_OF_KIND
from st_pipelines.systems.servicetitan.party_records import APPLICATION, BLOCK, KEY, PLACES, Row, listed
from st_pipelines.systems.servicetitan.tenant import ServiceTitan


class _Answer(msgspec.Struct):
    id: int


class ServiceTitanTarget:
    """Implements ``posting.target.Target`` for one tenant. Thread-safe."""

    system = "servicetitan"

    def __init__(self, client: ServiceTitan) -> None:
        self.client = client
        self.quiet_period_s, self.request_deadline_s = client.quiet_period_s, client.request_deadline_s
        self.max_concurrency = client.reading.look_ahead

    def check_company(self, company: str) -> None:
        """The tenant that the token was issued for is the pinned one (M1)."""
        if company != self.client.tenant:
            raise WrongCompany(f"the connection is for tenant {self.client.tenant}, not for {company}")
        try:
            self.client.identify()
        except errors.SignInRefused as error:
            raise WrongCompany(str(error)) from error

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        party = party_bodies.party_of(document)
        module, path = PLACES[ROLE_OF_KIND[document.kind]]
        if op == "create" and not party.begins_from:
            return party_bodies.freeze("POST", module, path, party_bodies.new(party, external_ref))
        if op == "void":  # never deleted; a record that was there before us is left as it is
            still = party.begins_from != ""
            content = party_bodies.change(msgspec.structs.replace(party, keeps=("name", "address", "email", "phone")),
                                          external_ref) | {"active": still}  # fmt: skip
        else:
            content = party_bodies.change(party, external_ref)
        return party_bodies.freeze("PATCH", module, f"{path}/{target_id or party.begins_from}", content)

    def send(self, write: Write) -> Outcome:
        try:
            frozen = party_bodies.thaw(write.body)
            self.check_company(write.company)
        except (msgspec.DecodeError, WrongCompany) as error:
            return NotSent(str(error))
        try:
            reply = self.client.write(
                frozen.module, frozen.path, bytes(frozen.content), entity=frozen.path, reference=write.external_ref,
                method=frozen.method,
            )  # fmt: skip
        except errors.NotExecuted as fault:
            return NotSent(str(fault), fault.retry_after_s)
        except errors.Refused as fault:
            return Refused(str(fault), str(fault.status), read_back_first=isinstance(fault, errors.Conflict))
        except errors.SystemFault as fault:
            return Unknown(str(fault))
        try:
            identity = msgspec.json.decode(reply.content, type=_Answer).id
        except msgspec.DecodeError:
            return Unknown("ServiceTitan said success without an id; it is still to be read back")
        asked = frozen.path.rpartition("/")[2] if frozen.method == "PATCH" else str(identity)
        if str(identity) != asked:
            return Unknown(f"ServiceTitan answered with the record {identity}, not {asked}")
        return Posted(str(identity), str(identity), hashlib.sha256(reply.content).hexdigest())

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        self.check_company(company)
        role, found = ROLE_OF_KIND[kind], dict[str, list[Found]]()
        wanted = [reference for reference in external_refs if not reference.endswith(":void")]
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK]
            if any("," in reference for reference in block):
                raise CannotRender("a reference with a comma cannot be asked for; give the party another code")
            asked = [("externalDataKey", KEY), ("externalDataValues", ",".join(block))]
            for row in listed(self.client, role, asked):
                if row.reference not in block:  # an ignored filter would give every record (reference 1.7)
                    raise errors.BadAnswer(
                        f"asked for our own data, got {row.id} with {row.reference[:60]!r}: the filter was ignored",
                        connection=self.client.connection, entity=role, cure=f"check application {APPLICATION}",
                    )  # fmt: skip
                found.setdefault(row.reference, []).append(self._found(kind, company, row))
        return found

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        return {}

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        """Parties have no business date and no amounts: there is nothing to reconcile."""
        raise CannotRender(f"{kind}: parties are compared by alignment, not by control totals")

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        party = party_bodies.party_of(document)
        if document.disposition == "void":
            return [] if party.begins_from or found.content.get("active") == "False" else ["active: it still stands"]
        planned = {name: str(value) for name, value in party_bodies.fields(party).items() if name not in party.keeps}
        return [f"{name}: planned {value!r}, ServiceTitan holds {found.content.get(name, '')!r}"
                for name, value in planned.items() if value != found.content.get(name, "")]  # fmt: skip

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        before, after = party_bodies.party_of(old), party_bodies.party_of(new)
        if (old.company, old.kind, old.begins_from) != (new.company, new.kind, new.begins_from):
            return "replace"
        now = {name: value for name, value in party_bodies.fields(after).items() if name not in after.keeps}
        stood = party_bodies.fields(before)
        return "update" if any(stood[name] != value for name, value in now.items()) else "none"

    def _found(self, kind: str, company: str, row: Row) -> Found:
        info = row.contact_info
        content = {
            "name": row.name, "active": str(row.active), "phone": info.phone if info else "",
            "email": info.email if info else "", "address": party_bodies.comparable(msgspec.to_builtins(row.address)),
        }  # fmt: skip
        return Found(kind, company, row.reference, str(row.id), str(row.id), content=content)
