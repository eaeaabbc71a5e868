"""What every client of another system needs in a test: a database for its tokens and its rate, a key, quick retries."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring, load_keyring, new_key_file
from st_pipelines.database.engine import open_database
from st_pipelines.systems.http import retries


@pytest.fixture(scope="session")
def shared(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Keyring]]:
    """Database and key of this test process. Connections of different names share nothing in it."""
    folder = tmp_path_factory.mktemp("clients")
    shutil.copy(migrated_file, folder / "ledger.db")
    engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
    new_key_file(folder / "key")
    yield engine, load_keyring({}, folder / "key")
    engine.dispose()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without the long pauses of the field."""
    monkeypatch.setattr(retries, "BASE_S", 0.01)
