"""What is slow to make and only copied afterwards, made once a test run. Invariant: nobody sees it half made."""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


def made_once(root: Path, name: str, make: Callable[[Path], None]) -> Path:
    """``root/name``, made by whichever test process comes first."""
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home, done = root / name, root / f"{name}.done"
        if not done.exists():
            make(home)
            _written_back(home)
            done.touch()
    return home


def _written_back(home: Path) -> None:
    """Everything into the database files themselves: a copy then needs no log beside them, which may vanish meanwhile
    (a client's own engine, closed when it is collected)."""
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(path)) as database:
            busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            assert not busy, f"{path} is still in use"
