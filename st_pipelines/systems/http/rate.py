"""The rate limit that all processes share."""

from collections.abc import Callable
from typing import Protocol

from sqlalchemy import Engine


class Gate(Protocol):
    """What a client asks before each request. Thread-safe."""

    def acquire(self, deadline_s: float) -> None:
        """Returns when one request may start; raises ``LimitReached`` where that is not within ``deadline_s`` seconds."""

    def block(self, seconds: float) -> None:
        """Nobody may start for ``seconds`` (a Retry-After), in any process."""


class RateGate:
    """One scope, e.g. ``servicetitan|<app key digest>|<tenant>``. ``per_second`` is the vendor's published limit; the gate
    runs at ``share`` of it (G1)."""

    def __init__(self, engine: Engine, scope: str, per_second: float, burst_s: float = 0.05, *, share: float = 0.9,
                 connection: str = "", on_reset: Callable[[str, float], None] | None = None) -> None:  # fmt: skip
        raise NotImplementedError

    def acquire(self, deadline_s: float) -> None:
        raise NotImplementedError

    def block(self, seconds: float) -> None:
        raise NotImplementedError
