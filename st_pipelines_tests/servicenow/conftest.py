"""A client of the real HTTP kernel that talks to the hostile instance."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring, load_keyring, new_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.systems.http import retries
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.connect import connect
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines_tests.servicenow.hostile import Hostile, serving

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def connection(name: str, address: str, **changes: Any) -> Connection:
    secrets = {"client_id": Secret("cid.test"), "client_secret": Secret("cs.test")}
    known = {"base_url": address, "rate_per_s": 2000, "page_rows": 10, **changes}
    return Connection(name, "servicenow", known, secrets)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Keyring]]:
    """Database (for tokens and rate) and key of this test process."""
    folder = tmp_path_factory.mktemp("servicenow")
    engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
    upgrade(engine)
    new_key_file(folder / "key")
    yield engine, load_keyring({}, folder / "key")
    engine.dispose()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the long pauses of the field."""
    monkeypatch.setattr(retries, "BASE_S", 0.01)


@pytest.fixture
def connected(shared: tuple[Engine, Keyring]) -> Iterator[Callable[..., ServiceNow]]:
    """Makes clients for an address, with the real token cache, rate gate and retries."""
    made: list[ServiceNow] = []

    def make(address: str, **changes: Any) -> ServiceNow:
        made.append(connect(connection(f"sn_{uuid4().hex[:8]}", address, **changes), *shared))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def hostile() -> Hostile:
    made = Hostile()
    made.add_table("sys_user", ["user_name"])
    return made


@pytest.fixture
def address(hostile: Hostile) -> Iterator[str]:
    with serving(hostile) as where:
        yield where


@pytest.fixture
def client(address: str, connected: Callable[..., ServiceNow]) -> ServiceNow:
    return connected(address)


@pytest.fixture
def proof(client: ServiceNow) -> Proof:
    return Proof(client)
