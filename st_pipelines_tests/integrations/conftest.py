"""The demo company's month, read once a test run and posted once a test run; each module works on a copy of its own."""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

pytest.register_assert_rewrite("st_pipelines_tests.integrations.company")  # so that a broken proof says what differs

from st_pipelines_tests.integrations.company import MONTH, Company, started  # noqa: E402


def _once(root: Path, name: str, make: Callable[[Path], None]) -> Path:
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


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


@pytest.fixture(scope="session")
def read_month(shared: Path) -> Path:
    """Home of a company whose month was read and mapped; nothing is posted yet."""

    def make(home: Path) -> None:
        with started(home) as company:
            company.read(MONTH)

    return _once(shared, "read_month", make)


@pytest.fixture(scope="session")
def posted_month(shared: Path, read_month: Path) -> Path:
    """Home of a company whose month is posted."""

    def make(home: Path) -> None:
        with started(home, copied_from=read_month) as company:
            company.post(MONTH)

    return _once(shared, "posted_month", make)


@pytest.fixture(scope="module")
def posted(posted_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose month is posted, for the tests of one module."""
    with started(tmp_path_factory.mktemp("posted") / "home", copied_from=posted_month) as company:
        yield company


@pytest.fixture(scope="module")
def unposted(read_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose month is read and mapped but not posted, for the tests of one module."""
    with started(tmp_path_factory.mktemp("unposted") / "home", copied_from=read_month) as company:
        yield company


@pytest.fixture(scope="module")
def fresh_postgres(postgres_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database for the tests of one module."""
    name = f"e_{uuid4().hex}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    before, _, query = postgres_server.partition("?")
    yield before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
