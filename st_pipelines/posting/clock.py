"""The two clocks. Invariant: between processes the database's clock counts, inside one the monotonic clock (T5).

A wall clock may be set back or forth at any time. ``Watch`` sees by how much the database's clock has moved against the
monotonic one, so that a worker never trusts a lease that the rest of the world already considers over.
"""

import time

from sqlalchemy import Connection

from st_pipelines.database.engine import now_us

STEP_TOLERANCE_US = 1_000_000


class Clock:
    """The real clocks. Tests give one whose hands they move."""

    def now_us(self, connection: Connection) -> int:
        """Microseconds since 1970 UTC by the database's clock."""
        return now_us(connection)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Watch:
    """How far the database's clock is ahead of the monotonic one, sampled whenever a transaction asks for the time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset_us = 0

    def now_us(self, connection: Connection) -> int:
        now = self.clock.now_us(connection)
        self.offset_us = now - int(self.clock.monotonic() * 1_000_000)
        return now

    def stepped_forward_since(self, offset_us: int) -> bool:
        """Whether the database's clock has been set forward since the offset was taken: leases may be seen as over."""
        return self.offset_us - offset_us > STEP_TOLERANCE_US
