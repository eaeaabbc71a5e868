"""Deliveries are durable before anyone is told, in groups, once, and either the whole group is stored or nothing."""

import asyncio
import random
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select, text

from st_pipelines.database.engine import open_database, reading, transaction
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.arrivals import Arrivals, Group, InboxFull, InboxUnavailable
from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.storing import Stored, store


def held(engine: Engine) -> list[tuple[str, str, bytes, str]]:
    t = inbox_event.c
    with reading(engine) as connection:
        rows = connection.execute(select(t.connection, t.event_key, t.body, t.state).order_by(t.n)).all()
    return [(row.connection, row.event_key, bytes(row.body), row.state) for row in rows]


def test_many_requests_share_commits_and_each_is_told_after_its_own(engine: Engine) -> None:
    groups: list[Group] = []

    async def deliver() -> None:
        arrivals = Arrivals(engine, on_group=groups.append)

        async def one(number: int) -> None:
            await arrivals.take(arrival("st", b"%d" % number, event_id=str(number)))
            assert str(number) in {key for _, key, _, _ in held(engine)}  # another connection sees it already

        await asyncio.gather(*(one(number) for number in range(40)))
        assert arrivals.waiting == 0
        await arrivals.close()

    asyncio.run(deliver())
    assert len(held(engine)) == 40
    assert sum(group.size for group in groups) == 40 and len(groups) < 20
    assert all(group.stored == Stored(group.size, 0) for group in groups)


def test_a_repeat_changes_nothing_in_the_same_group_or_later(engine: Engine) -> None:
    first = arrival("st", b"{}", event_id="e1")
    assert store(engine, [first, first]) == Stored(1, 1)
    assert store(engine, [first]) == Stored(0, 1)
    assert store(engine, [arrival("other", b"{}", event_id="e1")]) == Stored(1, 0)
    assert held(engine) == [("st", "e1", b"{}", "pending"), ("other", "e1", b"{}", "pending")]


def test_an_id_that_comes_with_another_body_is_another_delivery(engine: Engine) -> None:
    """A sender that puts the record's id where the event's id is expected loses nothing."""
    group = [arrival("st", b"first", event_id="5"), arrival("st", b"second", event_id="5")]
    assert store(engine, group) == Stored(2, 0)
    assert store(engine, [*group, arrival("st", b"third", event_id="5")]) == Stored(1, 2)
    assert sorted(body for _, _, body, _ in held(engine)) == [b"first", b"second", b"third"]
    assert len({key for _, key, _, _ in held(engine)}) == 3


def test_without_an_id_the_body_is_the_key(engine: Engine) -> None:
    assert store(engine, [arrival("st", b"a"), arrival("st", b"a"), arrival("st", b"b")]) == Stored(2, 1)
    assert all(key.startswith("sha256:") and len(key) == 71 for _, key, _, _ in held(engine))


def test_an_unusable_one_is_kept_with_its_reason(engine: Engine) -> None:
    store(engine, [arrival("st", b"\xff", unusable="not UTF-8")])
    with reading(engine) as connection:
        row = connection.execute(select(inbox_event)).one()
    assert (row.state, row.reason, bytes(row.body)) == ("unusable", "not UTF-8", b"\xff")
    assert row.handled_at == row.received_at > 1_700_000_000_000_000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.text(max_size=300) | st.just("x" * 201), st.text(max_size=300))
def test_whatever_is_sent_can_be_stored(engine: Engine, body: bytes, event_id: str, event_type: str) -> None:
    arrived = arrival("st", body, event_id=event_id, event_type=event_type)
    store(engine, [arrived])
    with reading(engine) as connection:
        kept = select(inbox_event.c.body).where(inbox_event.c.body_sha256 == arrived.body_sha256)
        assert bytes(connection.execute(kept).first()[0]) == body  # type: ignore[index]


def test_workers_that_are_given_the_same_events_keep_each_once(engine: Engine) -> None:
    """Each in another order, some ids with two bodies: nobody waits for the other in a circle, nothing is doubled."""
    faults: list[BaseException] = []
    sent = [arrival("st", b"%d %d" % (number % 100, number % 3), event_id=str(number % 100)) for number in range(300)]

    def work(seed: int) -> None:
        order = random.Random(seed).sample(sent, len(sent))
        try:
            for start in range(0, len(order), 30):
                store(engine, order[start : start + 30])
        except BaseException as fault:  # noqa: BLE001 - told to the test, in whose thread it fails
            faults.append(fault)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert faults == []
    assert sorted(body for _, _, body, _ in held(engine)) == sorted({one.body for one in sent})


def test_when_the_insert_fails_every_waiter_is_told_and_nothing_stays(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("ALTER TABLE inbox_event RENAME TO inbox_event_away"))

    async def deliver() -> None:
        arrivals = Arrivals(engine)
        sent = [arrivals.take(arrival("st", b"%d" % number)) for number in range(10)]
        told = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(one) for one in told] == [InboxUnavailable] * 10
        assert not arrivals.full and arrivals.waiting == 0
        with transaction(engine) as connection:
            connection.execute(text("ALTER TABLE inbox_event_away RENAME TO inbox_event"))
        assert held(engine) == []
        await arrivals.take(arrival("st", b"again"))  # it goes on by itself
        await arrivals.close()

    asyncio.run(deliver())
    assert [body for _, _, body, _ in held(engine)] == [b"again"]


def test_a_fault_in_the_middle_of_a_group_leaves_nothing_of_it(engine: Engine) -> None:
    with transaction(engine) as connection:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON inbox_event FOR EACH ROW WHEN {} {}"
        if engine.dialect.name == "sqlite":
            connection.execute(text(refuse.format("NEW.event_key = 'e7'", "BEGIN SELECT RAISE(ABORT, 'no'); END")))
        else:
            connection.execute(text(refuse.format("(NEW.event_key = 'e7')", "EXECUTE FUNCTION ledger_refuse('no')")))

    async def deliver() -> list[object]:
        arrivals = Arrivals(engine)
        sent = [arrivals.take(arrival("st", b"%d" % number, event_id=f"e{number}")) for number in range(10)]
        told = await asyncio.gather(*sent, return_exceptions=True)
        await arrivals.close()
        return [type(one) for one in told]

    assert asyncio.run(deliver()) == [InboxUnavailable] * 10
    assert held(engine) == []


def test_above_the_bound_nothing_is_taken_in(tmp_path: Path) -> None:
    from st_pipelines.database.migrate import upgrade

    engine = open_database(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    go_on = threading.Event()

    def wait_before_commit(_connection: object) -> None:
        go_on.wait(20)

    event.listen(engine, "commit", wait_before_commit)

    async def deliver() -> None:
        arrivals = Arrivals(engine, most_waiting=5, most_waiting_bytes=1_000)
        waiting = [asyncio.create_task(arrivals.take(arrival("st", b"%d" % number))) for number in range(5)]
        await asyncio.sleep(0)
        assert arrivals.full
        with pytest.raises(InboxFull):
            await arrivals.take(arrival("st", b"one too many"))
        go_on.set()
        await asyncio.gather(*waiting)
        go_on.clear()
        large = asyncio.create_task(arrivals.take(arrival("st", b"x" * 1_000)))
        await asyncio.sleep(0)
        assert arrivals.full  # by size
        go_on.set()
        await large
        assert not arrivals.full
        await arrivals.close()

    asyncio.run(deliver())
    assert len(held(engine)) == 6
    engine.dispose()


def test_closing_commits_what_was_taken(engine: Engine) -> None:
    async def deliver() -> None:
        arrivals = Arrivals(engine)
        taken = [asyncio.create_task(arrivals.take(arrival("st", b"%d" % number))) for number in range(30)]
        await asyncio.sleep(0)
        await arrivals.close()
        assert len(held(engine)) == 30
        await asyncio.gather(*taken)

    asyncio.run(deliver())
