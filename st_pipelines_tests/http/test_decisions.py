"""The table of reliability §2, line by line, and what no line may ever say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.http import retries
from st_pipelines.systems.http.breaker import Breaker
from st_pipelines.systems.http.errors import BreakerOpen, Forbidden, NotFound, OutcomeUnknown, Unreachable
from st_pipelines.systems.http.retries import Budget, Then, decide, pause_s
from st_pipelines_tests.http import hostile
from st_pipelines_tests.http.conftest import client_for
from st_pipelines_tests.http.hostile import Hostile


@pytest.mark.parametrize(
    ("happened", "asked", "read", "write"),
    [
        (retries.NOT_CONNECTED, False, Then.RETRY, Then.GIVE_BACK),
        (retries.LOST, False, Then.RETRY, Then.UNKNOWN),
        (retries.GARBLED, False, Then.RETRY, Then.UNKNOWN),
        (408, True, Then.WAIT, Then.UNKNOWN), (408, False, Then.RETRY, Then.UNKNOWN),
        (425, True, Then.WAIT, Then.GIVE_BACK), (425, False, Then.WAIT, Then.GIVE_BACK),
        (429, True, Then.WAIT, Then.GIVE_BACK), (429, False, Then.WAIT, Then.GIVE_BACK),
        (503, True, Then.WAIT, Then.UNKNOWN), (503, False, Then.RETRY, Then.UNKNOWN),
        (500, False, Then.RETRY, Then.UNKNOWN), (502, False, Then.RETRY, Then.UNKNOWN),
        (504, False, Then.RETRY, Then.UNKNOWN),
        (401, False, Then.RENEW, Then.RENEW),
        (400, False, Then.REFUSED, Then.REFUSED), (403, False, Then.REFUSED, Then.REFUSED),
        (404, False, Then.REFUSED, Then.REFUSED), (422, False, Then.REFUSED, Then.REFUSED),
        (409, False, Then.CONFLICT, Then.CONFLICT), (412, False, Then.CONFLICT, Then.CONFLICT),
        (301, False, Then.UNUSABLE, Then.UNKNOWN), (307, False, Then.UNUSABLE, Then.UNKNOWN),
        (200, False, Then.DONE, Then.DONE), (201, False, Then.DONE, Then.DONE), (204, False, Then.DONE, Then.DONE),
        (206, False, Then.UNUSABLE, Then.UNKNOWN), (199, False, Then.RETRY, Then.UNKNOWN),
        (700, False, Then.RETRY, Then.UNKNOWN),
    ],
)  # fmt: skip
def test_the_table(happened: str | int, asked: bool, read: Then, write: Then) -> None:
    assert decide(happened, written=False, asked_to_wait=asked) is read
    assert decide(happened, written=True, asked_to_wait=asked) is write


@given(happened=st.one_of(st.integers(0, 1000), st.text()), asked=st.booleans())
def test_no_write_is_ever_retried_here(happened: str | int, asked: bool) -> None:
    assert decide(happened, written=True, asked_to_wait=asked) not in (Then.RETRY, Then.WAIT)


@given(attempt=st.integers(1, 10_000))
def test_pauses_jitter_from_nothing_to_a_cap(attempt: int) -> None:
    assert 0 <= pause_s(attempt) <= min(30.0, 0.5 * 2.0 ** min(attempt - 1, 16))


def test_the_budget_is_a_tenth_beyond_its_floor() -> None:
    budget = Budget(floor=5)
    granted = 0
    for _ in range(1000):
        budget.request()
        granted += budget.retry()
    assert 100 <= granted <= 107


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.admit(written=False) == 0
        breaker.failed("trouble")


def test_a_bad_ratio_opens_the_breaker_and_a_few_failures_do_not() -> None:
    breaker = Breaker(least=20)
    fail(breaker, 19)
    assert breaker.admit(written=True) == 0
    breaker.failed("trouble")
    assert breaker.admit(written=True) > 20


def test_many_successes_outweigh_some_failures() -> None:
    breaker = Breaker(least=20)
    for number in range(200):
        assert breaker.admit(written=False) == 0
        breaker.failed("x") if number % 3 == 0 else breaker.worked(written=False)


def test_after_the_rest_one_read_tries_and_no_write() -> None:
    breaker = Breaker(rest_s=0.0)
    breaker.trip("sign-in refused")
    breaker._rest_s = 30.0
    assert breaker.admit(written=True) > 0
    assert breaker.admit(written=False) == 0
    assert breaker.admit(written=False) > 0  # one at a time
    assert breaker.admit(written=True) > 0
    breaker.worked(written=False)
    assert breaker.admit(written=True) == 0


def test_a_failed_try_means_another_rest() -> None:
    breaker = Breaker(rest_s=0.0)
    breaker.trip("sign-in refused")
    breaker._rest_s = 30.0
    assert breaker.admit(written=False) == 0
    breaker.failed("still down")
    assert breaker.admit(written=False) > 20


@pytest.mark.usefixtures("quick")
def test_an_outage_ends_in_rest_and_a_read_ends_the_rest() -> None:
    down = [hostile.status(500)] * 20
    with Hostile(*down, hostile.ok()) as server:
        breaker = Breaker(least=20, rest_s=0.3)
        client = client_for(server, breaker=breaker)
        while len(server.requests) < 20:
            with pytest.raises(OutcomeUnknown):
                client.write("POST", "/", content=b"{}", entity="bill", reference="1")
        with pytest.raises(BreakerOpen) as caught:
            client.write("POST", "/", content=b"{}", entity="bill", reference="2")
        assert "answered 500" in str(caught.value)
        assert len(server.requests) == 20
        breaker._open_until = 0.0
        with pytest.raises(BreakerOpen):
            client.write("POST", "/", content=b"{}", entity="bill", reference="2")
        client.read("/", entity="company")
        client.write("POST", "/", content=b"{}", entity="bill", reference="2")


@pytest.mark.parametrize(("code", "kind"), [(403, Forbidden), (404, NotFound)])
def test_a_write_that_is_forbidden_or_misplaced_rests_the_connection(code: int, kind: type[Exception]) -> None:
    with Hostile(hostile.status(code, b'{"errors": []}')) as server:
        client = client_for(server)
        with pytest.raises(kind):
            client.write("POST", "/", content=b"{}", entity="bill", reference="1")
        with pytest.raises(BreakerOpen):
            client.write("POST", "/", content=b"{}", entity="bill", reference="2")


def test_a_record_that_is_not_there_rests_nothing() -> None:
    with Hostile(hostile.status(404, b"{}")) as server:
        client = client_for(server)
        for _ in range(60):
            with pytest.raises(NotFound):
                client.read("/", entity="bill")


@pytest.mark.usefixtures("quick")
def test_a_read_is_tried_three_times_through_the_breaker() -> None:
    with Hostile(hostile.status(500)) as server, pytest.raises(Unreachable):
        client_for(server, breaker=Breaker(least=1000)).read("/", entity="bill")
