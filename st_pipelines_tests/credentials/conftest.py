"""Fixtures of this room: a database with its tables, key rings, unhurried examples."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database
from st_pipelines.database.schema import metadata

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32


@pytest.fixture
def tables(database_url: str) -> Iterator[Engine]:
    engine = open_database(database_url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def vault(tables: Engine) -> Vault:
    return Vault(tables, Keyring([OLD_KEY]))
