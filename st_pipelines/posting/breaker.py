"""Pauses sending when the target is down or says stop. Invariant: half-open lets a read through, never a write (R5).

A throttle's ``Retry-After`` holds for the whole connection, not for one document (R2). Faults in a row open the breaker
for a growing, jittered while; a read of the company's identity closes it.
"""

import random
import threading

from st_pipelines.posting.clock import Clock
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.target import NotSent, Outcome, Posted, Refused


class Breaker:
    """One per posting session. Thread-safe."""

    def __init__(self, settings: PostSettings, clock: Clock, jitter: random.Random) -> None:
        self._settings, self._clock, self._jitter = settings, clock, jitter
        self._lock = threading.Lock()
        self._faults = 0
        self._openings = 0
        self._until = 0.0
        self.needs_probe = False
        self.last_fault = ""

    def wait_s(self) -> float:
        """Seconds until sending may go on; 0 = now."""
        with self._lock:
            return max(0.0, self._until - self._clock.monotonic())

    def record(self, outcome: Outcome) -> None:
        with self._lock:
            if isinstance(outcome, Posted | Refused):
                self._faults = self._openings = 0
                return
            self._faults += 1
            self.last_fault = outcome.reason
            now, wait = self._clock.monotonic(), 0.0
            if isinstance(outcome, NotSent) and outcome.retry_after_s > 0:
                wait = min(outcome.retry_after_s, self._settings.retry_after_cap_s) + self._jitter.uniform(0, 0.25)
            if self._faults >= self._settings.breaker_after:
                wait = max(wait, self._open())
            self._until = max(self._until, now + wait)

    def probed(self, alive: bool) -> None:
        """The result of the one read that an open breaker lets through."""
        with self._lock:
            if alive:
                self.needs_probe, self._faults = False, 0
            else:
                self._until = self._clock.monotonic() + self._open()

    def pause_s(self, outcome: NotSent, attempt: int) -> float:
        """How long one document waits before its next attempt: full jitter (R1), at least what the target asked for."""
        cap = min(self._settings.backoff_cap_s, self._settings.backoff_base_s * 2.0 ** min(attempt, 30))
        asked = min(max(outcome.retry_after_s, 0.0), self._settings.retry_after_cap_s)
        return asked + self._jitter.uniform(0, cap)

    def _open(self) -> float:
        self.needs_probe, self._faults = True, 0
        self._openings += 1
        cap = min(self._settings.backoff_cap_s, self._settings.backoff_base_s * 2.0 ** min(self._openings, 30))
        return self._jitter.uniform(cap / 2, cap)
