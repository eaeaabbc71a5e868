"""A client of the real HTTP kernel that talks to the hostile server, and one day to read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Connection
from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan.client import connect
from st_pipelines.systems.servicetitan.extract import extract_day
from st_pipelines.systems.servicetitan.landed import Extracted
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines_tests.servicetitan.hostile import TENANT, Hostile, serving

START, END = datetime(2026, 10, 5, 5, tzinfo=UTC), datetime(2026, 10, 6, 5, tzinfo=UTC)
DAY = "2026-10-05"


@dataclass
class Day:
    """``read(entity)`` lands 5 October 2026 (America/Chicago) from the hostile server; ``table`` reads it back."""

    client: ServiceTitan
    store: Store

    def read(self, entity: str, *, ids: tuple[int, ...] = ()) -> Extracted:
        return extract_day(self.client, self.store, "demo", entity, DAY, START, END, referenced_ids=ids)

    def table(self, name: str) -> pa.Table:
        return self.store.read_table("demo", "source", name, DAY)

    def with_reading(self, **changes: Any) -> None:
        self.client.reading = replace(self.client.reading, **changes)


def connection(name: str, address: str, **settings: Any) -> Connection:
    secrets = {"app_key": Secret("ak1.test"), "client_id": Secret("cid.test"), "client_secret": Secret("cs.test")}
    known = {
        "tenant": TENANT,
        "base_url": address,
        "auth_url": address,
        "rate_per_s": 2000,
        "page_size": 10,
        **settings,
    }
    return Connection(name, "servicetitan", known, secrets)


@pytest.fixture
def connected(shared: tuple[Engine, Keyring]) -> Iterator[Callable[..., ServiceTitan]]:
    """Makes clients for an address, with the real token cache, rate gate and retries."""
    made: list[ServiceTitan] = []

    def make(address: str, **settings: Any) -> ServiceTitan:
        made.append(connect(connection(f"st_{uuid4().hex[:8]}", address, **settings), *shared))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def day(hostile: Hostile, connected: Callable[..., ServiceTitan], tmp_path: Path) -> Iterator[Day]:
    with serving(hostile) as address:
        yield Day(connected(address), Store(str(tmp_path / "data")))
