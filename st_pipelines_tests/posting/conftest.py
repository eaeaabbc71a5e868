"""A migrated database of either kind for each test, copied from one that was migrated once: migrating is tested in
``database/``, and would be most of the time here."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade


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
    name = f"template_{uuid4().hex}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    engine = open_database(database(postgres_server, name))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database; parametrised by ``engine``."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_file"), tmp_path / "ledger.db")
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_postgres")
    name = f"t_{uuid4().hex}"
    administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield database(server, name)
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "migrated_url" in metafunc.fixturenames:
        metafunc.parametrize("migrated_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_database(migrated_url)
    yield opened
    opened.dispose()


def administer(server: str, statement: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(statement))
    admin.dispose()


def database(server: str, name: str) -> str:
    before, _, query = server.partition("?")
    return before.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
