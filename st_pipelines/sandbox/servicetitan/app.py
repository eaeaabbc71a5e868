"""The ServiceTitan sandbox as one ASGI app. Invariant: only the token endpoint answers before the door is passed.

Below ``/_sandbox`` it adds ``GET``/``POST /_sandbox/settings`` (see ``settings.Settings``),
``POST /_sandbox/business`` (see ``actions.Actions``) and ``/_sandbox/webhooks`` (see ``hook_routes``) to what every
sandbox system has.
"""

import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business import Business, Options, generate
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.kernel import ExactJson, sandbox_app, with_control
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.servicetitan import settings as switches
from st_pipelines.sandbox.servicetitan.actions import ActionRefused, Actions
from st_pipelines.sandbox.servicetitan.catalog import FEEDS, LISTINGS, route
from st_pipelines.sandbox.servicetitan.door import ACTIONS, Door
from st_pipelines.sandbox.servicetitan.errors import not_found
from st_pipelines.sandbox.servicetitan.feeds import Feeder, invoice_items
from st_pipelines.sandbox.servicetitan.hook_routes import HookRoutes
from st_pipelines.sandbox.servicetitan.hook_sender import HookSender
from st_pipelines.sandbox.servicetitan.journal import Journal
from st_pipelines.sandbox.servicetitan.journal_routes import JournalRoutes
from st_pipelines.sandbox.servicetitan.journal_sync import JournalSync
from st_pipelines.sandbox.servicetitan.lists import CurrentSettings, Lister
from st_pipelines.sandbox.servicetitan.party_writes import PartyWrites, external_of
from st_pipelines.sandbox.servicetitan.records import all_records
from st_pipelines.sandbox.servicetitan.settings import Settings
from st_pipelines.sandbox.servicetitan.shelf import Shelf
from st_pipelines.sandbox.servicetitan.webhooks import Announce, nobody
from st_pipelines.sandbox.servicetitan.writes import Writes

BASE_PATH = ""
Handler = Callable[[Request], Response]


def build(books: Books, clock: Clock, options: SandboxOptions) -> ASGIApp:
    """The app on these books, seeded if they are empty. ``options.extra``: ``unmapped``, ``surprises`` and the fields
    of ``Settings``, as text; names of other systems' options are left alone."""
    extra = options.extra
    business = msgspec.convert(
        {name: extra[name] for name in ("unmapped", "surprises") if name in extra}, Options, strict=False
    )
    chosen = {name: extra[name] for name in Settings.__struct_fields__ if name in extra}
    first = msgspec.convert(chosen, Settings, strict=False)
    current = CurrentSettings(first)

    sender = HookSender(clock)

    def seed() -> None:
        current.now = first
        sender.clear()
        with _collector_resting():
            load(books, generate(options.seed, options.size, options.month, business))

    app = sandbox_app(
        "servicetitan",
        routes(books, clock, current, sender.announce),
        books,
        clock,
        seed=seed,
        actions=ACTIONS,
        not_found=_unknown_route,
    )
    return _with_control(app, current, Actions(books, clock, sender.announce), HookRoutes(sender, books))


def load(books: Books, business: Business) -> None:
    """Puts a generated business into the books, in one transaction."""
    with books.transaction():
        for entity, record in all_records(business):
            books.put(entity, str(record["id"]), record)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Without the cyclic collector, which afterwards never looks at what was made meanwhile: there are no cycles in
    records, and walking a large month's objects would stop the server for seconds, again and again."""
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_collecting:
            gc.enable()


def routes(
    books: Books, clock: Clock, settings: CurrentSettings | Settings, announce: Announce = nobody
) -> list[Route]:
    """Every route of the API, token endpoint included."""
    current = settings if isinstance(settings, CurrentSettings) else CurrentSettings(settings)
    door = Door(current, clock)
    names = {one.entity for one in (*LISTINGS, *FEEDS)}
    shelves = {name: Shelf(books, name) for name in names}
    items = Shelf(books, "invoices", derive=invoice_items)
    sync = JournalSync(books, clock)
    kept = Journal(books, sync)
    journal, writes = JournalRoutes(kept, sync), Writes(books, clock, current, kept, announce)
    parties = PartyWrites(books, clock, announce)
    made = [Route("/connect/token", door.token, methods=["POST"])]

    def add(module: str, path: str, handler: Handler | Callable[[Request], Awaitable[Response]], method: str) -> None:
        made.append(Route(route(module, path), door.guarding(handler), methods=[method]))

    for feed in FEEDS:
        shelf = items if feed.items else shelves[feed.entity]
        add(feed.module, feed.path, Feeder(feed, shelf, clock, current).page, "GET")
    for listing in LISTINGS:
        external = partial(external_of, books, listing.entity) if listing.external else None
        lister = Lister(listing, shelves[listing.entity], shelves.get(listing.parent), current, external)
        add(listing.module, listing.path, lister.page, "GET")
        if listing.one:
            add(listing.module, listing.one, lister.one, "GET")
    add("accounting", "/journal-entries", journal.entries, "GET")
    add("accounting", "/journal-entries/{id}", journal.one, "GET")
    add("accounting", "/journal-entries/{id}/summary", journal.summary, "GET")
    add("accounting", "/journal-entries/{id}/details", journal.details, "GET")
    add("accounting", "/journal-entries/{id}/sync", journal.sync, "PATCH")
    for module, path, make, change in (
        ("crm", "/customers", parties.create_customer, parties.change_customer),
        ("crm", "/locations", parties.create_location, parties.change_location),
        ("inventory", "/vendors", parties.create_vendor, parties.change_vendor),
    ):
        add(module, path, make, "POST")
        add(module, f"{path}/{{id:int}}", change, "PATCH")
    add("accounting", "/invoices/markasexported", writes.invoices, "POST")
    add("accounting", "/inventory-bills/markasexported", writes.bills, "POST")
    add("accounting", "/payments/status", writes.payments, "POST")
    return made


async def _unknown_route(scope: Scope, receive: Receive, send: Send) -> None:
    await not_found(f"Resource {scope['path'][:200]}").response()(scope, receive, send)


def _with_control(app: ASGIApp, current: CurrentSettings, actions: Actions, hooks: HookRoutes) -> ASGIApp:
    async def show_settings(request: Request) -> Response:
        if request.method == "POST":
            try:
                changes: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
                current.now = switches.changed(current.now, changes)
            except msgspec.DecodeError as error:
                return ExactJson({"error": str(error)}, status_code=400)
        return ExactJson(
            {name: value for name, value in msgspec.to_builtins(current.now).items() if "secret" not in name}
        )

    async def business(request: Request) -> Response:
        try:
            order: dict[str, Any] = msgspec.json.decode(await request.body(), type=dict[str, Any])
            return ExactJson({"changed": actions.run(order)})
        except (ActionRefused, msgspec.DecodeError) as error:
            return ExactJson({"error": str(error)}, status_code=400)

    control = {
        "/_sandbox/settings": (("GET", "POST"), show_settings),
        "/_sandbox/business": (("POST",), business),
        **hooks.table(),
    }

    return with_control(app, control)
