"""How many requests may be on their way to a target at once (G5). Invariant: at least one, at most what it allows.

Additive increase, multiplicative decrease: a full window of definite answers in a row earns one more; an answer that
says nothing about the document (throttled, locked, 5xx, time-out, no connection) halves it. Requests that were on their
way together fail together, and halve it once. It starts at the ceiling, which is what the target's profile promises.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Window:
    """One per posting session. Thread-safe."""

    def __init__(self, ceiling: int) -> None:
        self.ceiling = self.width = max(1, ceiling)
        self._changed = threading.Condition()
        self._under_way = 0
        self._in_a_row = 0
        self._narrowed = 0

    @contextmanager
    def permit(self) -> Iterator[int]:
        """Waits until one more request may start. Gives what ``settled`` wants to hear of it."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.width)
            self._under_way += 1
            started = self._narrowed
        try:
            yield started
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def settled(self, started: int, *, answered: bool) -> None:
        """What came of a request. ``answered``: the target had its say, whatever it said."""
        with self._changed:
            if answered:
                self._in_a_row += 1
                if self._in_a_row >= self.width < self.ceiling:
                    self.width, self._in_a_row = self.width + 1, 0
                    self._changed.notify_all()
                return
            self._in_a_row = 0
            if started == self._narrowed:  # else it was under way before the window was last narrowed
                self._narrowed += 1
                self.width = max(1, self.width // 2)

    def share(self, batch: int) -> int:
        """How much of a batch to take in hand, so that the last of it still leaves within its lease."""
        return max(1, batch * self.width // self.ceiling)
