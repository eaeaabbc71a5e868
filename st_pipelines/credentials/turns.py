"""Whose turn it is, between processes and threads. Invariant: a turn ends with its holder, even by SIGKILL.

A database transaction would hold the ledger up during a network call (C3), and a lease row outlives a dead holder.
So: on SQLite a ``flock`` beside the database file (SQLite is for one machine anyway), on PostgreSQL a session advisory
lock on a connection that is in no transaction. Both are released by the system when the holder dies.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text


@contextmanager
def try_turn(engine: Engine, name: str) -> Iterator[bool]:
    """True inside the block for the one caller whose turn it is, false for all others; never waits."""
    digest = hashlib.sha256(b"st_pipelines turn\0" + name.encode("utf-8")).digest()
    if engine.dialect.name == "postgresql":
        with _advisory(engine, int.from_bytes(digest[:8], "big", signed=True)) as got:
            yield got
    else:
        with _file_lock(Path(f"{engine.url.database}.turn-{digest[:8].hex()}")) as got:
            yield got


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            got = True
        except BlockingIOError:
            got = False
        yield got
    finally:
        os.close(descriptor)  # gives the lock back; the file stays, since removing it would let two callers in


@contextmanager
def _advisory(engine: Engine, key: int) -> Iterator[bool]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        got = bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one())
        try:
            yield got
        finally:
            if got and not connection.invalidated:
                released = connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key}).scalar_one()
                if not released:
                    connection.invalidate()  # the session is not the one that took the lock: do not reuse it
