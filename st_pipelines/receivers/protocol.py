"""uvicorn's HTTP protocol with limits of time and size. Invariant: no connection holds anything for longer than its
limits, however slowly or much its peer sends (W4).

uvicorn itself waits for ever for the first request, for the rest of a header and for the rest of a body, and keeps
headers of any length. A deadline is a number that is looked at now and then, so a request costs no timer.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 32 * 1024


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose header or whole request is late, whose header is too large, or that is one too many.

    It is closed without a word: whoever is that slow is not waiting for an explanation.
    """

    header_s: float
    request_s: float
    most_connections: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: float | None = None  # by the loop's clock; None while nothing is owed
        self._in_header = True
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            transport.abort()
            return
        self._due = self.loop.time() + self.header_s
        self._look_later()

    def data_received(self, data: bytes) -> None:
        if self._due is None:
            self._due = self.loop.time() + self.header_s
        super().data_received(data)
        if self._in_header:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        self._in_header, self._header_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_header = False
        self._due = self.loop.time() + self.request_s
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._due = None
        super().on_message_complete()

    def _look_later(self) -> None:
        self.loop.call_later(min(self.header_s, self.request_s) / 4, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        if self._due is not None and self.loop.time() >= self._due:
            self.transport.abort()
            return
        self._look_later()


def limited(header_s: float, request_s: float, most_connections: int) -> Callable[..., asyncio.Protocol]:
    """The protocol class with these limits, as uvicorn's ``http`` takes it."""
    given = {"header_s": header_s, "request_s": request_s, "most_connections": most_connections}
    return type("LimitedProtocol", (LimitedProtocol,), given)
