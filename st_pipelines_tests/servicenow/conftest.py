"""A client of the real HTTP kernel that talks to the hostile instance."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.connect import connect
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines_tests.servicenow.hostile import Hostile, serving


def connection(name: str, address: str, **changes: Any) -> Connection:
    secrets = {"client_id": Secret("cid.test"), "client_secret": Secret("cs.test")}
    known = {"base_url": address, "rate_per_s": 2000, "page_rows": 10, **changes}
    return Connection(name, "servicenow", known, secrets)


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
