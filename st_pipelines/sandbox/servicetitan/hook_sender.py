"""Sends webhooks: one after the other, again on the published schedule, wrong on demand. Invariant: every delivery and
every attempt of it is in the log, also what was dropped on purpose.

Any 2xx is success; after the last pause nothing more is sent by itself, only by ``replay``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import httpx
import msgspec

from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.faults import Fault, FaultBoard
from st_pipelines.sandbox.servicetitan.webhooks import SUBJECTS, Hook, Record

HOOK_FAULTS: Mapping[str, str] = {
    "duplicate": "the delivery is sent twice, byte for byte",
    "reorder": "the delivery waits until another one was sent, or `seconds` (default 1) have passed",
    "forge": "signed with a key that nobody has registered",
    "unsigned": "sent without a signature header",
    "drop": "never sent, and never again by itself",
    "delay": "sent `seconds` later",
    "unknown_event": "named `text`, by default rocket.launched",
    "unknown_id": "its record's id is one that does not exist",
}
_FORGED = "f" * 32
_NOWHERE = 9_000_000_000_000_000


class Delivery(msgspec.Struct, eq=False):
    """``state``: waiting, delivered, failed (all attempts used up), dropped. ``answers``: status of each attempt, or
    the reason why there was none."""

    number: int
    hook: int
    event: str
    entity: str
    id: int
    state: str = "waiting"
    answers: list[str] = []
    faults: list[str] = []
    body: bytes = b""
    headers: dict[str, str] = {}


class HookSender:
    """Thread-unsafe: everything happens in the event loop that serves the sandbox."""

    def __init__(self, clock: Clock, limit: int = 20_000) -> None:
        self._clock, self.board = clock, FaultBoard(HOOK_FAULTS, wire={})
        self.hooks: dict[int, Hook] = {}
        self.log: deque[Delivery] = deque(maxlen=limit)
        self._numbers = 0
        self._queue: deque[Delivery] = deque()
        self._held: list[Delivery] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None

    @property
    def pending(self) -> int:
        """Deliveries that will still be tried without anybody asking for it."""
        return sum(one.state == "waiting" for one in self.log)

    async def settled(self) -> None:
        """Returns when nothing will be sent any more by itself."""
        while (self._worker is not None and not self._worker.done()) or self._tasks:
            await asyncio.wait({*self._tasks, *([self._worker] if self._worker else [])})

    def register(self, hook: Hook) -> int:
        number = max(self.hooks, default=0) + 1
        self.hooks[number] = hook
        return number

    def announce(self, entity: str, record: Record, verb: str) -> None:
        """One event to every hook that wants it; nothing without hooks, also outside of an event loop."""
        if entity not in SUBJECTS:
            return
        for number, hook in self.hooks.items():
            if hook.wants(entity):
                self._prepare(number, hook, entity, record, verb)

    def replay(self, numbers: Iterable[int]) -> list[int]:
        """Sends finished deliveries again as they were, as a person does in the portal."""
        wanted = set(numbers)
        again = [one for one in self.log if one.number in wanted and one.state != "waiting"]
        for one in again:
            one.state = "waiting"
            one.answers.append("replayed by hand")
            self._send_soon(one)
        return [one.number for one in again]

    def clear(self) -> None:
        """Forgets deliveries, hooks and switches."""
        for task in (*self._tasks, *([self._worker] if self._worker else [])):
            task.cancel()
        self._worker = None
        self._queue.clear()
        self._held.clear()
        self.log.clear()
        self.hooks.clear()
        self.board.clear()

    def _prepare(self, number: int, hook: Hook, entity: str, record: Record, verb: str) -> None:
        self._numbers += 1
        name = hook.name(entity, verb)
        due = {one.action: one for one in self.board.due("POST", f"/{name}", "", str(record["id"]).encode())}
        if "unknown_id" in due:
            record = {**record, "id": _NOWHERE + self._numbers}
        if "unknown_event" in due:
            name = due["unknown_event"].text or "rocket.launched"
        body = hook.body(self._numbers, name, entity, record, self._clock.iso())
        headers = {"content-type": "application/json"}
        if hook.event_header:
            headers[hook.event_header] = name
        if hook.key and "unsigned" not in due:
            headers[hook.header] = hook.signature(body, key=_FORGED if "forge" in due else None)
        made = Delivery(
            self._numbers, number, name, entity, record["id"], faults=sorted(due), body=body, headers=headers
        )
        self.log.append(made)
        if "drop" in due:
            made.state = "dropped"
            return
        if "duplicate" in due:
            twin = msgspec.structs.replace(made, faults=[*made.faults], answers=[])
            self.log.append(twin)
            self._send_soon(twin)
        if "reorder" in due:
            self._held.append(made)
            self._after(hook.time_scale * _seconds(due["reorder"]), lambda: self._release(made))
        elif "delay" in due:
            self._after(hook.time_scale * _seconds(due["delay"]), lambda: self._send_soon(made))
        else:
            self._send_soon(made)

    def _send_soon(self, delivery: Delivery) -> None:
        self._queue.append(delivery)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    def _release(self, delivery: Delivery) -> None:
        """Where no other one was sent meanwhile."""
        if delivery in self._held:
            self._held.remove(delivery)
            self._send_soon(delivery)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            act()

        task = asyncio.get_running_loop().create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=False) as client:
            while self._queue:
                delivery = self._queue.popleft()
                await self._attempt(client, delivery)
                held, self._held = self._held, []
                self._queue.extend(held)

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        hook = self.hooks.get(delivery.hook)
        if hook is None:
            delivery.state = "failed"
            delivery.answers.append("its registration is gone")
            return
        try:
            answer = await client.post(
                hook.url, content=delivery.body, headers=delivery.headers, timeout=hook.timeout_s
            )
            delivery.answers.append(str(answer.status_code))
            if answer.is_success:
                delivery.state = "delivered"
                return
        except httpx.HTTPError as error:
            delivery.answers.append(type(error).__name__)
        tried = sum(one != "replayed by hand" for one in delivery.answers)
        if tried > len(hook.retries_s):
            delivery.state = "failed"
            return
        self._after(hook.time_scale * hook.retries_s[tried - 1], lambda: self._send_soon(delivery))


def _seconds(fault: Fault) -> float:
    return 1.0 if fault.seconds is None else fault.seconds
