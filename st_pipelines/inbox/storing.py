"""Stores a group of deliveries in one transaction. Invariant: all of the group or nothing; a repeat changes nothing.

One commit is one fsync, whatever the size of the group (W5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from st_pipelines.database.engine import now_us, transaction
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.delivery import Arrival, arrival, other_body

_INSERT = {
    "sqlite": sqlite.insert(inbox_event).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(inbox_event).on_conflict_do_nothing(),
}

_PROBE = arrival(" probe", b"", unusable="a probe")  # no connection has such a name
_TAKE_OUT = delete(inbox_event).where(inbox_event.c.connection == _PROBE.connection)


@dataclass(frozen=True)
class Stored:
    """How many of a group were new, and how many had come before."""

    new: int
    repeated: int


def store(engine: Engine, arrived: Sequence[Arrival]) -> Stored:
    """Returns after the commit. Raises ``SQLAlchemyError`` where nothing was stored, or nobody knows."""
    with transaction(engine) as connection:
        now = now_us(connection)
        new = _insert(connection, arrived, now)
        if new < len(arrived):
            new += _insert(connection, _with_another_body(connection, arrived), now)
    return Stored(new, len(arrived) - new)


def check_writable(engine: Engine) -> None:
    """Writes a delivery, takes it out again and commits both: only a commit meets a full disk. Raises
    ``SQLAlchemyError`` where the inbox cannot be written."""
    with transaction(engine) as connection:
        _insert(connection, [_PROBE], now_us(connection))
        connection.execute(_TAKE_OUT)


def _insert(connection: Connection, arrived: Sequence[Arrival], now: int) -> int:
    if not arrived:
        return 0
    # In the order of keys: two workers on PostgreSQL that are given the same events must not wait for each other.
    rows = [_row(one, now) for one in sorted(arrived, key=lambda one: (one.connection, one.event_key))]
    statement = _INSERT[connection.dialect.name]
    return connection.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def _row(one: Arrival, now: int) -> dict[str, Any]:
    return {
        "connection": one.connection,
        "event_key": one.event_key,
        "received_at": now,
        "event_type": one.event_type,
        "body_sha256": one.body_sha256,
        "state": "unusable" if one.unusable else "pending",
        "reason": one.unusable,
        "handled_at": now if one.unusable else None,
        "body": one.body,
    }


def _with_another_body(connection: Connection, arrived: Sequence[Arrival]) -> list[Arrival]:
    """Those whose key was taken by a different delivery, under a key of their own."""
    t = inbox_event.c
    keys = tuple_(t.connection, t.event_key).in_([(one.connection, one.event_key) for one in arrived])
    held = connection.execute(select(t.connection, t.event_key, t.body_sha256).where(keys))
    digests = {(row.connection, row.event_key): row.body_sha256 for row in held}
    return [
        replace(one, event_key=other_body(one))
        for one in arrived
        if digests[one.connection, one.event_key] != one.body_sha256
    ]
