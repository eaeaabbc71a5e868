"""One record on its way into the books of one workspace. Invariant: rules read through it and store through it only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.faults import flagged
from st_pipelines.sandbox.qad.company import SETS, WORKSPACES
from st_pipelines.sandbox.qad.served import Served, ServedEntity
from st_pipelines.sandbox.qad.stamps import stamped
from st_pipelines.sandbox.qad.wire import GatewayError, Problem, Refused, mandatory

Record = dict[str, Any]
_DEFAULT = next(identity for identity, *_, default in WORKSPACES if default)
_BY_ID = {identity: (domain, company) for identity, domain, company, *_ in WORKSPACES}


@dataclass(frozen=True)
class Workspace:
    """Domain and entity that a request works in."""

    domain: str
    entity: str

    def sees(self, entity: ServedEntity, record: Mapping[str, Any]) -> bool:
        """Whether a record belongs here: to the entity, the domain, or a set that the domain is attached to."""
        match entity.scope:
            case "entity":
                return bool(
                    record["entityCode"] == self.entity and record.get("domainCode", self.domain) == self.domain
                )
            case "domain":
                return bool(record[entity.keys[0]] == self.domain)
            case "shared_set":
                return bool(record["sharedSetCode"] == SETS[entity.shared_set])
            case _:
                return True

    def own(self, entity: ServedEntity, record: Record) -> None:
        """The session decides where a record lands, whatever the body says: QAD's trap for a forgotten header."""
        if entity.scope == "entity":
            record["entityCode"] = self.entity
            if "domainCode" in entity.fields:
                record["domainCode"] = self.domain
        if entity.scope == "domain":
            record[entity.keys[0]] = self.domain


def workspace_of(request: Request, served: Served) -> Workspace:
    """From the header; the user's default without one; ``GatewayError`` 403 for one that the user does not have."""
    named = request.headers.get(served.workspace_header, "") or _DEFAULT
    if named not in _BY_ID:
        raise GatewayError(403, f"Access is denied: no workspace {named[:60]}")
    return Workspace(*_BY_ID[named])


@dataclass
class Submission:
    """``record`` is clean (see ``checks``); ``before`` is what the books hold, for an update. Rules add to ``problems``
    what is wrong and to ``warnings`` what is only odd, then call ``refuse_if_any`` and ``store``."""

    request: Request
    books: Books
    served: Served
    entity: ServedEntity
    workspace: Workspace
    now: str
    record: Record
    before: Record | None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def switched(self, action: str) -> bool:
        """Whether a failure switch of this system is on for this request."""
        return flagged(self.request, action) is not None

    def problem(self, kind: str, name: str, message: str, value: Any = "") -> None:
        self.problems.append(Problem(kind, name, message, value))

    def refuse_if_any(self) -> None:
        if self.problems:
            raise Refused(*self.problems)

    def code(self, name: str, entity: str, within: str = "", value: str | None = None) -> Record | None:
        """The active record that a code field names, ``within`` its shared set or domain.

        Unknown: "mandatory" on that field; inactive: said so; blank: None, without a complaint (required fields were
        checked before).
        """
        sought = self.record[name] if value is None else value
        if sought == "":
            return None
        found = self.books.get(entity, f"{within}.{sought}" if within else sought)
        if found is None:
            self.problems.append(mandatory(name, sought))
            return None
        if found.get("isActive") is False:
            self.problem("inactive", name, f"{name} {sought} is not active.", sought)
            return None
        return found

    def store(self, record: Record | None = None) -> Record:
        """Stamps and keeps the record of this submission."""
        return self.keep(self.entity.name, self.record if record is None else record, self.before)

    def keep(self, name: str, record: Record, before: Record | None) -> Record:
        """Stamps and keeps a record of any entity."""
        entity = self.served.entities[name]
        return self.books.put(name, entity.key_of(record), stamped(entity, record, before, self.now))
