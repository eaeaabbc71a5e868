"""What stops a session before anything is sent: the wrong books, a lease too short, a ledger that cannot be written."""

import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.event import listens_for, remove

from st_pipelines.database.engine import transaction
from st_pipelines.posting.context import LedgerUnavailable
from st_pipelines.posting.poster import post
from st_pipelines.posting.target import WrongCompany
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    FAST,
    INTEGRATION,
    document,
    events,
    mark_of,
    plan,
    prove,
    send,
    states,
)
from st_pipelines_tests.posting.fake_target import (
    FakeTarget,
)


def test_the_wrong_books_stop_everything_before_the_first_byte(engine: Engine, target: FakeTarget) -> None:
    target.books_of = "99TRAIN"
    plan(engine, [document(1)])
    with pytest.raises(WrongCompany, match="99TRAIN"):
        send(engine, target)
    assert target.sent == []
    assert states(engine) == ["create planned"]
    assert events(engine)[-1].event == "wrong_company"
    prove(engine)


def test_one_wrong_pin_stops_what_is_meant_for_the_right_books_too(engine: Engine, target: FakeTarget) -> None:
    target.books_of = "10USA"
    assert send(engine, target, pinned=("10USA", "20USA")).sent == 0 and target.checked == []  # nothing to send
    plan(engine, [document(1)])
    with pytest.raises(WrongCompany, match="20USA"):
        send(engine, target, pinned=("10USA", "20USA"))
    assert target.sent == [] and states(engine) == ["create planned"]
    prove(engine)


def test_every_company_is_checked_once_a_session(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1), document(2), document(3, company="20USA")])
    send(engine, target)
    assert sorted(target.checked) == ["10USA", "20USA"]


def test_a_lease_that_leaves_no_time_for_a_request_is_refused(engine: Engine, target: FakeTarget) -> None:
    with pytest.raises(ValueError, match="set a longer lease"):
        send(engine, target, settings=replace(FAST, lease_s=1.2))


def test_a_full_disk_is_noticed_before_anything_is_sent(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("an embedded database only")
    plan(engine, [document(1)])
    with pytest.raises(LedgerUnavailable, match="free disk space"):
        send(engine, target, settings=replace(FAST, minimum_free_bytes=10**18))
    assert target.sent == []


def test_a_ledger_without_room_stops_before_sending_and_resumes(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("an embedded database only")
    target.padding = 20_000
    plan(engine, [document(number) for number in range(10)])
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def full(dbapi_connection: sqlite3.Connection, *_: object) -> None:
        dbapi_connection.execute(f"PRAGMA max_page_count={pages + 2}")

    engine.dispose()
    listens_for(engine, "connect")(full)
    with pytest.raises(LedgerUnavailable, match=r"disk is full.*run again"):
        send(engine, target)
    assert target.sent == []
    remove(engine, "connect", full)
    engine.dispose()
    assert send(engine, target).posted == 10
    prove(engine)


def test_a_ledger_that_may_not_be_written_stops_before_sending(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no roles")
    plan(engine, [document(1)])
    with transaction(engine) as connection:
        connection.execute(text("DROP ROLE IF EXISTS reader"))
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    reader = create_engine(engine.url.set(username="reader"))
    with pytest.raises(LedgerUnavailable, match=r"permission denied.*run again"):
        send(reader, target)
    reader.dispose()
    with transaction(engine) as connection:
        connection.execute(text("DROP OWNED BY reader"))
        connection.execute(text("DROP ROLE reader"))
    assert target.sent == []
    assert send(engine, target).posted == 1


def test_the_context_must_be_of_the_integration(engine: Engine, target: FakeTarget) -> None:
    with pytest.raises(ValueError, match="context is of 'demo'"):
        post(engine, target, "other", (), CONTEXT, mark=mark_of(engine))
    assert INTEGRATION == "demo"
