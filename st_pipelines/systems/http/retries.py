"""What follows from what happened: the table of reliability §2 as data. Invariant: no write is ever repeated by it."""

import random
import threading
import time
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

QUICK_ATTEMPTS = 3  # of one read, the first included (R4)
THROTTLED_ATTEMPTS = 10  # of one read: waits that were asked for are not quick, but have an end too (R8)
BASE_S = 0.5
CAP_S = 30.0


class Then(Enum):
    """What to do next."""

    DONE = "use the answer"
    RETRY = "again soon, with jitter, within attempts, budget and deadline"
    WAIT = "again after what the other side asked for"
    RENEW = "renew the sign-in once, then again once"
    GIVE_BACK = "proven not executed: back to the ledger"
    UNKNOWN = "may have happened: read back"
    REFUSED = "a definite refusal"
    CONFLICT = "refused, but read back first"
    UNUSABLE = "no use asking again: report the answer"


NOT_CONNECTED = "not connected"
LOST = "answer lost"
USELESS = "answer useless"  # complete, but too large, oddly encoded: the same would come again
GARBLED = "answer garbled"  # complete, but the reader's check refused it
NO_DEFINITE_REFUSAL = "refusal without a body of its own"  # a 4xx in HTML or empty: a gateway's, not the system's (L9)

# what happened -> (read, write)
TABLE: Mapping[str | int, tuple[Then, Then]] = MappingProxyType(
    {
        NOT_CONNECTED: (Then.RETRY, Then.GIVE_BACK),
        LOST: (Then.RETRY, Then.UNKNOWN),
        USELESS: (Then.UNUSABLE, Then.UNKNOWN),
        GARBLED: (Then.RETRY, Then.UNKNOWN),
        NO_DEFINITE_REFUSAL: (Then.REFUSED, Then.UNKNOWN),
        401: (Then.RENEW, Then.RENEW),
        408: (Then.RETRY, Then.UNKNOWN),
        409: (Then.CONFLICT, Then.CONFLICT),
        412: (Then.CONFLICT, Then.CONFLICT),
        421: (Then.RETRY, Then.UNKNOWN),
        425: (Then.WAIT, Then.GIVE_BACK),
        429: (Then.WAIT, Then.GIVE_BACK),
        206: (Then.UNUSABLE, Then.UNKNOWN),
        2: (Then.DONE, Then.DONE),
        3: (Then.UNUSABLE, Then.UNKNOWN),
        4: (Then.REFUSED, Then.REFUSED),
        5: (Then.RETRY, Then.UNKNOWN),
    }
)


def decide(happened: str | int, written: bool, asked_to_wait: bool = False) -> Then:
    """What follows. ``happened``: one of the names above, or an HTTP status; unknown kinds count as a lost answer."""
    row = TABLE.get(happened)
    if row is None:
        row = TABLE.get(happened // 100, TABLE[LOST]) if isinstance(happened, int) else TABLE[LOST]
    then = row[1 if written else 0]
    if asked_to_wait and then is Then.RETRY and happened in (408, 503):
        return Then.WAIT
    return then


def pause_s(attempt: int, cap: float = CAP_S) -> float:
    """Full jitter (R1) before attempt ``attempt + 1``; the first attempt is 1."""
    ceiling = min(cap, BASE_S * 2.0 ** min(attempt - 1, 16))
    return random.uniform(0.0, ceiling)


class Budget:
    """Retries are at most a tenth of the requests of a minute, and a small number besides (R4). Thread-safe."""

    def __init__(self, share: float = 0.1, floor: float = 20.0) -> None:
        self._share = share
        self._floor = floor
        self._most = floor + 100.0
        self._tokens = floor
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def request(self) -> None:
        """A first attempt was made."""
        with self._lock:
            self._tokens = min(self._most, self._tokens + self._share)

    def retry(self) -> bool:
        """May one more retry be made? Takes it if so. The floor fills up again within a minute."""
        with self._lock:
            now = time.monotonic()
            if self._tokens < self._floor:
                self._tokens = min(self._floor, self._tokens + (now - self._at) * self._floor / 60.0)
            self._at = now
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True
