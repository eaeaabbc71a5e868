"""Rest after failures. Invariant: while it rests nothing is sent; the first thing sent again is one read, never a write
(R5)."""

import random
import threading
import time
from collections import deque
from math import inf

WINDOW_S = 60.0
LEAST_REQUESTS = 20
WORST_RATIO = 0.5
REST_S = 30.0


class Breaker:
    """One connection's. Opens on a bad ratio of failures among the requests *started* in the last minute, and at once
    on a refusal of who we are. Thread-safe."""

    def __init__(self, rest_s: float = REST_S, least: int = LEAST_REQUESTS, worst: float = WORST_RATIO) -> None:
        self._rest_s = rest_s
        self._least = least
        self._worst = worst
        self._lock = threading.Lock()
        self._started: deque[float] = deque()
        self._failed: deque[float] = deque()
        self._open_until = 0.0
        self._resting = False
        self._probing_since = -inf
        self.reason = ""

    def admit(self, written: bool) -> float:
        """0 where a request may start (and is counted), else seconds until a read may try."""
        now = time.monotonic()
        with self._lock:
            if self._resting:
                if now < self._open_until:
                    return self._open_until - now
                if written or now - self._probing_since < self._rest_s:
                    return max(1.0, self._probing_since + self._rest_s - now if not written else 1.0)
                self._probing_since = now
            self._started.append(now)
            self._forget(now)
            return 0.0

    def worked(self, written: bool) -> None:
        """An answer came that shows the connection is sound; a read's closes the breaker."""
        if self._resting and not written:
            with self._lock:
                self._resting = False
                self._started.clear()
                self._failed.clear()

    def failed(self, why: str) -> None:
        """A request got no usable answer."""
        now = time.monotonic()
        with self._lock:
            self._failed.append(now)
            self._forget(now)
            bad = len(self._failed) >= self._worst * len(self._started)
            if self._resting or (len(self._started) >= self._least and bad):
                self._open(now, why)

    def trip(self, why: str) -> None:
        """The other side does not accept us (sign-in, company, permission): opens at once."""
        with self._lock:
            self._open(time.monotonic(), why)

    def _open(self, now: float, why: str) -> None:
        self._resting, self.reason, self._probing_since = True, why, -inf
        self._open_until = now + self._rest_s * random.uniform(0.8, 1.2)

    def _forget(self, now: float) -> None:
        for moments in (self._started, self._failed):
            while moments and moments[0] < now - WINDOW_S:
                moments.popleft()
