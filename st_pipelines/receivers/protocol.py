"""uvicorn's HTTP protocol with limits of time and size. Invariant: no connection holds anything for longer than its
limits, however slowly or much its peer sends (W4).

uvicorn itself waits for ever for the first request, for the rest of a header and for the rest of a body, and keeps
headers and trailers of any length. A deadline is a number that is looked at now and then, so a request costs no timer.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 32 * 1024
_MOST_FRAMING = 8  # bytes around one byte of a body: the smallest chunk is five bytes larger than what it carries


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose header or whole request is late, whose header is too large, or that is one too many.

    It is closed without a word: whoever is that slow is not waiting for an explanation.
    """

    header_s: float
    request_s: float
    most_connections: int
    most_of_one_peer: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: float | None = None  # by the loop's clock; None while nothing is owed
        self._received = self._body = 0  # bytes of the request that is coming in, and those of its body
        self._ended = False  # a request did, in the bytes that just came

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections or self._of_this_peer() > self.most_of_one_peer:
            transport.abort()
            return
        self._due = self.loop.time() + self.header_s
        self._look_later()

    def data_received(self, data: bytes) -> None:
        if self._due is None:
            self._due = self.loop.time() + self.header_s
        self._ended = False
        super().data_received(data)
        if self._ended:  # how much of it belongs to the next request is not told; the piece itself is small
            self._received = 0
            return
        self._received += len(data)
        if self._received - self._body > MOST_HEADER_BYTES + _MOST_FRAMING * self._body:
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._body = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._due = self.loop.time() + self.request_s
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._due, self._ended = None, True
        super().on_message_complete()

    def _of_this_peer(self) -> int:
        own = self.client and self.client[0]
        peers = (getattr(other, "client", None) for other in self.connections)
        return sum(1 for peer in peers if peer and peer[0] == own)

    def _look_later(self) -> None:
        self.loop.call_later(min(self.header_s, self.request_s) / 4, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        if self._due is not None and self.loop.time() >= self._due:
            self.transport.abort()
            return
        self._look_later()


def limited(
    header_s: float, request_s: float, most_connections: int, most_of_one_peer: int
) -> Callable[..., asyncio.Protocol]:
    """The protocol class with these limits, as uvicorn's ``http`` takes it."""
    given = {"header_s": header_s, "request_s": request_s, "most_connections": most_connections,
             "most_of_one_peer": most_of_one_peer}  # fmt: skip
    return type("LimitedProtocol", (LimitedProtocol,), given)
