"""The QAD sandbox's routes. Invariant: outside the context root, and for a path that is not served, there is only HTML.

Observed: login, security control, workspaces, browses, entity metadata, business relations, customers, suppliers,
purchase orders. Assumed: all others. Names come from ``served.yaml``; ``--set served=FILE`` lays a file over it.
``POST /_sandbox/business`` takes deliveries in (see ``procurement.Procurement``).
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.kernel import ExactJson, sandbox_app, with_control
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad import company, stamps
from st_pipelines.sandbox.qad.codes import CodeKeeping
from st_pipelines.sandbox.qad.known_parties import known_parties
from st_pipelines.sandbox.qad.login import Logins
from st_pipelines.sandbox.qad.metadata import described_entities, listed_workspaces
from st_pipelines.sandbox.qad.procurement import ActionRefused, Procurement
from st_pipelines.sandbox.qad.reads import Reads
from st_pipelines.sandbox.qad.served import Served, ServedEntity, load_served
from st_pipelines.sandbox.qad.submission import Workspace, workspace_of
from st_pipelines.sandbox.qad.wire import GatewayError, Refused, bare_errors, not_found_page
from st_pipelines.sandbox.qad.writes import Writes

BASE_PATH = "/clouderp/demo"
ACTIONS: Mapping[str, str] = {
    "expire_token": "the request's token dies now: 401",
    "forbidden": "403 with the bare envelope, as for a missing role",
    "closed_period": "the period of the document's posting date counts as closed",
    "refuse": "the write is refused inside HTTP 200; `text`, `field` and `code` say with which words",
    "empty_errors": "a refusal comes with an empty list of errors",
    "bare_errors": "a refusal comes in the gateway's bare envelope",
    "no_wrapper": "a read comes without its data wrapper",
    "repeat_page": "every page after the first repeats the first",
    "shift_page": "a row was inserted before the scan's second page: its first row is the last one of the page before",
    "lag_index": "a list does not show the newest record of its entity yet; reading it by key does",
    "wrong_reply": "a write is done, but the answer shows another record of the entity",
    "accept_and_hold": "an invoice over what was received is accepted and its excess held",
}
Handler = Callable[[Request, Workspace], Awaitable[Response]]


def build(books: Books, clock: Clock, options: SandboxOptions) -> ASGIApp:
    """The whole app. Its books are seeded with the demo company's reference data where they are empty."""
    changes: Mapping[str, Any] = {}
    if "served" in options.extra:
        changes = yaml.safe_load(Path(options.extra["served"]).read_text(encoding="utf-8"))
    return qad_app(books, clock, options, load_served(changes))


def qad_app(books: Books, clock: Clock, options: SandboxOptions, served: Served) -> ASGIApp:
    """The app that answers to the given names."""
    procurement, codes = Procurement(books, served, clock), CodeKeeping(books, served, clock)

    def seed_all() -> None:
        seed(books, served, options, clock.iso())
        if options.extra.get("procurement") == "yes":
            procurement.seed(options)

    app = sandbox_app(
        "qad",
        routes(books, clock, served),
        books,
        clock,
        seed=seed_all,
        actions=ACTIONS,
        not_found=_not_found,
        base_path=served.base_path,
    )
    return with_control(app, {"/_sandbox/business": (("POST",), _business(procurement, codes))}, served.base_path)


def _business(procurement: Procurement, codes: CodeKeeping) -> Callable[[Request], Awaitable[Response]]:
    async def business(request: Request) -> Response:
        try:
            order: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
            people = codes if order.get("action") in codes.actions else procurement
            return ExactJson({"changed": people.run(order)})
        except Refused as refusal:
            return ExactJson({"error": "; ".join(one.message for one in refusal.problems)}, status_code=400)
        except (ActionRefused, msgspec.DecodeError, ValueError, TypeError) as error:
            return ExactJson({"error": str(error)}, status_code=400)

    return business


def seed(books: Books, served: Served, options: SandboxOptions, now: str) -> None:
    """The reference data; with ``known_parties=yes`` also parties that finance has had all along."""
    company.seed(books, served, options, now)
    if options.extra.get("known_parties") != "yes":
        return
    with books.transaction():
        for name, record in known_parties(options):
            entity = served.entities[name]
            blank = {field: "" for field in entity.fields if field not in stamps.STAMPS}
            books.put(name, entity.key_of(record), stamps.stamped(entity, blank | record, None, now))


def routes(books: Books, clock: Clock, served: Served) -> list[BaseRoute]:
    """One route for each thing that QAD answers."""
    logins, reads = Logins(served, clock), Reads(books, served)
    writes = Writes(books, served, clock, reads)

    def guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                logins.check(request)
                return await handler(request, workspace_of(request, served))
            except GatewayError as error:
                return bare_errors(error.status, error.message)

        return answer

    async def security_control(request: Request) -> Response:
        try:
            return await logins.security_control(request)
        except GatewayError as error:
            return bare_errors(error.status, error.message)

    async def workspaces(request: Request, workspace: Workspace) -> Response:
        return ExactJson(listed_workspaces(books))

    async def metadata(request: Request, workspace: Workspace) -> Response:
        return ExactJson(described_entities(served, request.query_params.get("entityURI", "")))

    async def browse(request: Request, workspace: Workspace) -> Response:
        return reads.browse(request, workspace)

    async def total(request: Request, workspace: Workspace) -> Response:
        return reads.total(request, workspace)

    def collection(entity: ServedEntity) -> Handler:
        async def answer(request: Request, workspace: Workspace) -> Response:
            if request.method == "POST":
                return await writes.submit(request, entity, workspace)
            return reads.collection(request, entity, workspace)

        return answer

    base = served.base_path
    made: list[BaseRoute] = [
        Route(base + served.token_path, logins.token, methods=["POST"]),
        Route(f"{base}/api/qracore/securityControl", security_control),
        Route(f"{base}/api/webshell/workspaces", guarded(workspaces)),
        Route(f"{base}/api/qracore/entitymetadatas", guarded(metadata)),
        Route(f"{base}/api/qracore/browses/totalCount/", guarded(total)),
        Route(f"{base}/api/qracore/browses", guarded(browse)),
    ]
    for entity in served.entities.values():
        made.append(Route(base + entity.path, guarded(collection(entity)), methods=["GET", "POST"]))
    return made


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await not_found_page()(scope, receive, send)
