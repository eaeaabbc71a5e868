"""The trail: in the transaction of the change, without a gap, canonical, and never a float."""

import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select

from st_pipelines.audit.trail import GENESIS, Event, append, append_many, event_hash
from st_pipelines.audit.verify import verify
from st_pipelines.database.engine import reading, transaction
from st_pipelines.database.schema import audit_event, rate_gate


def test_events_are_numbered_and_chained(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert append(connection, "started", actor="Ann") == 1
        assert append_many(connection, [Event("a", "ST:1:invoice:1"), Event("b")]) == 3
    with reading(engine) as connection:
        rows = connection.execute(select(audit_event).order_by(audit_event.c.n)).all()
    assert [row.n for row in rows] == [1, 2, 3]
    assert [row.previous_hash for row in rows] == [GENESIS, rows[0].hash, rows[1].hash]
    assert rows[0].content == '{"actor":"Ann"}'
    assert verify(engine).ok


def test_a_rolled_back_change_takes_its_event_along(engine: Engine) -> None:
    with pytest.raises(RuntimeError), transaction(engine) as connection:
        connection.execute(insert(rate_gate).values(scope="s", tat=1))
        append(connection, "changed")
        raise RuntimeError("stop")
    with transaction(engine) as connection:
        assert connection.execute(select(rate_gate)).all() == []
        assert append(connection, "changed") == 1


def test_amounts_are_text_and_keys_are_sorted(engine: Engine) -> None:
    with transaction(engine) as connection:
        append(connection, "totals", z=Decimal("12.50"), a=[Decimal("0.1")], name="Zoë \n")
    with reading(engine) as connection:
        content = connection.execute(select(audit_event.c.content)).scalar_one()
    assert content == '{"a":["0.1"],"name":"Zoë \\n","z":"12.50"}'


@pytest.mark.parametrize("content", [1.5, [1.5], {"a": {"b": (1, 0.5)}}], ids=["plain", "in a list", "deep"])
def test_a_float_is_refused(engine: Engine, content: object) -> None:
    with pytest.raises(TypeError, match="float"), transaction(engine) as connection:
        append(connection, "totals", value=content)
    assert verify(engine).events == 0


def test_writers_at_the_same_time_leave_no_gap_and_no_fork(engine: Engine) -> None:
    def write(name: str) -> None:
        for _ in range(15):
            with transaction(engine) as connection:
                append(connection, "tick", writer=name)

    threads = [threading.Thread(target=write, args=(f"w{index}",)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    proof = verify(engine)
    assert proof.ok
    assert proof.events == 60


@given(
    first=st.tuples(st.text(max_size=5), st.text(max_size=5), st.none() | st.integers(0, 9)),
    second=st.tuples(st.text(max_size=5), st.text(max_size=5), st.none() | st.integers(0, 9)),
)
def test_different_events_never_share_a_hash(first: tuple[str, str, int], second: tuple[str, str, int]) -> None:
    def digest(event: str, doc_key: str, posting_id: int | None) -> str:
        return event_hash(1, GENESIS, 5, event, doc_key, posting_id, "{}")

    assert (digest(*first) == digest(*second)) == (first == second)
