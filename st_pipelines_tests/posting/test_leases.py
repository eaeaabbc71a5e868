"""Leases and fences: a worker that lost its row can neither send nor write, and nobody guesses what it did."""

import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from st_pipelines.posting import claim, leases
from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.outcomes import confirm
from st_pipelines.posting.owner import Owner, is_gone
from st_pipelines.posting.target import Posted
from st_pipelines_tests.posting.cases import CONTEXT, FAST, document, events, key, plan, prove, rows, send, states
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks, MovedClock


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def watch(clock: MovedClock) -> Watch:
    return Watch(clock)


def take(engine: Engine, watch: Watch, owner: str = "elsewhere:1:1:x", limit: int = 10) -> list[Claimed]:
    return claim.claim(engine, CONTEXT, owner, (), limit=limit, lease_s=60.0, watch=watch)


def test_two_claims_never_share_a_posting(engine: Engine, watch: Watch) -> None:
    plan(engine, [document(number) for number in range(10)])
    first, second = take(engine, watch, limit=6), take(engine, watch, limit=6)
    assert (len(first), len(second)) == (6, 4)
    assert not {row.posting_id for row in first} & {row.posting_id for row in second}
    assert take(engine, watch) == []


def test_a_worker_that_died_before_freezing_has_provably_sent_nothing(
    engine: Engine, watch: Watch, clock: MovedClock
) -> None:
    plan(engine, [document(1)])
    take(engine, watch)
    assert leases.expire(engine, CONTEXT, watch).next_us is not None
    assert states(engine) == ["create sending"]
    clock.at += 61
    ended = leases.expire(engine, CONTEXT, watch)
    assert (ended.planned, ended.unknown) == (1, 0)
    assert states(engine) == ["create planned"]


def test_a_worker_that_died_after_freezing_may_have_sent(engine: Engine, watch: Watch, clock: MovedClock) -> None:
    plan(engine, [document(1)])
    claim.freeze(engine, CONTEXT, [(take(engine, watch)[0], b"{}")], watch)
    clock.at += 61
    ended = leases.expire(engine, CONTEXT, watch)
    assert (ended.planned, ended.unknown) == (0, 1)
    assert states(engine) == ["create unknown"]
    prove(engine)


def test_the_answer_to_a_worker_that_lost_its_lease_is_kept_but_decides_nothing(
    engine: Engine, watch: Watch, clock: MovedClock
) -> None:
    plan(engine, [document(1), document(2)])
    mine = take(engine, watch)
    claim.freeze(engine, CONTEXT, [(row, b"{}") for row in mine], watch)
    clock.at += 61
    leases.expire(engine, CONTEXT, watch)
    assert confirm(engine, CONTEXT, [(row, Posted(f"T{row.posting_id}")) for row in mine], watch) == []
    assert states(engine) == ["create unknown", "create unknown"]
    assert [event.event for event in events(engine)][-2:] == ["late_answer", "late_answer"]
    prove(engine)


def test_one_lost_lease_does_not_take_the_other_answers_along(engine: Engine, watch: Watch, clock: MovedClock) -> None:
    plan(engine, [document(1)])
    lost = take(engine, watch)
    claim.freeze(engine, CONTEXT, [(row, b"{}") for row in lost], watch)
    clock.at += 61
    leases.expire(engine, CONTEXT, watch)
    plan(engine, [document(2)])
    kept = take(engine, watch)
    claim.freeze(engine, CONTEXT, [(row, b"{}") for row in kept], watch)
    both = [(row, Posted(f"T{row.posting_id}")) for row in lost + kept]
    assert [row.doc_key for row, _ in confirm(engine, CONTEXT, both, watch)] == [key(2)]
    assert states(engine) == ["create unknown", "create posted"]


def test_a_body_is_not_frozen_under_a_lost_lease(engine: Engine, watch: Watch, clock: MovedClock) -> None:
    plan(engine, [document(1)])
    mine = take(engine, watch)
    clock.at += 61
    leases.expire(engine, CONTEXT, watch)
    with pytest.raises(claim.LeaseLost):
        claim.freeze(engine, CONTEXT, [(row, b"{}") for row in mine], watch)
    assert rows(engine)[0].body is None


def test_nothing_is_sent_when_too_little_of_the_lease_is_left(engine: Engine, clock: MovedClock) -> None:
    target = FakeTarget(MemoryBooks(), clock=clock)
    looks = target.find
    slow = [9.2]  # of a lease of ten seconds, with requests that may take one

    def find_slowly(kind: str, company: str, references: list[str]) -> object:
        clock.at += slow.pop() if slow else 0.0
        return looks(kind, company, references)

    target.find = find_slowly  # type: ignore[method-assign, assignment]
    plan(engine, [document(1)])
    summary = send(engine, target, settings=replace(FAST, patience_s=20.0))
    assert (summary.posted, summary.sent, summary.not_sent) == (1, 1, 1)
    assert "not enough of its lease was left to send it" in summary.faults


def test_nothing_is_sent_when_the_databases_clock_was_set_forward(engine: Engine, clock: MovedClock) -> None:
    target = FakeTarget(MemoryBooks(), clock=clock)
    looks = target.find

    def find_while_the_clock_is_set(kind: str, company: str, references: list[str]) -> object:
        clock.step_us = 3_600_000_000  # others consider every lease over now
        return looks(kind, company, references)

    target.find = find_while_the_clock_is_set  # type: ignore[method-assign, assignment]
    plan(engine, [document(number) for number in range(4)])
    summary = send(engine, target)
    assert summary.not_sent == 4
    assert any("clock was set forward" in fault for fault in summary.faults)
    assert (summary.sent, summary.posted, len(target.live())) == (4, 4, 4)  # under a lease that others see too
    prove(engine)


def test_a_worker_of_this_process_that_ended_is_gone_at_once() -> None:
    with Owner() as owner:
        assert not is_gone(owner.name)
    assert is_gone(owner.name)


def test_a_killed_process_is_gone_and_a_living_one_is_not() -> None:
    program = (
        "from st_pipelines.posting.owner import Owner; import sys\n"
        "with Owner() as owner: print(owner.name, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert not is_gone(name)
    process.kill()
    process.wait()
    assert is_gone(name)


@pytest.mark.parametrize("name", ["", "x", "other-machine:1:1:abc", ":1:1:abc", "a:b:c:d"])
def test_a_worker_that_cannot_be_told_lives(name: str) -> None:
    assert not is_gone(name)


def test_the_rows_of_a_session_that_broke_off_are_taken_up_at_once(engine: Engine, clock: MovedClock) -> None:
    target = FakeTarget(MemoryBooks(), clock=clock)
    plan(engine, [document(0)])
    send(engine, target)

    class Interrupted(BaseException):
        pass

    def interrupt(*_: object) -> object:
        raise Interrupted

    renders, target.render = target.render, interrupt  # type: ignore[method-assign, assignment]
    plan(engine, [document(1), document(2)])
    with pytest.raises(Interrupted):
        send(engine, target)
    assert states(engine) == ["create posted", "create sending", "create sending"]
    target.render = renders  # type: ignore[method-assign]
    assert send(engine, target, settings=replace(FAST, patience_s=0.0)).posted == 2
    assert len(target.live()) == 3
    prove(engine)
