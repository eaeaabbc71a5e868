"""No answer, however slow, holds a call past its total deadline."""

import time

import pytest

from st_pipelines.systems.http.deadline import Timeouts
from st_pipelines.systems.http.errors import OutcomeUnknown, Unreachable
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Hostile

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize("in_the_head", [False, True])
def test_one_byte_at_a_time_ends_at_the_total_deadline(in_the_head: bool) -> None:
    with Hostile(hostile.byte_by_byte(0.1, b"x" * 1000, in_the_head)) as server:
        client, started = client_for(server, timeouts=Timeouts(read_s=5, total_s=0.6)), time.monotonic()
        with pytest.raises(Unreachable):
            client.read("/slow", entity="invoices")
        assert 0.5 < time.monotonic() - started < 15


def test_a_slow_answer_to_a_write_is_unknown_at_the_deadline() -> None:
    with Hostile(hostile.byte_by_byte(0.1, b"x" * 1000)) as server:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            client_for(server).write("POST", "/", content=b"{}", entity="bill", reference="1", deadline_s=0.4)
        assert time.monotonic() - started < 10


def test_a_slow_answer_within_the_deadline_is_a_good_answer() -> None:
    with Hostile(hostile.byte_by_byte(0.01)) as server:
        assert client_for(server).read("/slow", entity="invoices").json() == {"slow": True}


def test_a_receiver_that_takes_nothing_ends_at_the_deadline() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts in the backlog, never reads
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        from st_pipelines.systems.http.auth import StaticHeaders
        from st_pipelines.systems.http.client import HttpClient

        client = HttpClient("acme", f"http://127.0.0.1:{deaf.getsockname()[1]}", StaticHeaders())
        started = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            client.write("POST", "/", content=b"x" * 30_000_000, entity="bill", reference="1", deadline_s=0.5)
        assert time.monotonic() - started < 15


def test_the_deadline_covers_all_attempts() -> None:
    with Hostile(hostile.silent(5)) as server:
        started = time.monotonic()
        with pytest.raises(Unreachable):
            client_for(server, timeouts=Timeouts(read_s=0.3, total_s=0.5)).read("/", entity="invoices")
        assert time.monotonic() - started < 10
        assert len(server.requests) == 2
