"""What is in the inbox, for people. Invariant: says of each delivery what it is and why, never what is in it."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import inbox_event

_t = inbox_event.c


@dataclass(frozen=True)
class Waiting:
    """One connection: deliveries by state, and the age of the oldest that waits."""

    connection: str
    pending: int
    done: int
    ignored: int
    unusable: int
    oldest_age_s: float


@dataclass(frozen=True)
class Unreadable:
    """One delivery that nobody can act on. ``received_at`` in microseconds since 1970."""

    n: int
    connection: str
    event_type: str
    received_at: int
    size: int
    reason: str


def waiting(engine: Engine) -> list[Waiting]:
    """All connections that were ever sent anything that is still kept."""
    counted = select(_t.connection, _t.state, func.count().label("number"), func.min(_t.received_at).label("oldest"))
    with reading(engine) as database:
        now = now_us(database)
        rows = database.execute(counted.group_by(_t.connection, _t.state)).all()
    found = {(row.connection, row.state): row for row in rows}

    def number(connection: str, state: str) -> int:
        row = found.get((connection, state))
        return row.number if row else 0

    def oldest_age_s(connection: str) -> float:
        first = found.get((connection, "pending"))
        return max(0, now - first.oldest) / 1_000_000 if first else 0.0

    return [
        Waiting(name, number(name, "pending"), number(name, "done"), number(name, "ignored"), number(name, "unusable"),
                oldest_age_s(name))
        for name in sorted({row.connection for row in rows})
    ]  # fmt: skip


def unreadable(engine: Engine, limit: int) -> list[Unreadable]:
    """The newest ones first."""
    columns = (_t.n, _t.connection, _t.event_type, _t.received_at, func.length(_t.body).label("size"), _t.reason)
    query = select(*columns).where(_t.state == "unusable").order_by(_t.handled_at.desc(), _t.n.desc()).limit(limit)
    with reading(engine) as database:
        return [Unreadable(*row) for row in database.execute(query)]
