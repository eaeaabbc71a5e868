"""Opens the database with durable settings. Invariant: a committed transaction survives a power cut.

SQLite: WAL, ``synchronous=FULL``, immediate transactions (reliability C1). PostgreSQL: ``synchronous_commit`` stays
on. A pragma of the connection, not of the caller's memory. No fault shows a statement's values: they are documents.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

BUSY_TIMEOUT_S = 30

_SQLITE_NOW = text("SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)")
_POSTGRESQL_NOW = text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")


class UnsupportedDatabase(ValueError):
    """A database URL that is neither SQLite nor ``postgresql+psycopg2``."""


def open_database(url: str, *, patience_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine for ``sqlite:///path`` or ``postgresql+psycopg2://…``. Makes the SQLite folder (0700), no schema.

    ``patience_s``: how long a statement waits for another process's lock, or for a server that is silent."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UnsupportedDatabase(
            "the database URL cannot be read; expected sqlite:///… or postgresql+psycopg2://…"
        ) from error
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise UnsupportedDatabase("an in-memory database cannot be shared by processes; name a file")
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        waiting = {"timeout": patience_s, "check_same_thread": False}
        engine = create_engine(parsed, connect_args=waiting, hide_parameters=True)
        event.listen(engine, "connect", _durable_sqlite(patience_s))
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql+psycopg2":
        impatient = patience_s != BUSY_TIMEOUT_S
        silent = {"connect_timeout": max(2, round(patience_s)), "tcp_user_timeout": round(patience_s * 1000)}
        engine = create_engine(parsed, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True,
                               connect_args=silent if impatient else {})  # fmt: skip
        if impatient:
            event.listen(engine, "connect", _impatient_postgresql(patience_s))
        return engine
    raise UnsupportedDatabase(f"unsupported database driver {parsed.drivername!r}: use sqlite or postgresql+psycopg2")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One durable write transaction. Never make a network call inside (C3)."""
    with engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent snapshot for reading; waits for no writer and makes none wait. Writing inside is an error."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection = connection.execution_options(read_only=True)
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def now_us(connection: Connection) -> int:
    """Microseconds since 1970 UTC by the *database's* clock, the only one that processes share (T5)."""
    statement = _POSTGRESQL_NOW if connection.dialect.name == "postgresql" else _SQLITE_NOW
    return int(connection.execute(statement).scalar_one())


def _durable_sqlite(patience_s: float) -> Callable[[Any, Any], None]:
    def configure(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # SQLAlchemy's begin event opens the transaction itself
        cursor = dbapi_connection.cursor()
        # The time-out comes first: two processes that open a new file at once both ask for WAL.
        for pragma in (f"busy_timeout={round(patience_s * 1000)}", "journal_mode=WAL", "synchronous=FULL",
                       "foreign_keys=ON", "recursive_triggers=ON"):  # fmt: skip
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return configure


def _impatient_postgresql(patience_s: float) -> Callable[[Any, Any], None]:
    def configure(dbapi_connection: Any, _record: Any) -> None:
        with dbapi_connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {round(patience_s * 1000)}")
        dbapi_connection.commit()

    return configure


def _begin_sqlite(connection: Connection) -> None:
    read_only = bool(connection.get_execution_options().get("read_only", False))
    # Kept with the pooled connection: this pragma makes SQLite parse all its statements again, with their triggers.
    if connection.info.get("query_only", False) != read_only:
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
        connection.info["query_only"] = read_only
    # A deferred transaction that reads first and then writes fails at once with SQLITE_BUSY (C1).
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
