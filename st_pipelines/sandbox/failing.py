"""Carries out the failures of the wire around a system's routes. Invariant: what is said to be applied is applied.

An ASGI middleware. It reads the whole request, asks the fault board, and either lets the routes answer or misbehaves. A
dropped connection is a real TCP close: the server's own transport is closed, and the handler waits until the server has
noticed, so that it adds nothing of its own.
"""

import asyncio
import logging
import time
from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.connection import close_connection
from st_pipelines.sandbox.faults import WIRE_ACTIONS, Fault, FaultBoard
from st_pipelines.sandbox.log import RequestLog

_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>gateway</body></html>"

_REASONS = {200: "Maintenance", 502: "502 Bad Gateway", 503: "503 Service Unavailable", 504: "504 Gateway Time-out"}
_logger = logging.getLogger(__name__)


class Failing:
    """The routes of a system, as a client meets them on a bad day."""

    def __init__(self, app: ASGIApp, board: FaultBoard, log: RequestLog, clock: Clock) -> None:
        self._app, self._board, self._log, self._clock = app, board, log, clock
        self._late: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Requests whose connection was closed and that are still to be applied (``apply_late``)."""
        return len(self._late)

    def forget_pending(self) -> None:
        for task in self._late:
            task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        body = await _whole_body(receive)
        if body is None:
            return
        method, path, query = scope["method"], scope["path"], scope["query_string"].decode("latin-1")
        due = [] if self._board.quiet else self._board.due(method, path, query, body)
        scope["sandbox.faults"] = due
        request = _Request(self._app, scope, body, receive, send)
        wire = [fault for fault in due if fault.action in WIRE_ACTIONS]
        if wire:
            await self._misbehave(wire, request)
        else:
            await request.answer()
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        names = ",".join(fault.action for fault in due)
        self._log.add(self._clock.iso(), method, path, query, request.status, names, request.applied, milliseconds)

    async def _misbehave(self, wire: Sequence[Fault], request: "_Request") -> None:
        for fault in wire:
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds or 0)
        fault = next((fault for fault in wire if fault.action != "delay"), wire[0])
        match fault.action:
            case "delay":
                await request.answer()
            case "drop_before":
                await request.drop()
            case "apply_then_drop":
                await request.apply()
                await request.drop()
            case "apply_late":
                await request.drop()
                task = asyncio.create_task(self._apply_late(request, fault.seconds or 0))
                self._late.add(task)
                task.add_done_callback(self._late.discard)
            case "truncate":
                await request.apply()
                await request.send_part(len(request.content) // 2)
            case "garble":
                await request.apply()
                await request.send_all(_garbled(request.content))
            case "byte_by_byte":
                await request.apply()
                await request.send_slowly(fault.seconds or 0)
            case "throttle":
                text = fault.text or '{"message":"Too many requests"}'
                await request.say(429, text.encode(), "application/json", _retry_after(fault))
            case "redirect":
                await request.say(307, b"", "text/plain", [(b"location", fault.text.encode("latin-1"))])
            case _:  # status, html
                if fault.apply:
                    await request.apply()
                await request.say(*_error_page(fault))

    async def _apply_late(self, request: "_Request", seconds: float) -> None:
        await asyncio.sleep(seconds)
        try:
            await request.apply()
        except Exception:
            _logger.exception("a late request failed")
            raise


class _Request:
    """One request with its whole body, and the ways to answer it."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        self._app, self._scope, self._body, self._receive, self._send = app, scope, body, receive, send
        self.status, self.applied = 0, False
        self.content, self._headers = b"", [(b"content-length", b"0")]

    async def answer(self) -> None:
        """Lets the routes answer straight to the client."""
        self.applied = True

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            await self._send(message)

        await self._app(self._scope, self._replay(), send)

    async def apply(self) -> None:
        """Lets the routes handle the request and keeps their answer here; nothing goes out."""
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._kept_status, self._headers = message["status"], list(message.get("headers", ()))
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        self._kept_status = 500
        await self._app(self._scope, self._replay(), keep)
        self.content, self.applied = b"".join(parts), True

    async def drop(self) -> None:
        """Closes the TCP connection and returns when the server knows it."""
        close_connection(self._scope)
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def say(
        self, status: int, content: bytes, content_type: str, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """An answer that does not come from the routes."""
        self.status = status
        described = [(b"content-type", content_type.encode()), (b"content-length", str(len(content)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": [*described, *headers]})
        await self._send({"type": "http.response.body", "body": content})

    async def send_all(self, content: bytes) -> None:
        await self._start()
        await self._send({"type": "http.response.body", "body": content})

    async def send_part(self, length: int) -> None:
        """Announces the whole answer, sends the first ``length`` bytes, closes the connection."""
        await self._start()
        await self._send({"type": "http.response.body", "body": self.content[:length], "more_body": True})
        await self.drop()

    async def send_slowly(self, seconds: float) -> None:
        await self._start()
        pause = seconds / max(1, len(self.content))
        for index in range(len(self.content)):
            await self._send({"type": "http.response.body", "body": self.content[index : index + 1], "more_body": True})
            await asyncio.sleep(pause)
        await self._send({"type": "http.response.body", "body": b""})

    async def _start(self) -> None:
        self.status = self._kept_status
        await self._send({"type": "http.response.start", "status": self.status, "headers": self._headers})

    def _replay(self) -> Receive:
        body: bytes | None = self._body

        async def replay() -> Message:
            nonlocal body
            if body is None:
                return await self._receive()
            message = {"type": "http.request", "body": body, "more_body": False}
            body = None
            return message

        return replay


async def _whole_body(receive: Receive) -> bytes | None:
    """The request's body; None where the client went away before sending all of it."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _retry_after(fault: Fault) -> list[tuple[bytes, bytes]]:
    seconds = 1.0 if fault.seconds is None else fault.seconds
    return [(b"retry-after", f"{seconds:g}".encode())]


def _error_page(fault: Fault) -> tuple[int, bytes, str]:
    """A 5xx and every ``html`` is a gateway's page; other statuses are a bare JSON message."""
    status = fault.status or 200
    if fault.text:
        return status, fault.text.encode(), "application/json" if fault.text.startswith(("{", "[")) else "text/html"
    if fault.action == "html" or status >= 500:
        return status, _HTML.format(_REASONS.get(status, f"{status} Error")).encode(), "text/html"
    return status, b'{"message":"refused by a failure switch"}', "application/json"


def _garbled(content: bytes) -> bytes:
    """Same length, so that the announced length stays true."""
    third = len(content) // 3
    noise = (b"\xff\x00}{\xfe" * (third // 5 + 1))[: max(1, third)]
    return (content[:third] + noise + content[third + len(noise) :])[: len(content)] if content else b""
