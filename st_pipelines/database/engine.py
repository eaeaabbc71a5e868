"""Opens the database with durable settings. Invariant: a committed transaction survives a power cut.

SQLite: WAL, ``synchronous=FULL``, immediate transactions (reliability C1). PostgreSQL: ``synchronous_commit`` stays
on. A pragma of the connection, not of the caller's memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

BUSY_TIMEOUT_S = 30


class UnsupportedDatabase(ValueError):
    """A database URL that is neither SQLite nor ``postgresql+psycopg2``."""


def open_database(url: str) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql+psycopg2://…``. Creates the SQLite folder (0700), not the schema."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UnsupportedDatabase("the database URL cannot be read; expected sqlite:///… or postgresql+psycopg2://…") from error
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise UnsupportedDatabase("an in-memory database cannot be shared by processes; name a file")
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
        event.listen(engine, "connect", _durable_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if parsed.drivername == "postgresql+psycopg2":
        return create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20)
    raise UnsupportedDatabase(f"unsupported database driver {parsed.drivername!r}: use sqlite or postgresql+psycopg2")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One durable write transaction. Never make a network call inside (C3)."""
    with engine.begin() as connection:
        yield connection


def now_us(connection: Connection) -> int:
    """Microseconds since 1970 UTC by the *database's* clock, the only one that processes share (T5)."""
    if connection.dialect.name == "postgresql":
        statement = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
    else:
        statement = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)")
    return int(connection.execute(statement).scalar_one())


def _durable_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # SQLAlchemy's begin event opens the transaction itself
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_TIMEOUT_S * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    # A deferred transaction that reads first and then writes fails at once with SQLITE_BUSY (C1).
    connection.exec_driver_sql("BEGIN IMMEDIATE")
