"""Being told to slow down: everybody waits, nobody waits for ever."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from st_pipelines.systems.http.errors import LimitReached, NotExecuted, OutcomeUnknown, Unreachable
from st_pipelines.systems.http.throttle import LONGEST_WAIT_S, wait_s
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Hostile

pytestmark = pytest.mark.usefixtures("quick")

NOW = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
TITLE = b'{"type": "x", "title": "Rate limit is exceeded. Try again in 13 seconds.", "status": 429, "traceId": "0"}'


class Recorded:
    """A gate that lets everybody through and remembers what it was told."""

    def __init__(self) -> None:
        self.acquired = 0
        self.blocked: list[float] = []

    def acquire(self, deadline_s: float) -> None:
        self.acquired += 1

    def block(self, seconds: float) -> None:
        self.blocked.append(seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0), ("7", 7), (" 7 ", 7), ("0.5", 0.5), ("9999999999", LONGEST_WAIT_S), ("9" * 400, None), ("-5", None),
        ("1e9", None),
        ("٣", None), ("7 seconds", None), ("inf", None), ("nan", None), ("", None), ("0x10", None), ("\x00", None),
        ("Mon, 02 Nov 2026 12:00:30 GMT", 30), ("Mon, 02 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("Mon, 02 Nov 2026 12:00:30", 30), ("Monday, 02-Nov-26 12:00:30 GMT", 30),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0), ("garbage", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_or_ignored(header: str, seconds: float | None) -> None:
    assert wait_s({"retry-after": header}, b"", NOW) == seconds


def test_a_date_is_measured_by_the_other_sides_clock() -> None:
    headers = {"retry-after": "Mon, 02 Nov 2026 12:00:30 GMT", "date": "Mon, 02 Nov 2026 12:00:20 GMT"}
    assert wait_s(headers, b"", NOW + timedelta(hours=5)) == 10


def test_the_title_counts_where_no_header_does() -> None:
    assert wait_s({}, TITLE) == 13
    assert wait_s({"retry-after": "soon"}, TITLE) == 13
    assert wait_s({"retry-after": "2"}, TITLE) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b'"try again in 5 seconds"', b'{"title": null}', b'{"title": 5}',
        b'{"title": "try later"}',
        b'{"title": "try again in -5 seconds"}', b"<html>try again in 5 seconds</html>",
        b'{"title": "try again in 5 seconds"',
        b'{"detail": "try again in 5 seconds"}', b'{"title": "try again in 5 hours"}', b"[" * 60_000,
        b'{"a":1}' + b" " * 70_000,
    ],
)  # fmt: skip
def test_other_bodies_say_nothing(body: bytes) -> None:
    assert wait_s({}, body) is None


@given(header=st.text(max_size=60), body=st.binary(max_size=200))
@example(header="9" * 18, body=b"")
def test_no_header_or_body_breaks_or_parks_us(header: str, body: bytes) -> None:
    wait = wait_s({"retry-after": header, "date": header}, body)
    assert wait is None or 0 <= wait <= LONGEST_WAIT_S


@given(seconds=st.integers(0, 10**12))
def test_every_number_of_seconds_is_honoured_up_to_the_cap(seconds: int) -> None:
    assert wait_s({"retry-after": str(seconds)}) == min(seconds, LONGEST_WAIT_S)
    title = f'{{"title": "Rate limit is exceeded. Try again in {seconds} seconds."}}'.encode()
    assert wait_s({}, title) == min(seconds, LONGEST_WAIT_S)


@given(delta=st.integers(-(10**6), 10**6))
def test_every_date_is_honoured_up_to_the_cap(delta: int) -> None:
    header = format_datetime(NOW + timedelta(seconds=delta), usegmt=True)
    assert wait_s({"retry-after": header}, b"", NOW) == min(max(delta, 0), LONGEST_WAIT_S)


def test_a_storm_is_waited_out_by_a_read_and_told_to_everybody() -> None:
    storm = [hostile.status(429, headers={"Retry-After": "0.05"})] * 5
    with Hostile(*storm, hostile.ok()) as server:
        gate, started = Recorded(), time.monotonic()
        assert client_for(server, gate=gate).read("/", entity="invoices").status == 200
        assert gate.blocked == [0.05] * 5
        assert gate.acquired == 6
        assert time.monotonic() - started >= 0.25  # waits that were asked for are not quick attempts


def test_a_storm_told_in_the_body_only() -> None:
    with Hostile(hostile.status(429, b'{"title": "Try again in 0.05 seconds"}'), hostile.ok()) as server:
        gate = Recorded()
        client_for(server, gate=gate).read("/", entity="invoices")
        assert gate.blocked == [0.05]


def test_a_busy_server_that_names_a_time_is_waited_for() -> None:
    with Hostile(*[hostile.status(503, headers={"Retry-After": "0.01"})] * 4, hostile.ok()) as server:
        assert client_for(server).read("/", entity="invoices").status == 200


def test_a_storm_without_end_ends() -> None:
    with Hostile(hostile.status(429, headers={"Retry-After": "0"})) as server:
        with pytest.raises(Unreachable, match="10 attempts"):
            client_for(server).read("/", entity="invoices")
        assert len(server.requests) == 10


def test_a_hostile_wait_fails_at_once_and_blocks_for_fifteen_minutes_at_most() -> None:
    with Hostile(hostile.status(429, headers={"Retry-After": "9999999999"})) as server:
        gate, started = Recorded(), time.monotonic()
        with pytest.raises(Unreachable) as caught:
            client_for(server, gate=gate).read("/", entity="invoices", deadline_s=5)
        assert caught.value.retry_after_s == LONGEST_WAIT_S
        assert gate.blocked == [LONGEST_WAIT_S]
        assert time.monotonic() - started < 10


def test_a_throttled_write_tells_everybody_and_is_given_back() -> None:
    with Hostile(hostile.status(429, TITLE)) as server:
        gate = Recorded()
        with pytest.raises(NotExecuted) as caught:
            client_for(server, gate=gate).write("POST", "/", content=b"{}", entity="bill", reference="1")
        assert (caught.value.retry_after_s, gate.blocked) == (13.0, [13.0])


def test_a_busy_server_after_a_write_is_unknown_but_heard() -> None:
    with Hostile(hostile.status(503, headers={"Retry-After": "3"})) as server:
        gate = Recorded()
        with pytest.raises(OutcomeUnknown):
            client_for(server, gate=gate).write("POST", "/", content=b"{}", entity="bill", reference="1")
        assert gate.blocked == [3.0]


def test_a_gate_that_gives_no_permit_means_that_nothing_is_sent() -> None:
    class Closed(Recorded):
        def acquire(self, deadline_s: float) -> None:
            raise LimitReached("closed", connection="acme", retry_after_s=4)

    with Hostile() as server:
        with pytest.raises(NotExecuted) as caught:
            client_for(server, gate=Closed()).write("POST", "/", content=b"{}", entity="bill", reference="1")
        assert (caught.value.reference, caught.value.retry_after_s) == ("1", 4)
        with pytest.raises(LimitReached):
            client_for(server, gate=Closed()).read("/", entity="invoices")
        assert server.connections == 0
