"""The sandbox's QAD over real HTTP, and a target on it that signed in through the vault's parts."""

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import Outcome, Posted, Reference, Write
from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.connect import connect
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines_tests.qad import samples


@dataclass
class Tenant:
    """``references``: what was posted through ``post``, by document key, as posting hands it to ``render``."""

    origin: str
    client: QadClient
    target: QadTarget
    references: dict[str, Reference] = field(default_factory=dict)

    def control(self, path: str, body: Any = None, method: str = "") -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.origin}/_sandbox/{path}", data, method=method or None)
        with urllib.request.urlopen(request, timeout=5) as reply:
            return json.load(reply, parse_float=Decimal)

    def arm(self, **fault: Any) -> None:
        self.control("faults", fault)

    def disarm(self) -> None:
        self.control("faults", method="DELETE")

    def state(self, entity: str) -> list[dict[str, Any]]:
        return list(self.control(f"state?entity={entity}")["records"])

    def writes(self) -> list[dict[str, Any]]:
        requests = self.control("log")["requests"]
        return [one for one in requests if one["method"] == "POST" and "/api/" in one["path"]]

    def write(self, document: MappedDocument, op: str = "create", *, previous: MappedDocument | None = None,
              reference: str = "") -> Write:  # fmt: skip
        target_id = self.references[document.doc_key].target_id if op != "create" else ""
        reference = reference or document.doc_key
        body = self.target.render(document, op, reference, self.references, previous, target_id)
        return Write(op, document.kind, document.company, reference, "key", body, target_id)

    def send(self, document: MappedDocument, op: str = "create", **more: Any) -> Outcome:
        return self.target.send(self.write(document, op, **more))

    def post(self, *documents: MappedDocument, op: str = "create", **more: Any) -> Posted:
        """Sends each and remembers it; fails the test where one is not posted."""
        for document in documents:
            outcome = self.send(document, op, **more)
            assert isinstance(outcome, Posted), (document.doc_key, outcome)
            if op == "create":
                self.references[document.doc_key] = Reference(
                    document.doc_key, outcome.target_id, outcome.number, document.kind)  # fmt: skip
        return outcome

    def customer(self, number: int = 42, **changes: Any) -> None:
        of = samples.party(number=number, **changes)
        self.post(samples.relation(of), samples.master(of), samples.domain(of))

    def vendor(self, number: int = 7, **changes: Any) -> None:
        of = samples.party("vendor", number, **changes)
        self.post(samples.relation(of), samples.master(of))


@contextmanager
def tenant(
    engine: Engine,
    *,
    profile: Path = samples.PROFILE,
    companies: Sequence[str] = ("10USA_10USACO", "10USA_20USACO"),
    extra: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Tenant]:
    options = SandboxOptions(extra=dict(extra or {}))
    books = Books(None)
    with serving(build(books, Clock(options.start_of_clock()), options)) as origin:
        connection = Connection(
            "demo_qad", "qad",
            {"base_url": f"{origin}/clouderp/demo", "client_id": "qad-client", "request_deadline_s": 5,
             **(settings or {})},
            {"username": Secret("api.user"), "password": Secret("api.password")},
        )  # fmt: skip
        client = connect(connection, engine, Keyring([b"k" * 32]), profile=profile, companies=companies)
        yield Tenant(origin, client, QadTarget(client))
        client.http.close()
    books.close()
