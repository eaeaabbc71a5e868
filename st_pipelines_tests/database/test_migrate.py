"""Migrations: the result equals the metadata, starting twice at once is safe, a newer schema is refused."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from st_pipelines.database import migrate
from st_pipelines.database.engine import open_database, reading, transaction
from st_pipelines.database.migrate import REVISIONS, SchemaTooNew, upgrade
from st_pipelines.database.schema import ledger_identity, metadata


def _fingerprint(engine: Engine) -> dict[str, object]:
    """Columns with types and defaults, constraints and indexes, as the database itself tells them."""
    seen = inspect(engine)
    found: dict[str, object] = {}
    for table in metadata.tables:
        found[f"{table} columns"] = {
            column["name"]: (str(column["type"]), column["nullable"], str(column["default"]))
            for column in seen.get_columns(table)
        }
        found[f"{table} checks"] = sorted(
            (str(check["name"]), str(check["sqltext"])) for check in seen.get_check_constraints(table)
        )
        found[f"{table} indexes"] = sorted(
            (str(index["name"]), str(index["column_names"]), bool(index["unique"]), _condition(index))
            for index in seen.get_indexes(table)
        )
        found[f"{table} unique"] = sorted(str(unique["column_names"]) for unique in seen.get_unique_constraints(table))
        found[f"{table} keys"] = (
            seen.get_pk_constraint(table)["constrained_columns"],
            sorted(f"{key['constrained_columns']}>{key['referred_table']}" for key in seen.get_foreign_keys(table)),
        )
    return found


def _condition(index: ReflectedIndex) -> str:
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def test_the_migrations_give_exactly_the_metadata(engine: Engine, migrated_url: str) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    migrated = _fingerprint(engine)
    if engine.dialect.name == "sqlite":
        plain = create_engine(migrated_url.replace("ledger.db", "plain.db"))
    else:
        plain = create_engine(migrated_url, connect_args={"options": "-csearch_path=plain"})
        with transaction(engine) as connection:
            connection.execute(text("CREATE SCHEMA plain"))
    metadata.create_all(plain)
    assert migrated == _fingerprint(plain)
    plain.dispose()


def test_the_list_of_revisions_is_the_folder_of_migrations() -> None:
    folder = migrate.Path(migrate.__file__).parent / "migrations"
    found = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    with reading(engine) as connection:
        before = connection.execute(select(ledger_identity)).one()
    assert upgrade(engine) is False
    with reading(engine) as connection:
        assert connection.execute(select(ledger_identity)).one() == before
    assert len(before.ledger_id) == 32
    assert before.epoch == 1


def test_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    program = (
        "import sys; from st_pipelines.database.engine import open_database;"
        "from st_pipelines.database.migrate import upgrade; sys.stdin.readline();"
        "print(upgrade(open_database(sys.argv[1])))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = sorted(process.communicate(timeout=60)[0].strip() for process in running)
    assert [process.returncode for process in running] == [0, 0, 0]
    assert answers == ["False", "False", "True"]


def test_a_newer_schema_is_refused_with_both_versions_named(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9001'"))
    with pytest.raises(SchemaTooNew, match=r"'9001'.*'0004'.*install the newer"):
        upgrade(engine)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_connection: object) -> None:
        raise RuntimeError("guard cannot be installed")

    opened = open_database(database_url)
    monkeypatch.setattr(migrate.guards, "install", broken)
    with pytest.raises(RuntimeError, match="guard cannot"):
        upgrade(opened)
    assert inspect(opened).get_table_names() == []
    monkeypatch.undo()
    assert upgrade(opened) is True
    opened.dispose()
