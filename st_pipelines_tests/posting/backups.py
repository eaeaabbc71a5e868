"""A backup of a ledger as an administrator would make it, and the ledger restored from it, on both databases."""

import shutil
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine

from st_pipelines.database.engine import open_database
from st_pipelines_tests.databases import administer, database


def copied(engine: Engine, folder: Path) -> str:
    """The URL of a copy of the ledger as it is now. Nobody may be using it."""
    url = engine.url
    engine.dispose()  # SQLite then writes everything back into the one file; PostgreSQL copies no database in use
    name = f"b_{uuid4().hex}"
    if engine.dialect.name == "sqlite":
        assert url.database and not Path(f"{url.database}-wal").exists()
        shutil.copy(url.database, folder / f"{name}.db")
        return f"sqlite:///{folder / f'{name}.db'}"
    server = url.render_as_string(hide_password=False)
    administer(database(server, "postgres"), f"CREATE DATABASE {name} TEMPLATE {url.database}")
    return database(server, name)


def opened_copy(url: str, folder: Path) -> Engine:
    """A ledger restored from the backup; the backup itself stays as it is."""
    first = open_database(url)
    again = copied(first, folder)
    return open_database(again)
