"""Brings a database to the schema of this code. Invariant: forward only, whole or not at all, one process at once (C6).

A new schema change is one file under ``migrations/versions`` plus its revision at the end of ``REVISIONS``; a change of
``guards.py`` alone needs an (empty) revision too, because guards are installed when a migration runs.
"""

from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, Engine, insert, inspect, select, text

from st_pipelines.database import guards
from st_pipelines.database.engine import reading, transaction
from st_pipelines.database.schema import ledger_identity

REVISIONS = ("0001", "0002", "0003", "0004")  # in order; the last one is what this code needs
_LOCK = 0x53545F4D4947  # any fixed number: the advisory lock of migrations on PostgreSQL


class SchemaTooNew(RuntimeError):
    """The database was migrated by a newer program. Nothing was changed."""


def upgrade(engine: Engine) -> bool:
    """Migrates where needed; gives whether anything changed. Cheap where nothing is to do (one query, no lock).

    Safe to call from several processes at once. Raises ``SchemaTooNew``.
    """
    with reading(engine) as connection:
        if _revision(connection) == REVISIONS[-1]:
            return False
    with transaction(engine) as connection:  # on SQLite this is the exclusive lock already
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _revision(connection) == REVISIONS[-1]:
            return False
        _run_migrations(connection)
        guards.install(connection)
        if connection.execute(select(ledger_identity.c.one)).first() is None:
            connection.execute(insert(ledger_identity).values(one=1, ledger_id=uuid4().hex, epoch=1))
    return True


def _revision(connection: Connection) -> str:
    """The schema version that the database holds; empty for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""
    if revision and revision not in REVISIONS:
        raise SchemaTooNew(
            f"the database has schema version {revision!r}, this program knows {REVISIONS[-1]!r} as the newest: "
            "install the newer st_pipelines that migrated it; nothing was changed"
        )
    return str(revision)


def _run_migrations(connection: Connection) -> None:
    # Imported here: a process that finds the schema up to date never pays for it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
