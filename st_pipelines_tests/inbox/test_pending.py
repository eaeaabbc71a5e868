"""What waits is handed out in order, gets one verdict, and is never changed or forgotten before."""

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DBAPIError

from st_pipelines.database.engine import now_us, reading, transaction
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.pending import Lag, lag, pending, postpone, purge, settle
from st_pipelines.inbox.storing import store

DAY_US = 86_400_000_000


def put(engine: Engine, *ids: str, connection: str = "st") -> None:
    for one in ids:
        store(engine, [arrival(connection, f"body {one}".encode(), event_id=one, event_type="invoice.updated")])


def keys(engine: Engine, connection: str = "st", limit: int = 100, after: int = 0) -> list[str]:
    return [one.event_key for one in pending(engine, connection, limit=limit, after=after)]


def test_in_order_of_arrival_for_one_connection_page_by_page(engine: Engine) -> None:
    put(engine, "a", "b", "c")
    put(engine, "x", connection="other")
    first = pending(engine, "st", limit=2)
    assert [(one.event_key, one.body, one.event_type, one.attempts) for one in first] == [
        ("a", b"body a", "invoice.updated", 0), ("b", b"body b", "invoice.updated", 0)]  # fmt: skip
    assert first[0].received_at <= first[1].received_at
    assert keys(engine, after=first[-1].n) == ["c"]
    assert keys(engine, "other") == ["x"] and keys(engine, "nobody") == []


@pytest.mark.parametrize("state", ["done", "ignored", "unusable"])
def test_a_verdict_is_given_once(engine: Engine, state: str) -> None:
    put(engine, "a", "b")
    a, b = pending(engine, "st", limit=2)
    assert settle(engine, [a.n], state=state, reason="why", run_id="r1") == 1
    assert settle(engine, [a.n, b.n], state="done", run_id="r2") == 1  # a has its verdict
    with reading(engine) as connection:
        rows = connection.execute(select(inbox_event).order_by(inbox_event.c.n)).all()
    assert [(row.state, row.reason, row.run_id) for row in rows] == [(state, "why", "r1"), ("done", "", "r2")]
    assert all(row.handled_at >= row.received_at for row in rows)
    assert keys(engine) == []


@pytest.mark.parametrize("state", ["pending", "posted", ""])
def test_no_other_verdicts(engine: Engine, state: str) -> None:
    with pytest.raises(ValueError, match="done, ignored or unusable"):
        settle(engine, [1], state=state)


def test_postponed_is_due_again_later_and_counted(engine: Engine) -> None:
    put(engine, "a", "b")
    a = pending(engine, "st", limit=1)[0]
    assert postpone(engine, [a.n], seconds=3600, reason="QAD is down \x00", run_id="r1") == 1
    assert keys(engine) == ["b"]
    assert postpone(engine, [a.n], seconds=0, reason="QAD is down") == 1
    assert [(one.event_key, one.attempts) for one in pending(engine, "st", limit=9)] == [("a", 2), ("b", 0)]
    settle(engine, [a.n], state="done")
    assert postpone(engine, [a.n], seconds=0, reason="too late") == 0
    with pytest.raises(ValueError, match="0 seconds to a year"):
        postpone(engine, [a.n], seconds=-1, reason="")


def test_lag_counts_what_waits_and_tells_the_oldest(engine: Engine) -> None:
    assert lag(engine, "st") == Lag(0, 0.0)
    with transaction(engine) as connection:
        old = now_us(connection) - 90_000_000
        connection.execute(insert(inbox_event).values(connection="st", event_key="old", received_at=old,
                                                      body_sha256="0" * 64, body=b""))  # fmt: skip
    put(engine, "new")
    postpone(engine, [one.n for one in pending(engine, "st", limit=1)], seconds=60, reason="later")
    found = lag(engine, "st")
    assert found.pending == 2 and 90 <= found.oldest_age_s < 120


def test_hundreds_are_settled_and_purged_in_short_transactions(engine: Engine) -> None:
    store(engine, [arrival("st", b"%d" % number) for number in range(1_201)])
    waiting = pending(engine, "st", limit=2_000)
    assert settle(engine, [one.n for one in waiting[:-1]], state="done") == 1_200
    assert purge(engine, 1) == 0  # handled just now
    with transaction(engine) as connection:
        long_ago = now_us(connection) - 3 * DAY_US
        rows = [{"connection": "old", "event_key": str(number), "received_at": long_ago, "handled_at": long_ago,
                 "state": "unusable", "body_sha256": "", "body": b""} for number in range(1_001)]  # fmt: skip
        rows.append({**rows[0], "event_key": "waits", "state": "pending", "handled_at": None})
        connection.execute(insert(inbox_event), rows)
    assert purge(engine, 4) == 0
    assert purge(engine, 2) == 1_001
    assert keys(engine, "old") == ["waits"]
    assert len(pending(engine, "st", limit=2_000)) == 1


def test_a_number_is_never_used_again(engine: Engine) -> None:
    with transaction(engine) as connection:
        long_ago = now_us(connection) - 3 * DAY_US
        gone = insert(inbox_event).values(connection="st", event_key="gone", received_at=long_ago, handled_at=long_ago,
                                          state="unusable", body_sha256="", body=b"")  # fmt: skip
        number = connection.execute(gone).inserted_primary_key[0]
    assert purge(engine, 1) == 1
    put(engine, "next")
    assert pending(engine, "st", limit=1)[0].n > number


def test_purge_keeps_a_day_at_least(engine: Engine) -> None:
    with pytest.raises(ValueError, match="a day at least"):
        purge(engine, 0)


REFUSED = {
    "a body changes": ("UPDATE inbox_event SET body = '1'", "never changes"),
    "a key changes": ("UPDATE inbox_event SET event_key = 'x'", "never changes"),
    "a type changes": ("UPDATE inbox_event SET event_type = 'x'", "never changes"),
    "a time changes": ("UPDATE inbox_event SET received_at = 0", "never changes"),
    "an attempt is uncounted": ("UPDATE inbox_event SET attempts = attempts - 1", "stays settled"),
    "one that waits is deleted": ("DELETE FROM inbox_event", "kept until it was handled"),
    "one starts done": (
        "INSERT INTO inbox_event (connection, event_key, received_at, body_sha256, body, state, handled_at) "
        "VALUES ('c', 'k', 0, '', '', 'done', 0)",
        "starts pending or unusable",
    ),
    "one is done without a time": ("UPDATE inbox_event SET state = 'done'", "handled_has_time"),
    "a state nobody knows": ("UPDATE inbox_event SET state = 'lost', handled_at = 1", "state_known"),
}


@pytest.mark.parametrize("statement, message", REFUSED.values(), ids=REFUSED.keys())
def test_the_database_itself_refuses(engine: Engine, statement: str, message: str) -> None:
    put(engine, "a")
    with pytest.raises(DBAPIError, match=message), transaction(engine) as connection:
        connection.execute(text(statement))


def test_a_settled_delivery_is_not_opened_again(engine: Engine) -> None:
    put(engine, "a")
    settle(engine, [pending(engine, "st", limit=1)[0].n], state="ignored", reason="an event we do not know")
    with pytest.raises(DBAPIError, match="stays settled"), transaction(engine) as connection:
        connection.execute(text("UPDATE inbox_event SET state = 'pending', handled_at = NULL"))
