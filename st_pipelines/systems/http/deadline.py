"""Time that is left. Invariant: counted on the monotonic clock; a total that no slow sender can stretch (R6, T5)."""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``total_s`` bounds the whole call: waiting for the gate, all attempts, a sender of one byte a second."""

    connect_s: float = 10.0
    read_s: float = 60.0
    write_s: float = 60.0
    pool_s: float = 30.0
    total_s: float = 100.0


class Deadline:
    """A moment that has been agreed on; it is handed down, never made anew on the way."""

    __slots__ = ("_at", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._at - time.monotonic())

    def within(self, limit: float | None) -> float:
        """The smaller of a limit and what is left."""
        left = self.left()
        return left if limit is None else min(limit, left)
