"""Fixtures of this room: a database with its tables, a vault with two keys."""

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.vault import Vault

OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32


@pytest.fixture
def tables(engine: Engine) -> Engine:
    return engine


@pytest.fixture
def vault(tables: Engine) -> Vault:
    return Vault(tables, Keyring([OLD_KEY]))
