"""uvicorn with a way to close one connection in the middle of an answer. Invariant: a close is a TCP close.

ASGI has no word for hanging up, so the server's protocol puts its transport into each request's scope.
"""

import asyncio
from typing import cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TRANSPORT = "sandbox.transport"


class OpenProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that shows its transport to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(Scope, self.scope)[_TRANSPORT] = self.transport


def close_connection(scope: Scope) -> None:
    """Sends what was already written, then FIN. The client sees the end of the stream, early."""
    transport: asyncio.Transport = scope[_TRANSPORT]
    transport.close()
