"""One QAD tenant behind the HTTP kernel. Invariant: every request names its company, every record read is of it.

Thread-safe, as the kernel's client is. Failures travel as the kernel's typed errors; what QAD hides inside HTTP 200 is
turned into the same kind here.
"""

from collections.abc import Mapping, Sequence

from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.qad.answers import Problem, Record, UntrustedAnswer, bare_errors, read_records
from st_pipelines.systems.qad.company import Company, check_own_books
from st_pipelines.systems.qad.profile import Entity, Profile

Params = Sequence[tuple[str, str]]


class MissingPermission(UntrustedAnswer):
    """QAD said 403, by status or inside HTTP 200. Text names entity and role to ask for."""


class QadClient:
    """Reads and writes by entity name of the profile. ``companies``: the pinned books, ``<DOMAIN>_<ENTITY>``;
    the other settings are explained in ``connect.Settings``."""

    def __init__(
        self,
        http: HttpClient,
        profile: Profile,
        companies: Sequence[str] = (),
        *,
        quiet_period_s: float = 120.0,
        request_deadline_s: float = 60.0,
        reference_prefix: str = "ST:",
    ) -> None:
        self.http = http
        self.profile = profile
        self.companies = tuple(companies)
        self.quiet_period_s = quiet_period_s
        self.request_deadline_s = request_deadline_s
        self.reference_prefix = reference_prefix

    def close(self) -> None:
        """Closes idle connections."""
        self.http.close()

    def read(self, path: str, books: Company, params: Params, *, entity: str, reference: str = "") -> object:
        """The JSON of a GET. Raises ``MissingPermission``, ``UntrustedAnswer`` or the kernel's errors."""
        answers: list[object] = []
        self.http.read(path, params, entity=entity, reference=reference, headers=self._headers(books),
                       check=lambda reply: answers.append(reply.json()))  # fmt: skip
        answer = answers[-1]
        problems = bare_errors(answer)
        if problems:
            raise _fault(entity, path, problems)
        return answer

    def get_one(self, name: str, books: Company, keys: Mapping[str, str], *, reference: str = "") -> Record | None:
        """One record by all its keys (logical names). None where QAD has none; raises where it is another one."""
        entity = self.profile.entity(name)
        params = [*view(entity), *((wire, keys[logical]) for logical, wire in entity.keys.items())]
        records = read_records(self.read(entity.path, books, params, entity=name, reference=reference), entity)
        if not records:
            return None
        if len(records) > 1:
            raise UntrustedAnswer(f"{name} {dict(keys)}: {len(records)} records for one key; correct `keys`")
        for logical, wire in entity.keys.items():
            if str(records[0].get(wire, "")) != keys[logical]:
                raise UntrustedAnswer(f"{name}: asked for {wire} {keys[logical]!r}, got {records[0].get(wire)!r}")
        check_own_books(records[0], entity, books)
        return records[0]

    def submit(self, name: str, books: Company, body: bytes, keys: Params, *, reference: str) -> Reply:
        """One POST, sent once. ``keys`` (wire names) make it an update. Raises the kernel's errors."""
        entity = self.profile.entity(name)
        return self.http.write("POST", entity.path, [*view(entity), *keys], content=body, entity=name,
                               reference=reference, headers=self._headers(books))  # fmt: skip

    def _headers(self, books: Company) -> dict[str, str]:
        return {self.profile.workspace.header: books.workspace}


def view(entity: Entity) -> list[tuple[str, str]]:
    return [("viewUri", entity.view_uri)] if entity.view_uri else []


def _fault(entity: str, path: str, problems: Sequence[Problem]) -> UntrustedAnswer:
    if any(problem.code == "403" for problem in problems):
        return MissingPermission(f"{entity}: QAD denies {path} ({problems[0].message}); grant the API user's role "
                                 f"access to it")  # fmt: skip
    return UntrustedAnswer(f"{entity}: QAD answered {path} with: {'; '.join(map(str, problems[:3]))}")
