"""What every sandbox system shares: control routes and failures around its own routes. Invariant: failures never touch
the control routes, so a test can always look and always disarm.

Control, at ``/_sandbox`` of the port and again below the system's own base path:

    GET    /_sandbox/state                 {"entities": {name: count}}
    GET    /_sandbox/state?entity=E        {"entity", "count", "records": [...]}; further parameters filter by equality
    GET    /_sandbox/log                   {"total": n, "requests": [{seq, at, method, path, query, status, fault,
                                           applied, milliseconds}]}; DELETE empties it
    POST   /_sandbox/faults                one fault or a list (see ``faults.Fault``); gives them with their ids
    GET    /_sandbox/faults                {"faults": [… with matched, fired], "pending": n, "actions": {…}}
    DELETE /_sandbox/faults                disarms all
    GET    /_sandbox/clock                 {"now": "…Z", "ticking": bool}
    POST   /_sandbox/clock                 {"now": "…Z"} or {"advance": seconds} and/or {"ticking": bool}
    POST   /_sandbox/reset                 the books as they were first seeded, no faults, empty log, the clock's start
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.failing import Failing
from st_pipelines.sandbox.faults import BadFault, Fault, FaultBoard
from st_pipelines.sandbox.log import RequestLog

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode_faults = msgspec.json.Decoder(Fault | list[Fault]).decode
CONTROL = "/_sandbox/"
Handler = Callable[[Request], Awaitable[Response]]


class ExactJson(Response):
    """A JSON answer in which a Decimal is a number, digit for digit."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return _encode(content)


class ClockOrder(msgspec.Struct, forbid_unknown_fields=True):
    now: datetime | None = None
    advance: float | None = None
    ticking: bool | None = None


def sandbox_app(
    system: str,
    routes: Sequence[BaseRoute],
    books: Books,
    clock: Clock,
    *,
    seed: Callable[[], None] | None = None,
    actions: Mapping[str, str] | None = None,
    not_found: ASGIApp | None = None,
    base_path: str = "",
    dated: bool = False,
) -> ASGIApp:
    """The ASGI app of one system: its ``routes`` with failures around them, and the control routes.

    ``seed`` fills empty books and is called now if they are empty, and again on reset; ``actions`` names the failure
    switches that the routes understand themselves (``faults.flagged``); ``not_found`` answers what no route takes;
    ``dated``: answers tell the sandbox's time, not the machine's (its module says ``DATES_ITS_ANSWERS`` then).
    """
    log, board = RequestLog(), FaultBoard(actions or {})
    failing = Failing(_routing(routes, not_found), board, log, clock)
    control = _control(system, books, clock, log, board, failing, seed)
    prefixes = (CONTROL, base_path + CONTROL)
    if seed is not None and not books.entities():
        seed()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the sandbox speaks HTTP only, not {scope['type']}")
        if scope["path"].startswith(prefixes):
            inner = {**scope, "path": CONTROL + scope["path"].partition(CONTROL)[2]}
            await control(inner, receive, send)
        else:
            await failing(scope, receive, _dated(send, clock) if dated else send)

    return app


def _dated(send: Send, clock: Clock) -> Send:
    """For a system whose clients take its clock from its ``Date``; others refuse one far from their own (X10)."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            now = formatdate(clock.now().timestamp(), usegmt=True)
            message = {**message, "headers": [*message.get("headers", ()), (b"date", now.encode())]}
        await send(message)

    return dated


def with_control(app: ASGIApp, table: Mapping[str, tuple[Sequence[str], Handler]], base_path: str = "") -> ASGIApp:
    """The app of a system with control routes of its own: path to methods and handler."""

    async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(base_path) if scope["type"] == "http" else ""
        if path not in table:
            await app(scope, receive, send)
            return
        methods, handler = table[path]
        if scope["method"] not in methods:
            await ExactJson({"error": f"{path} takes {' and '.join(methods)}"}, 405)(scope, receive, send)
        else:
            response = await handler(Request(scope, receive))
            await response(scope, receive, send)

    return controlled


def _routing(routes: Sequence[BaseRoute], not_found: ASGIApp | None) -> ASGIApp:
    app = Starlette(routes=list(routes))
    if not_found is not None:
        app.router.default = not_found
    return app


def _control(
    system: str,
    books: Books,
    clock: Clock,
    log: RequestLog,
    board: FaultBoard,
    failing: Failing,
    seed: Callable[[], None] | None,
) -> ASGIApp:
    async def state(request: Request) -> Response:
        wanted = dict(request.query_params)
        entity = wanted.pop("entity", None)
        if entity is None:
            return ExactJson({"system": system, "entities": {name: books.count(name) for name in books.entities()}})
        records = books.all(entity)
        for field, text in wanted.items():
            records = [record for record in records if _as_text(record.get(field)) == text]
        return ExactJson({"entity": entity, "count": len(records), "records": records})

    async def show_log(request: Request) -> Response:
        if request.method == "DELETE":
            log.clear()
        return ExactJson({"total": log.total, "requests": log.seen()})

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            board.clear()
        if request.method == "POST":
            try:
                asked = _decode_faults(await request.body())
                armed = [board.arm(fault) for fault in (asked if isinstance(asked, list) else [asked])]
            except (BadFault, msgspec.DecodeError) as error:
                return ExactJson({"error": str(error)}, status_code=400)
            return ExactJson({"faults": [one.describe() for one in armed]}, status_code=201)
        return ExactJson({"faults": board.describe(), "pending": failing.pending, "actions": board.actions})

    async def show_clock(request: Request) -> Response:
        if request.method == "POST":
            try:
                order = msgspec.json.decode(await request.body(), type=ClockOrder)
                if order.ticking is not None:
                    clock.tick(order.ticking)
                if order.now is not None:
                    clock.move_to(order.now)
                if order.advance is not None:
                    clock.advance(order.advance)
            except (ValueError, msgspec.DecodeError) as error:
                return ExactJson({"error": str(error)}, status_code=400)
        return ExactJson({"now": clock.iso(), "ticking": clock.ticking})

    async def reset(request: Request) -> Response:
        failing.forget_pending()
        board.clear()
        log.clear()
        clock.reset()
        books.clear()
        if seed is not None:
            seed()
        return ExactJson({"system": system, "entities": {name: books.count(name) for name in books.entities()}})

    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await ExactJson({"error": f"no such control: {scope['path']}"}, status_code=404)(scope, receive, send)

    return Router(
        [
            Route("/_sandbox/state", state),
            Route("/_sandbox/log", show_log, methods=["GET", "DELETE"]),
            Route("/_sandbox/faults", faults, methods=["GET", "POST", "DELETE"]),
            Route("/_sandbox/clock", show_clock, methods=["GET", "POST"]),
            Route("/_sandbox/reset", reset, methods=["POST"]),
        ],
        default=nothing,
        redirect_slashes=False,
    )


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
