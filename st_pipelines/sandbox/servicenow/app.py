"""The ServiceNow sandbox as one ASGI app. Invariant: only the token endpoint answers before the door is passed.

Below ``/_sandbox`` it adds ``GET``/``POST /_sandbox/settings`` (see ``settings.Settings``) and
``POST /_sandbox/business`` (see ``actions.Actions``) and ``GET /_sandbox/pushes`` (what a Business Rule has told, once
all of it was answered) to what every sandbox system has.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.kernel import ExactJson, sandbox_app, with_control
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.servicenow import masters
from st_pipelines.sandbox.servicenow import settings as switches
from st_pipelines.sandbox.servicenow.door import ACTIONS, Handler
from st_pipelines.sandbox.servicenow.errors import not_authenticated, unknown_uri
from st_pipelines.sandbox.servicenow.instance import Instance
from st_pipelines.sandbox.servicenow.payables import ActionRefused
from st_pipelines.sandbox.servicenow.settings import CurrentSettings, Settings

BASE_PATH = ""
DATES_ITS_ANSWERS = True
_EVERY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_VERSIONS = ("", "/v1", "/v2")
_SECRET = ("client_secret", "password", "push_secret")


def build(books: Books, clock: Clock, options: SandboxOptions) -> ASGIApp:
    """The app on these books, seeded if they are empty. ``options.extra``: ``without_scopes`` (applications that are
    not installed, ``sn_ap_apm``) and the fields of ``Settings``, as text; other systems' options are left alone."""
    extra = options.extra
    chosen = {name: extra[name] for name in Settings.__struct_fields__ if name in extra}
    first = msgspec.convert(chosen, Settings, strict=False)
    scopes = masters.scopes_of(extra.get("without_scopes", ""))
    current = CurrentSettings(first)
    instance = Instance(books, clock, current, options)

    def seed() -> None:
        current.now = first
        masters.seed(instance.rows, first, scopes)

    app = sandbox_app(
        "servicenow", routes(instance), books, clock, seed=seed, actions=ACTIONS, not_found=_unknown_uri, dated=True
    )
    return _with_control(app, current, instance)


def routes(instance: Instance) -> list[BaseRoute]:
    """One route for each thing that ServiceNow answers."""
    door, tables, imports, batch = instance.door, instance.tables, instance.imports, instance.batch
    made: list[BaseRoute] = [Route("/oauth_token.do", instance.auth.token, methods=["POST"])]

    def add(api: str, path: str, methods: tuple[str, ...], handler: Handler) -> None:
        for version in _VERSIONS:
            made.append(Route(f"/api/now{version}{path}", door.guarding(api, methods, handler), methods=_EVERY))

    add("table", "/table/{table}", ("GET", "POST"), tables.collection)
    add("table", "/table/{table}/{sys_id}", ("GET", "PUT", "PATCH", "DELETE"), tables.one)
    add("import", "/import/{table}/insertMultiple", ("POST",), imports.multiple)
    add("import", "/import/{table}", ("POST",), imports.single)
    add("import", "/import/{table}/{sys_id}", ("GET",), imports.staged)
    batch.serve = Router(made, default=_unknown_uri)
    made.append(Route("/api/now/v1/batch", door.guarding("batch", ("POST",), batch.post), methods=_EVERY))
    made.append(Route("/api/now/batch", door.guarding("batch", ("POST",), batch.post), methods=_EVERY))
    return made


async def _unknown_uri(scope: Scope, receive: Receive, send: Send) -> None:
    named = any(name == b"authorization" for name, _ in scope["headers"])
    error = unknown_uri() if named else not_authenticated()
    await error.response()(scope, receive, send)


def _with_control(app: ASGIApp, current: CurrentSettings, instance: Instance) -> ASGIApp:
    actions = instance.actions

    async def show_settings(request: Request) -> Response:
        if request.method == "POST":
            try:
                changes: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
                current.now = switches.changed(current.now, changes)
            except msgspec.DecodeError as error:
                return ExactJson({"error": str(error)}, status_code=400)
        shown = msgspec.to_builtins(current.now)
        return ExactJson({name: value for name, value in shown.items() if name not in _SECRET})

    async def business(request: Request) -> Response:
        try:
            orders = msgspec.json.decode(await request.body(), type=dict[str, Any] | list[dict[str, Any]])
            return ExactJson({"changed": actions.run(orders)})
        except (ActionRefused, msgspec.DecodeError) as error:
            return ExactJson({"error": str(error)}, status_code=400)

    async def pushes(request: Request) -> Response:
        await instance.push.settled()
        return ExactJson({"sent": instance.push.sent})

    control = {
        "/_sandbox/settings": (("GET", "POST"), show_settings),
        "/_sandbox/business": (("POST",), business),
        "/_sandbox/pushes": (("GET",), pushes),
    }

    return with_control(app, control)
