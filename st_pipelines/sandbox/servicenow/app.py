"""The ServiceNow sandbox as one ASGI app. Invariant: only the token endpoint answers before the door is passed.

Below ``/_sandbox`` it adds ``GET``/``POST /_sandbox/settings`` (see ``settings.Settings``) and
``POST /_sandbox/business`` (see ``actions.Actions``) to what every sandbox system has.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.kernel import ExactJson, sandbox_app
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.servicenow import masters
from st_pipelines.sandbox.servicenow import settings as switches
from st_pipelines.sandbox.servicenow.auth import Auth
from st_pipelines.sandbox.servicenow.door import ACTIONS, Door
from st_pipelines.sandbox.servicenow.errors import not_authenticated, unknown_uri
from st_pipelines.sandbox.servicenow.rate import RateRules
from st_pipelines.sandbox.servicenow.reading import Reading
from st_pipelines.sandbox.servicenow.rights import Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Schema
from st_pipelines.sandbox.servicenow.selecting import Selecting
from st_pipelines.sandbox.servicenow.settings import CurrentSettings, Settings
from st_pipelines.sandbox.servicenow.table_api import TableApi

BASE_PATH = ""
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_APIS = ("/api/now", "/api/now/v1", "/api/now/v2")


def build(books: Books, clock: Clock, options: SandboxOptions) -> ASGIApp:
    """The app on these books, seeded if they are empty. ``options.extra``: ``without_scopes`` (applications that are
    not installed, ``sn_ap_apm``) and the fields of ``Settings``, as text; other systems' options are left alone."""
    extra = options.extra
    chosen = {name: extra[name] for name in Settings.__struct_fields__ if name in extra}
    first = msgspec.convert(chosen, Settings, strict=False)
    scopes = masters.scopes_of(extra.get("without_scopes", ""))
    current = CurrentSettings(first)
    rows = Rows(books, clock, Schema(books), current)

    def seed() -> None:
        current.now = first
        masters.seed(rows, first, scopes)

    app = sandbox_app(
        "servicenow", routes(rows, current), books, clock, seed=seed, actions=ACTIONS, not_found=_unknown_uri
    )
    return _with_control(app, current)


def routes(rows: Rows, settings: CurrentSettings) -> list[BaseRoute]:
    """One route for each thing that ServiceNow answers."""
    rights = Rights(rows)
    reading = Reading(rows, rights, settings)
    selecting = Selecting(rows, rights, reading, settings)
    auth = Auth(rows, rights, settings)
    door = Door(auth, RateRules(rows, settings))
    tables = TableApi(rows, rights, reading, selecting, settings)
    made: list[BaseRoute] = [Route("/oauth_token.do", auth.token, methods=["POST"])]
    for api in _APIS:
        collection = door.guarding("table", ("GET", "POST"), tables.collection)
        one = door.guarding("table", ("GET", "PUT", "PATCH", "DELETE"), tables.one)
        made.append(Route(api + "/table/{table}", collection, methods=_EVERY))
        made.append(Route(api + "/table/{table}/{sys_id}", one, methods=_EVERY))
    return made


async def _unknown_uri(scope: Scope, receive: Receive, send: Send) -> None:
    named = any(name == b"authorization" for name, _ in scope["headers"])
    error = unknown_uri() if named else not_authenticated()
    await error.response()(scope, receive, send)


def _with_control(app: ASGIApp, current: CurrentSettings) -> ASGIApp:
    async def show_settings(request: Request) -> Response:
        if request.method == "POST":
            try:
                changes: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
                current.now = switches.changed(current.now, changes)
            except msgspec.DecodeError as error:
                return ExactJson({"error": str(error)}, status_code=400)
        shown = msgspec.to_builtins(current.now)
        return ExactJson({name: value for name, value in shown.items() if name not in ("client_secret", "password")})

    control: dict[str, tuple[tuple[str, ...], Callable[[Request], Awaitable[Response]]]] = {
        "/_sandbox/settings": (("GET", "POST"), show_settings),
    }

    async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path not in control:
            await app(scope, receive, send)
            return
        methods, handler = control[path]
        if scope["method"] not in methods:
            await ExactJson({"error": f"{path} takes {' and '.join(methods)}"}, 405)(scope, receive, send)
        else:
            response = await handler(Request(scope, receive))
            await response(scope, receive, send)

    return controlled
