"""Hands deliveries to the work and notes what became of them. Invariant: none leaves the inbox without a verdict.

An event is a hint to read the source, never data to post (W7). Who drains starts each time from the smallest number:
two workers of the receiver may commit out of the order of their numbers, so a number once seen is no watermark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, func, select, update

from st_pipelines.database.engine import now_us, reading, transaction
from st_pipelines.database.schema import INBOX_STATES, inbox_event

_AT_ONCE = 500  # rows a transaction: none is longer than 100 ms on SQLite (C3)
_DAY_US = 86_400_000_000
_t = inbox_event.c


@dataclass(frozen=True)
class Delivery:
    """One delivery that waits. ``event_type`` as received; ``received_at`` in microseconds by the database's clock;
    ``attempts``: how often it was postponed."""

    n: int
    connection: str
    event_key: str
    event_type: str
    body: bytes
    received_at: int
    attempts: int


@dataclass(frozen=True)
class Lag:
    """How far the work is behind: deliveries that wait, postponed ones too, and the age of the oldest."""

    pending: int
    oldest_age_s: float


def pending(engine: Engine, connection: str, *, limit: int, after: int = 0) -> list[Delivery]:
    """The due ones in the order of their numbers. ``after``: for the next page of the same drain only."""
    with reading(engine) as database:
        due = (_t.connection == connection, _t.state == "pending", _t.n > after, _t.not_before <= now_us(database))
        columns = (_t.n, _t.connection, _t.event_key, _t.event_type, _t.body, _t.received_at, _t.attempts)
        rows = database.execute(select(*columns).where(*due).order_by(_t.n).limit(limit)).all()
    return [
        Delivery(row.n, row.connection, row.event_key, row.event_type, bytes(row.body), row.received_at, row.attempts)
        for row in rows
    ]


def settle(engine: Engine, numbers: Sequence[int], *, state: str, reason: str = "", run_id: str = "") -> int:
    """The verdict: ``done``, ``ignored`` or ``unusable``, for good. Gives how many were still pending: a second verdict
    on the same delivery changes nothing."""
    if state == "pending" or state not in INBOX_STATES:
        raise ValueError(f"a delivery is settled as done, ignored or unusable, not as {state!r}")
    settled = 0
    for part in _parts(numbers):
        with transaction(engine) as database:
            values = {"state": state, "reason": _text(reason), "run_id": run_id, "handled_at": now_us(database)}
            still = (_t.n.in_(part), _t.state == "pending")
            settled += database.execute(update(inbox_event).where(*still).values(values)).rowcount
    return settled


def postpone(engine: Engine, numbers: Sequence[int], *, seconds: float, reason: str, run_id: str = "") -> int:
    """Not now: due again after ``seconds``, one attempt more. Gives how many were still pending."""
    if not 0 <= seconds <= 366 * 86_400:
        raise ValueError(f"a delivery is postponed by 0 seconds to a year, not by {seconds}")
    postponed = 0
    for part in _parts(numbers):
        with transaction(engine) as database:
            values = {"attempts": _t.attempts + 1, "not_before": now_us(database) + int(seconds * 1_000_000),
                      "reason": _text(reason), "run_id": run_id}  # fmt: skip
            still = (_t.n.in_(part), _t.state == "pending")
            postponed += database.execute(update(inbox_event).where(*still).values(values)).rowcount
    return postponed


def lag(engine: Engine, connection: str) -> Lag:
    """What waits for one connection."""
    with reading(engine) as database:
        waiting = select(func.count(), func.min(_t.received_at)).where(
            _t.connection == connection, _t.state == "pending"
        )
        count, oldest = database.execute(waiting).one()
        return Lag(count, 0.0 if oldest is None else max(0, now_us(database) - oldest) / 1_000_000)


def purge(engine: Engine, older_than_days: int) -> int:
    """Deletes what was handled longer ago than that; gives how many. A repeat of a purged event is taken as new."""
    if older_than_days < 1:
        raise ValueError("deliveries are kept for a day at least: only the inbox knows that a repeat is one")
    purged = 0
    while True:
        with transaction(engine) as database:
            before = now_us(database) - older_than_days * _DAY_US
            old = select(_t.n).where(_t.handled_at < before).order_by(_t.handled_at).limit(_AT_ONCE)
            gone = database.execute(delete(inbox_event).where(_t.n.in_(old.scalar_subquery()))).rowcount
        purged += gone
        if gone < _AT_ONCE:
            return purged


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), _AT_ONCE):
        yield numbers[start : start + _AT_ONCE]


def _text(reason: str) -> str:
    return reason.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")  # PostgreSQL takes no NUL in a text
