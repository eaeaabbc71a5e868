"""All answers of the receiver. Invariant: an answer is a status and at most a time; nothing in it tells why (W1, W10).

They are made once: an unknown connection, a wrong signature and a missing one get the very same bytes.
"""

from dataclasses import dataclass
from typing import Any

from starlette.types import Send

RETRY_AFTER_S = 10  # ServiceTitan's first retry comes after 10 s


@dataclass(frozen=True)
class Answer:
    """``outcome`` is for our metrics only."""

    outcome: str
    start: dict[str, Any]


def _answer(outcome: str, status: int, *headers: tuple[bytes, bytes]) -> Answer:
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *headers]}
    return Answer(outcome, start)


_LATER = (b"retry-after", str(RETRY_AFTER_S).encode())

ACCEPTED = _answer("accepted", 200)
UNUSABLE = _answer("unusable", 200)  # kept and visible; sending it again would not make it better
REFUSED = _answer("refused", 403)
NOTHING_HERE = _answer("nothing_here", 404)
TOO_LARGE = _answer("too_large", 413, (b"connection", b"close"))
BUSY = _answer("busy", 503, _LATER)
NOT_STORED = _answer("not_stored", 503, _LATER)
WELL = _answer("well", 200)
NOT_READY = _answer("not_ready", 503, _LATER)

_BODY = {"type": "http.response.body", "body": b""}


def too_fast(wait_s: float) -> Answer:
    """429 with the whole seconds to wait."""
    return _answer("too_fast", 429, (b"retry-after", str(int(wait_s) + 1).encode()))


async def send_answer(send: Send, answer: Answer) -> None:
    await send(answer.start)
    await send(_BODY)
