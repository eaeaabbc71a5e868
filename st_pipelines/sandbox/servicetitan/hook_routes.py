"""Control routes of the webhooks. Invariant: whatever they are asked, no business record changes.

POST   /_sandbox/webhooks          one ``webhooks.Hook``; gives {"hook": number}
GET    /_sandbox/webhooks          {"hooks": {number: registration without its key}, "pending": n}
DELETE /_sandbox/webhooks          forgets registrations, log and switches
GET    /_sandbox/webhooks/log      {"deliveries": [{number, hook, event, entity, id, state, answers, faults}]}
POST   /_sandbox/webhooks/replay   {"numbers": [...]} or {"state": "failed"}; gives {"replayed": [...]}
POST   /_sandbox/webhooks/emit     {"entities": [...], "ids": [...], "modifiedOnOrAfter": "…", "modifiedBefore": "…",
                                   "verb": "updated"}: an event for each such record as it stands, in the order in
                                   which they were modified; gives {"announced": n}
POST   /_sandbox/webhooks/settle   answers when nothing is to be sent any more: {"states": {state: n}}
POST   /_sandbox/webhooks/faults   one ``faults.Fault`` or a list; ``match.path`` is searched in ``/<event>``,
                                   ``match.body`` in the record's id. GET shows them, DELETE disarms all
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.faults import BadFault, Fault
from st_pipelines.sandbox.kernel import ExactJson
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.hook_sender import HookSender
from st_pipelines.sandbox.servicetitan.webhooks import SUBJECTS, BadHook, Hook, checked

Handler = Callable[[Request], Awaitable[Response]]


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    numbers: list[int] = []
    state: str = ""


class Emit(msgspec.Struct, forbid_unknown_fields=True):
    entities: list[str]
    ids: list[int] = []
    modifiedOnOrAfter: str = ""
    modifiedBefore: str = ""
    verb: str = "updated"


class HookRoutes:
    def __init__(self, sender: HookSender, books: Books) -> None:
        self._sender, self._books = sender, books

    def table(self) -> Mapping[str, tuple[tuple[str, ...], Handler]]:
        """Path -> methods and handler."""
        return {
            "/_sandbox/webhooks": (("GET", "POST", "DELETE"), self._hooks),
            "/_sandbox/webhooks/log": (("GET",), self._log),
            "/_sandbox/webhooks/replay": (("POST",), self._replay),
            "/_sandbox/webhooks/emit": (("POST",), self._emit),
            "/_sandbox/webhooks/settle": (("POST",), self._settle),
            "/_sandbox/webhooks/faults": (("GET", "POST", "DELETE"), self._faults),
        }

    async def _hooks(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._sender.clear()
        if request.method == "POST":
            try:
                hook = checked(msgspec.json.decode(await request.body(), type=Hook))
            except (BadHook, msgspec.DecodeError) as error:
                return ExactJson({"error": str(error)}, status_code=400)
            return ExactJson({"hook": self._sender.register(hook)}, status_code=201)
        shown = {
            str(number): {name: value for name, value in msgspec.to_builtins(hook).items() if name != "key"}
            for number, hook in self._sender.hooks.items()
        }
        return ExactJson({"hooks": shown, "pending": self._sender.pending})

    async def _log(self, _: Request) -> Response:
        rows = [
            {"number": one.number, "hook": one.hook, "event": one.event, "entity": one.entity, "id": one.id,
             "state": one.state, "answers": one.answers, "faults": one.faults}
            for one in self._sender.log
        ]  # fmt: skip
        return ExactJson({"deliveries": rows, "pending": self._sender.pending})

    async def _replay(self, request: Request) -> Response:
        try:
            order = msgspec.json.decode(await request.body(), type=Replay)
        except msgspec.DecodeError as error:
            return ExactJson({"error": str(error)}, status_code=400)
        numbers = [
            *order.numbers,
            *(one.number for one in self._sender.log if order.state and one.state == order.state),
        ]
        return ExactJson({"replayed": self._sender.replay(numbers)})

    async def _emit(self, request: Request) -> Response:
        try:
            order = msgspec.json.decode(await request.body(), type=Emit)
            low, high = _ticks(order.modifiedOnOrAfter), _ticks(order.modifiedBefore)
        except (ValueError, msgspec.DecodeError) as error:
            return ExactJson({"error": str(error)}, status_code=400)
        unknown = sorted(set(order.entities) - SUBJECTS.keys())
        if unknown:
            return ExactJson({"error": f"no events about {', '.join(unknown)}"}, status_code=400)
        wanted, chosen = set(order.ids), []
        for entity in order.entities:
            for record in self._books.all(entity):
                at = stamps.parse(record.get("modifiedOn") or record["createdOn"]) or 0
                if (not wanted or record["id"] in wanted) and (low or 0) <= at and (high is None or at < high):
                    chosen.append((at, entity, record))
        for _, entity, record in sorted(chosen, key=lambda one: (one[0], one[2]["id"])):
            self._sender.announce(entity, record, order.verb)
        return ExactJson({"announced": len(chosen)})

    async def _settle(self, _: Request) -> Response:
        await self._sender.settled()
        return ExactJson({"states": Counter(one.state for one in self._sender.log)})

    async def _faults(self, request: Request) -> Response:
        board = self._sender.board
        if request.method == "DELETE":
            board.clear()
        if request.method == "POST":
            try:
                asked = msgspec.json.decode(await request.body(), type=Fault | list[Fault])
                armed = [board.arm(one) for one in (asked if isinstance(asked, list) else [asked])]
            except (BadFault, msgspec.DecodeError) as error:
                return ExactJson({"error": str(error)}, status_code=400)
            return ExactJson({"faults": [one.describe() for one in armed]}, status_code=201)
        return ExactJson({"faults": board.describe(), "actions": board.actions})


def _ticks(text: str) -> int | None:
    return stamps.parse(text) if text else None
