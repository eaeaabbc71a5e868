"""Readers and writers of one database: a reader sees one moment, waits for nobody, and writes nothing."""

import pytest
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import DBAPIError

from st_pipelines.database.engine import UnsupportedDatabase, open_database, reading, transaction
from st_pipelines.database.schema import rate_gate


def test_a_reader_keeps_its_snapshot_while_a_writer_commits(engine: Engine) -> None:
    with transaction(engine) as writer:
        writer.execute(insert(rate_gate).values(scope="s", tat=1))
    with reading(engine) as reader:
        assert reader.execute(select(rate_gate.c.tat)).scalar_one() == 1
        with transaction(engine) as writer:
            writer.execute(update(rate_gate).values(tat=2))
        assert reader.execute(select(rate_gate.c.tat)).scalar_one() == 1
    with reading(engine) as reader:
        assert reader.execute(select(rate_gate.c.tat)).scalar_one() == 2


def test_a_reader_is_not_blocked_by_an_open_writer(engine: Engine) -> None:
    with transaction(engine) as writer:
        writer.execute(insert(rate_gate).values(scope="s", tat=1))
        with reading(engine) as reader:
            assert reader.execute(select(rate_gate.c.tat)).all() == []


def test_writing_while_reading_is_refused_and_writing_later_works(engine: Engine) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"), reading(engine) as reader:
        reader.execute(insert(rate_gate).values(scope="s", tat=1))
    with transaction(engine) as writer:
        writer.execute(insert(rate_gate).values(scope="s", tat=1))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/d", "postgresql://h/d", "not a url"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(UnsupportedDatabase):
        open_database(url)


def test_sqlite_is_durable(tmp_path: object) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/sub/ledger.db")
    with engine.connect() as connection:
        seen = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert seen == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30000}
    engine.dispose()
