"""Appends to the audit trail inside the caller's transaction. Invariant: no change without its event, no event without
its change, no gap (A1, A2).

Each event's hash covers its number, the hash before it, and its canonical JSON (sorted keys, no spaces, UTF-8, amounts
and instants as text). Rolling the caller's transaction back takes the events back too.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, text

from st_pipelines.database.engine import now_us
from st_pipelines.database.schema import audit_event

DOMAIN = b"st_pipelines audit v1\n"
GENESIS = "0" * 64  # what the first event names as the hash before it
_LOCK = 0x53545F4C4544  # any fixed number: the advisory lock of ledger and trail on PostgreSQL

_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="string")
_last = select(audit_event.c.n, audit_event.c.hash).order_by(audit_event.c.n.desc()).limit(1)
_insert = insert(audit_event)


@dataclass(frozen=True, slots=True)
class Event:
    """``content`` holds text, whole numbers, booleans, ``Decimal``, and lists or dicts of them. A float is refused."""

    event: str
    doc_key: str = ""
    posting_id: int | None = None
    content: dict[str, Any] = field(default_factory=dict)


def lock(connection: Connection) -> None:
    """Makes this transaction the only writer of ledger and trail until it ends.

    On SQLite every write transaction is that already. Whoever writes rows and events takes the lock *first*: one order
    for all, so no deadlock, and what one plans the next one sees.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def append(connection: Connection, event: str, doc_key: str = "", posting_id: int | None = None, **content: Any) -> int:
    """Appends one event; gives its number."""
    return append_many(connection, [Event(event, doc_key, posting_id, content)])


def append_many(connection: Connection, events: Sequence[Event], at: int | None = None) -> int:
    """Appends in order, in one statement; gives the number of the last event. ``at``: microseconds since 1970 by the
    database's clock, asked for where it is not given."""
    lock(connection)
    last = connection.execute(_last).first()
    n, previous = (last.n, last.hash) if last else (0, GENESIS)
    if not events:
        return int(n)
    at = now_us(connection) if at is None else at
    rows = []
    for event in events:
        refuse_floats(event.content.values())
        n += 1
        content = _encoder.encode(event.content).decode()
        digest = event_hash(n, previous, at, event.event, event.doc_key, event.posting_id, content)
        rows.append(
            {
                "n": n,
                "hash": digest,
                "previous_hash": previous,
                "recorded_at": at,
                "event": event.event,
                "doc_key": event.doc_key,
                "posting_id": event.posting_id,
                "content": content,
            }
        )
        previous = digest
    connection.execute(_insert, rows)
    return int(n)


def event_hash(n: int, previous: str, at: int, event: str, doc_key: str, posting_id: int | None, content: str) -> str:
    """SHA-256 over domain tag, number, hash before and canonical JSON of the rest. ``content`` is canonical JSON."""
    body = (
        f'{n}\n{previous}\n{{"content":{content},"doc_key":{_quoted(doc_key)},"event":{_quoted(event)},'
        f'"posting_id":{"null" if posting_id is None else posting_id},"recorded_at":{at}}}'
    )
    return hashlib.sha256(DOMAIN + body.encode()).hexdigest()


def refuse_floats(values: Iterable[Any]) -> None:
    """Raises ``TypeError`` for a float at any depth: money and time are exact here."""
    for value in values:
        if type(value) is str or type(value) is int:
            continue
        if isinstance(value, float):
            raise TypeError(f"a float in the audit trail: {value!r}; use text, a whole number or a Decimal")
        if isinstance(value, dict):
            refuse_floats(value.values())
        elif isinstance(value, list | tuple | set):
            refuse_floats(value)


def _quoted(value: str) -> str:
    return _encoder.encode(value).decode()
