"""How many requests a session has on their way at once follows how the target copes (G5)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from st_pipelines.posting.target import NotSent, Outcome, Unknown, Write
from st_pipelines.posting.window import Window
from st_pipelines_tests.posting.cases import FAST, document, plan, prove, send, states
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks

CEILING = 8


@pytest.fixture
def window() -> Window:
    return Window(CEILING)


def settle(window: Window, *answers: bool) -> int:
    """One request after the other; gives the width afterwards."""
    for answered in answers:
        with window.permit() as started:
            window.settled(started, answered=answered)
    return window.width


def test_it_starts_at_the_ceiling_and_never_passes_it(window: Window) -> None:
    assert window.width == CEILING
    assert settle(window, *[True] * 100) == CEILING


def test_each_failure_halves_it_and_one_is_left(window: Window) -> None:
    assert [settle(window, False) for _ in range(5)] == [4, 2, 1, 1, 1]


def test_a_full_window_of_answers_earns_one_more(window: Window) -> None:
    settle(window, False)
    assert settle(window, *[True] * 3) == 4
    assert settle(window, True) == 5
    assert settle(window, *[True] * (5 + 6 + 7)) == CEILING


def test_a_failure_within_a_window_starts_the_counting_again(window: Window) -> None:
    settle(window, False)
    assert settle(window, True, True, True, False) == 2
    assert settle(window, True) == 2
    assert settle(window, True) == 3


def test_what_was_under_way_together_halves_it_once(window: Window) -> None:
    permits = [window.permit() for _ in range(CEILING)]
    starts = [permit.__enter__() for permit in permits]
    for started in starts:
        window.settled(started, answered=False)
    assert window.width == CEILING // 2
    for permit in permits:
        permit.__exit__(None, None, None)
    assert settle(window, False) == CEILING // 4


@given(st.lists(st.booleans(), max_size=200), st.integers(min_value=1, max_value=64))
def test_whatever_happens_it_stays_between_one_and_the_ceiling(answers: list[bool], ceiling: int) -> None:
    window = Window(ceiling)
    for answered in answers:
        settle(window, answered)
        assert 1 <= window.width <= ceiling
        assert 1 <= window.share(50) <= 50


def test_no_more_requests_run_than_it_is_wide(window: Window) -> None:
    settle(window, False, False)
    running, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(2, timeout=10)  # a pair is let through, so that they do meet

    def request() -> None:
        nonlocal running, most
        with window.permit():
            with lock:
                running += 1
                most = max(most, running)
            together.wait()
            with lock:
                running -= 1

    with ThreadPoolExecutor(CEILING) as pool:
        for done in [pool.submit(request) for _ in range(20)]:
            done.result()
    assert most == 2


class Counted(FakeTarget):
    """Notes how many writes are on their way whenever one starts; each stays a moment, so that they can meet."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.under_way, self.widths = 0, list[int]()
        self.says: Callable[[int], Outcome | None] = lambda number: None
        self._count = threading.Condition()

    def send(self, write: Write) -> Outcome:
        with self._count:
            self.under_way += 1
            self.widths.append(self.under_way)
            number = len(self.widths)
            said = self.says(number)
            self._count.notify_all()
            self._count.wait_for(
                lambda: len(self.widths) >= self.max_concurrency, timeout=10 if number <= self.max_concurrency else 0
            )
            self._count.wait_for(lambda: self.under_way >= self.max_concurrency, timeout=0.02)
        try:
            return said if said is not None else super().send(write)
        finally:
            with self._count:
                self.under_way -= 1


@pytest.mark.parametrize(
    "fault", [NotSent("429 Too Many Requests", 0.001), Unknown("answered 503"), Unknown("time-out")]
)
def test_a_target_that_chokes_is_asked_for_less_and_then_for_more_again(engine: Engine, fault: Outcome) -> None:
    """All that is under way at first fails; what follows is sent by fewer at once, and everything arrives once."""
    target = Counted(MemoryBooks(), max_concurrency=8)
    target.says = lambda number: fault if number <= 8 else None
    plan(engine, [document(number) for number in range(80)])
    settings = replace(FAST, batch=40, breaker_after=100)
    send(engine, target, settings=settings)
    assert states(engine) == ["create posted"] * 80 and len(target.live()) == 80
    assert max(target.widths[:8]) == 8
    assert max(target.widths[8:12]) <= 4, "halved after the first failures"
    assert max(target.widths[30:]) > 4, "and wider again after full windows of success"
    prove(engine)


def test_a_narrow_window_takes_less_in_hand(engine: Engine) -> None:
    """So that the last of a batch is not still waiting for a permit when its lease ends."""
    window = Window(4)
    assert window.share(50) == 50
    settle(window, False, False)
    assert window.share(50) == 12
