"""The rate limit that all processes and machines share. Invariant: no permit without the database saying so (G1-G4).

GCRA in one row a scope: ``tat`` is when the next request would be due at an even pace. One statement moves it on by
one interval and gives the caller its own moment, so callers wait in line instead of asking again and again. A permit
that could not be used within the burst (a late wake-up) is thrown away, never carried over (G2): otherwise a stalled
machine would catch up in one volley.
"""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from st_pipelines.database.engine import open_database
from st_pipelines.systems.http.errors import LimitReached

log = logging.getLogger("st_pipelines.http")

LONGEST_LINE_S = 2.0  # nobody reserves further ahead than this
LONGEST_BLOCK_S = 15 * 60.0  # a hostile Retry-After must not park the queue (R2)
CLOCK_SLACK_S = 5.0
ABOUT_LATE = 0.02

_NOW = {
    "postgresql": "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
}
_LATER = {"postgresql": "greatest", "sqlite": "max"}


class Gate(Protocol):
    """What a client asks before each request. Thread-safe."""

    def acquire(self, deadline_s: float) -> None:
        """Returns when one request may start; raises ``LimitReached`` where that is not within ``deadline_s``."""

    def block(self, seconds: float) -> None:
        """Nobody may start for ``seconds`` (a Retry-After), in any process."""


class RateGate:
    """One scope, e.g. ``servicetitan|<app key digest>|<tenant>``; every process that names it shares the limit.

    ``per_second`` is the vendor's published limit; the gate runs at ``share`` of it. ``on_reset(scope, seconds)`` hears
    of a ``tat`` or block that lay absurdly far ahead (a clock that jumped) and was put back (G4); it is logged anyway.
    """

    def __init__(
        self,
        engine: Engine,
        scope: str,
        per_second: float,
        burst_s: float = 0.05,
        *,
        share: float = 0.9,
        connection: str = "",
        on_reset: Callable[[str, float], None] | None = None,
    ) -> None:
        if not (0 < per_second <= 10_000 and 0 < share <= 1 and 0 <= burst_s <= 1) or not 0 < len(scope) <= 200:
            raise ValueError(
                "a gate needs a scope of 1-200 characters, a limit, a share of it up to 1 and a burst up to 1 s"
            )
        self._url = engine.url
        self._dialect = engine.dialect.name
        self._scope = scope
        self._connection = connection or scope
        self._interval_us = round(1_000_000 / (per_second * share))
        self._burst_us = round(burst_s * 1_000_000)
        self._late_s = max(burst_s, ABOUT_LATE)
        self._on_reset = on_reset
        self._statements = _statements(self._dialect)
        self._own: tuple[int, Engine] | None = None
        self._lock = threading.Lock()

    def acquire(self, deadline_s: float) -> None:
        """Waits for the caller's moment. Raises ``LimitReached`` past the deadline or where the database fails (G3)."""
        give_up = time.monotonic() + deadline_s
        while True:
            left = give_up - time.monotonic()
            asked = time.monotonic()
            wait = self._reserve(min(LONGEST_LINE_S, max(left, 0.0)))
            if wait is None:
                pause = self._until_worth_asking()
                if time.monotonic() + pause > give_up:
                    raise LimitReached(
                        f"no permit of the shared rate limit within {deadline_s:.1f} s",
                        connection=self._connection,
                        retry_after_s=max(pause, 0.1),
                        cure="nothing, it is tried again later; if it stays, run fewer things at once",
                    )
                time.sleep(pause)
                continue
            moment = asked + wait
            if wait > 0:
                time.sleep(max(0.0, moment - time.monotonic()))
            if time.monotonic() - moment <= self._late_s + (0 if wait > 0 else self._late_s):
                return

    def block(self, seconds: float) -> None:
        """Shared by all processes; never shortens a block that stands; at most 15 minutes."""
        for_us = round(min(max(seconds, 0.0), LONGEST_BLOCK_S) * 1_000_000)
        self._run("block", for_us=for_us)

    def _reserve(self, longest_wait_s: float) -> float | None:
        """Seconds until the reserved moment, or none where the line is longer than that, blocked or unknown."""
        row = self._run("reserve", longest=round(longest_wait_s * 1_000_000))
        return None if row is None else max(0.0, (row.tat - self._interval_us - self._burst_us - row.now) / 1e6)

    def _until_worth_asking(self) -> float:
        """Why was there no permit? Makes the row, mends an absurd one, or says how long to wait before asking again."""
        row = self._run("look")
        if row is None:
            self._run("create")
            return 0.0
        now = int(row.now)
        blocked_s, ahead_s = (int(row.blocked_until) - now) / 1e6, (int(row.tat) - now) / 1e6
        if (
            blocked_s > LONGEST_BLOCK_S + CLOCK_SLACK_S
            or ahead_s > LONGEST_LINE_S + self._burst_us / 1e6 + CLOCK_SLACK_S
        ):
            self._run("reset", seen_tat=row.tat, seen_block=row.blocked_until)
            log.warning(
                "rate gate %s stood %.0f s ahead (a clock jumped?) and was reset", self._scope, max(blocked_s, ahead_s)
            )
            if self._on_reset is not None:
                self._on_reset(self._scope, max(blocked_s, ahead_s))
            return random.uniform(0.0, 0.05)
        if blocked_s > 0:
            return blocked_s + random.uniform(0.0, min(1.0, 0.1 * blocked_s))
        return min(0.25, max(0.005, ahead_s - LONGEST_LINE_S)) * random.uniform(0.5, 1.5)

    def _run(self, name: str, **values: int) -> Any:
        known = {"scope": self._scope, "interval": self._interval_us, "burst": self._burst_us, **values}
        statement, wanted = self._statements[name]
        try:
            with self._engine().begin() as database:
                answer = database.execute(statement, {key: known[key] for key in wanted})
                return answer.first() if answer.returns_rows else None
        except SQLAlchemyError as error:
            raise LimitReached(
                f"the shared rate gate cannot be asked ({type(error).__name__}), so nothing is sent",
                connection=self._connection,
                retry_after_s=30.0,
                cure="see that the database is up and writable",
            ) from error

    def _engine(self) -> Engine:
        """An engine of its own, without fsync: a permit need not survive a power cut, and the ledger's commits stay
        durable (they sync the whole log). Made anew after a fork."""
        own = self._own
        if own is not None and own[0] == os.getpid():
            return own[1]
        with self._lock:
            if self._own is None or self._own[0] != os.getpid():
                if self._own is not None:
                    self._own[1].dispose(close=False)
                engine = open_database(self._url.render_as_string(hide_password=False))
                event.listen(engine, "connect", _not_durable)
                self._own = (os.getpid(), engine)
            return self._own[1]

    def close(self) -> None:
        """Closes the gate's own database connections; the next ``acquire`` opens them again."""
        with self._lock:
            if self._own is not None and self._own[0] == os.getpid():
                self._own[1].dispose()
            self._own = None


def _statements(dialect: str) -> dict[str, tuple[Any, tuple[str, ...]]]:
    now, later = _NOW[dialect], _LATER[dialect]
    due = f"{later}(tat, {now})"
    reserve = (
        f"UPDATE rate_gate SET tat = {due} + :interval WHERE scope = :scope AND blocked_until <= {now} "
        f"AND {due} - :burst - {now} <= :longest RETURNING tat, {now} AS now"
    )
    block = (
        f"INSERT INTO rate_gate (scope, tat, blocked_until) VALUES (:scope, 0, {now} + :for_us) ON CONFLICT (scope) "
        f"DO UPDATE SET blocked_until = {later}(rate_gate.blocked_until, excluded.blocked_until)"
    )
    create = "INSERT INTO rate_gate (scope, tat, blocked_until) VALUES (:scope, 0, 0) ON CONFLICT (scope) DO NOTHING"
    look = f"SELECT tat, blocked_until, {now} AS now FROM rate_gate WHERE scope = :scope"
    reset = (
        f"UPDATE rate_gate SET tat = {now}, blocked_until = 0 "
        "WHERE scope = :scope AND tat = :seen_tat AND blocked_until = :seen_block"
    )
    return {
        "reserve": (text(reserve), ("scope", "interval", "burst", "longest")),
        "block": (text(block), ("scope", "for_us")),
        "create": (text(create), ("scope",)),
        "look": (text(look), ("scope",)),
        "reset": (text(reset), ("scope", "seen_tat", "seen_block")),
    }


def _not_durable(dbapi_connection: Any, _record: Any) -> None:
    cursor = dbapi_connection.cursor()
    if type(dbapi_connection).__module__.startswith("sqlite3"):
        cursor.execute("PRAGMA synchronous=NORMAL")
    else:
        cursor.execute("SET synchronous_commit TO off")
        dbapi_connection.commit()
    cursor.close()
