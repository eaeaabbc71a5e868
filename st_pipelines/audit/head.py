"""The last event's number and hash, to be kept outside the database (A3). Invariant: a head is verified against the
chain, never trusted by itself.

A chain shows edits, but its owner could rewrite all of it. An exported head (with an HMAC by a key that the database
does not hold) pins everything up to its number.
"""

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, select

from st_pipelines.audit.trail import GENESIS
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import audit_event, ledger_identity


@dataclass(frozen=True)
class Head:
    """``recorded_at``: microseconds since 1970 UTC. ``mac``: hex HMAC-SHA-256, empty where no key was given."""

    ledger_id: str
    n: int
    hash: str
    recorded_at: int
    mac: str = ""


def head(engine: Engine, key: bytes | None = None) -> Head:
    """The trail's present head; ``n`` 0 for an empty trail."""
    with reading(engine) as connection:
        return read_head(connection, key)


def read_head(connection: Connection, key: bytes | None = None) -> Head:
    """The same, inside the caller's transaction."""
    newest = select(audit_event.c.n, audit_event.c.hash, audit_event.c.recorded_at).order_by(audit_event.c.n.desc())
    row = connection.execute(newest.limit(1)).first()
    ledger_id = connection.execute(select(ledger_identity.c.ledger_id)).scalar_one()
    found = Head(ledger_id, row.n, row.hash, row.recorded_at) if row else Head(ledger_id, 0, GENESIS, 0)
    return found if key is None else Head(found.ledger_id, found.n, found.hash, found.recorded_at, _mac(found, key))


def is_authentic(exported: Head, key: bytes) -> bool:
    """Whether an exported head was made with this key."""
    return hmac.compare_digest(exported.mac.encode(), _mac(exported, key).encode())


def _mac(of: Head, key: bytes) -> str:
    content = f"st_pipelines audit head v1\n{of.ledger_id}\n{of.n}\n{of.hash}\n{of.recorded_at}"
    return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()
