"""The requests a sandbox system saw, newest last. Invariant: bounded, and no secret is ever kept.

Bodies and headers are not kept at all; of a query the values of credential-like names are replaced.
"""

from collections import deque
from urllib.parse import parse_qsl, urlencode

import msgspec

_SECRET_WORDS = ("password", "secret", "token", "authorization", "apikey", "api_key", "app_key", "username")


class Seen(msgspec.Struct, frozen=True):
    """``status`` is what went on the wire; 0 where the connection was closed without an answer. ``fault`` names the
    failure switch that fired, ``applied`` says whether the system itself handled the request."""

    seq: int
    at: str
    method: str
    path: str
    query: str
    status: int
    fault: str
    applied: bool
    milliseconds: float


class RequestLog:
    """The last ``limit`` requests; ``total`` counts all since the last clear."""

    def __init__(self, limit: int = 20_000) -> None:
        self._seen: deque[Seen] = deque(maxlen=limit)
        self.total = 0

    def add(
        self, at: str, method: str, path: str, query: str, status: int, fault: str, applied: bool, ms: float
    ) -> None:
        self.total += 1
        redacted = _redacted(query) if query else ""
        self._seen.append(Seen(self.total, at, method, path, redacted, status, fault, applied, ms))

    def seen(self) -> list[Seen]:
        return list(self._seen)

    def clear(self) -> None:
        self._seen.clear()
        self.total = 0


def _redacted(query: str) -> str:
    lowered = query.lower()
    if not any(word in lowered for word in _SECRET_WORDS):
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(k, "***" if any(word in k.lower() for word in _SECRET_WORDS) else v) for k, v in pairs])
