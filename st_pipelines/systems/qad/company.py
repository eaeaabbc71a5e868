"""Which books: domain and entity. Invariant: no request without them, no answer from others (reliability M1).

A company is written ``<DOMAIN>_<ENTITY>``, as QAD's workspace header wants it; without that header the user's default
company would be written to, silently.
"""

import re
from dataclasses import dataclass

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.profile import Entity

_COMPANY = re.compile(r"([A-Za-z0-9\-]{1,20})_([A-Za-z0-9\-]{1,20})")


@dataclass(frozen=True)
class Company:
    domain: str
    entity: str

    @property
    def workspace(self) -> str:
        return f"{self.domain}_{self.entity}"


def company(name: str) -> Company:
    """``10USA_10USACO``. Raises ``WrongCompany`` for anything that is not one domain and one entity."""
    match = _COMPANY.fullmatch(name)
    if not match:
        raise WrongCompany(f"{name!r} is not <DOMAIN>_<ENTITY>; correct target.companies in integration.yaml")
    return Company(match[1], match[2])


def check_own_books(record: Record, entity: Entity, books: Company) -> None:
    """The record's own domain and entity. Raises ``WrongCompany`` where they are others, ``UntrustedAnswer`` where the
    profile promises them and the record has none."""
    for name, wire in entity.identity.items():
        expected = books.domain if name == "domain" else books.entity
        if wire not in record:
            raise UntrustedAnswer(f"{entity.path}: the record has no {wire}; correct `identity` in the profile")
        if record[wire] != expected:
            raise WrongCompany(
                f"{entity.path}: asked for {books.workspace}, answered with {wire} {str(record[wire])[:40]!r}. Nothing "
                f"may be sent: check the workspaces of the API user in QAD")  # fmt: skip
