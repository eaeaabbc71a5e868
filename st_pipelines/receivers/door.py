"""``POST /webhooks/<connection>``: what is looked at in which order. Invariant: 2xx only after the commit (W5).

Cheap refusals first, the signature over the raw bytes next, and only then a look into the body. Everything that is
signed is kept, also what nobody can read.
"""

from collections.abc import Callable
from time import perf_counter

from starlette.types import Receive, Scope, Send

from st_pipelines.inbox.arrivals import Arrivals, InboxFull, InboxUnavailable
from st_pipelines.inbox.delivery import arrival
from st_pipelines.receivers import answers
from st_pipelines.receivers.answers import Answer, send_answer
from st_pipelines.receivers.event import read_event
from st_pipelines.receivers.peers import Peers
from st_pipelines.receivers.senders import Senders
from st_pipelines.receivers.signature import presented, signed

LARGEST_BODY = 1024 * 1024
MOST_BEING_READ = 64 * 1024 * 1024  # bytes of all bodies that are on their way in

Tell = Callable[[str, str, float], None]
"""Told of every request: connection (empty for strangers), outcome, seconds."""


class Door:
    """The raw ASGI endpoint: Starlette's request object would be half of the cost."""

    def __init__(
        self,
        senders: Senders,
        arrivals: Arrivals,
        peers: Peers,
        *,
        largest_body: int = LARGEST_BODY,
        behind_proxy: bool = False,
        tell: Tell = lambda _connection, _outcome, _seconds: None,
    ) -> None:
        self._senders, self._arrivals, self._peers, self._tell = senders, arrivals, peers, tell
        self._largest, self._behind_proxy = largest_body, behind_proxy
        self._being_read = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        connection, answer = await self._look(scope, receive)
        if answer is None:
            self._tell("", "gone", perf_counter() - began)
            return
        await send_answer(send, answer)
        self._tell(connection, answer.outcome, perf_counter() - began)

    async def _look(self, scope: Scope, receive: Receive) -> tuple[str, Answer | None]:
        """The known connection and the answer; no answer where the sender hung up."""
        if scope["method"] != "POST":
            return "", answers.NOTHING_HERE
        if self._arrivals.full or self._being_read >= MOST_BEING_READ:
            return "", answers.BUSY
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if wait_s := self._peers.wait_s(self._peer(scope, headers)):
            return "", answers.too_fast(wait_s)
        body = await self._read(headers, receive)
        if not isinstance(body, bytes):
            return "", body
        sender = self._senders.known(scope["path_params"]["connection"])
        if not signed(body, presented(headers, sender.signature_headers), sender.signers):
            return "", answers.REFUSED
        event = read_event(body, headers, sender.places)
        arrived = arrival(
            sender.connection, body, event_id=event.event_id, event_type=event.event_type, unusable=event.unusable
        )
        try:
            await self._arrivals.take(arrived)
        except InboxFull:
            return sender.connection, answers.BUSY
        except InboxUnavailable:  # said once a group, see ``app.py``
            return sender.connection, answers.NOT_STORED
        return sender.connection, answers.UNUSABLE if event.unusable else answers.ACCEPTED

    async def _read(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes | Answer | None:
        """The whole body, counted while it comes in whatever the sender announced; None where it hung up."""
        for name, value in headers:
            if name == b"content-length" and int(value) > self._largest:  # digits: the parser refuses anything else
                return answers.TOO_LARGE
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                part: bytes = message.get("body", b"")
                parts.append(part)
                size += len(part)
                self._being_read += len(part)
                if size > self._largest:
                    return answers.TOO_LARGE
                if self._being_read > MOST_BEING_READ:
                    return answers.BUSY
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
        finally:
            self._being_read -= size

    def _peer(self, scope: Scope, headers: list[tuple[bytes, bytes]]) -> str:
        """The address that asks. Behind a proxy the last one that the proxy itself wrote down."""
        if self._behind_proxy:
            for name, value in reversed(headers):
                if name == b"x-forwarded-for":
                    return value.rpartition(b",")[2].strip().decode("latin-1")
        client = scope.get("client")
        return client[0] if client else ""
