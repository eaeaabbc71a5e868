"""Unknown outcomes: nothing is sent again before its absence is proved, whatever the target and the clocks do."""

from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import Engine

from st_pipelines.posting.clock import Watch
from st_pipelines.posting.resolve import Resolver, resolve_unknown
from st_pipelines.posting.target import WrongCompany
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    FAST,
    INTEGRATION,
    document,
    events,
    key,
    plan,
    prove,
    rows,
    send,
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import (
    APPLY_LATE,
    APPLY_THEN_DROP,
    DROP_BEFORE,
    OK,
    TWICE,
    FakeTarget,
    MemoryBooks,
    MovedClock,
    per_reference,
)

SLOW = replace(FAST, lease_s=60.0, quiet_period_s=10.0, second_wait_s=10.0)
HOUR_US = 3_600_000_000


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def target(clock: MovedClock, engine: Engine) -> FakeTarget:
    """Books that hold one document of ours already: questions can prove that they find something."""
    target = FakeTarget(MemoryBooks(), clock=clock)
    plan(engine, [document(0)])
    send(engine, target)
    target.sent.clear()
    target.questions.clear()
    return target


def weather_for_1(target: FakeTarget, *happenings: str) -> None:
    target.weather = per_reference({key(1): list(happenings)}, then=OK)


def test_applied_but_unanswered_is_found_and_not_sent_again(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, APPLY_THEN_DROP)
    plan(engine, [document(1), document(2)])
    summary = send(engine, target)
    assert (summary.sent, summary.posted, summary.settled, summary.clean) == (2, 2, 1, True)
    assert len(target.live(key(1))) == 1
    assert msgspec.json.decode(events(engine, key(1))[-1].content)["how"] == "read back"
    prove(engine)


def test_what_never_arrived_is_sent_again_after_two_proofs(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1)])
    summary = send(engine, target)
    assert (summary.sent, summary.returned, summary.posted) == (2, 1, 1)
    told = [event.event for event in events(engine, key(1))]
    assert told == ["planned", "sending", "frozen", "unknown", "absent", "proved_absent", "sending",
                    "frozen_before", "posted"]  # fmt: skip
    assert len({write.body for write in target.sent}) == 1  # the frozen body, byte for byte
    assert len({write.request_key for write in target.sent}) == 1
    proof = msgspec.json.decode(events(engine, key(1))[5].content)
    assert (proof["controls"], proof["controls_found"]) == ([key(0)], [key(0)])
    assert len(proof["answer_sha256"]) == 64
    prove(engine)


def test_a_write_that_is_applied_late_is_never_doubled(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, APPLY_LATE)
    target.late_s = 18.0  # after the first absence, before the second
    plan(engine, [document(1)])
    assert send(engine, target, settings=SLOW).settled == 1
    target.clock.at += 100
    assert len(target.live(key(1))) == 1
    prove(engine)


def test_without_the_waits_the_same_weather_would_double_it(engine: Engine, target: FakeTarget) -> None:
    """Shows that the fake can hurt, so that the test above means something."""
    weather_for_1(target, APPLY_LATE)
    target.late_s = 18.0
    plan(engine, [document(1)])
    send(engine, target, settings=replace(SLOW, quiet_period_s=0.0, second_wait_s=0.0))
    target.clock.at += 100
    assert len(target.live(key(1))) == 2


def test_nothing_is_asked_before_the_quiet_period_is_over(
    engine: Engine, target: FakeTarget, clock: MovedClock
) -> None:
    asked_at: list[float] = []
    heard = target.find

    def find(kind: str, company: str, references: list[str]) -> object:
        if target.sent and key(1) in references:
            asked_at.append(clock.at)
        return heard(kind, company, references)

    target.find = find  # type: ignore[method-assign, assignment]
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1)])
    began = clock.at
    send(engine, target, settings=SLOW)
    assert asked_at[0] - began >= 10.0
    assert asked_at[1] - asked_at[0] >= 10.0


@pytest.mark.parametrize("step_us", [HOUR_US, -HOUR_US], ids=["forth", "back"])
def test_a_wall_clock_that_jumps_an_hour_neither_doubles_nor_loses(
    engine: Engine, target: FakeTarget, clock: MovedClock, step_us: int
) -> None:
    def jump() -> None:
        clock.step_us = step_us

    weather_for_1(target, APPLY_LATE)
    target.late_s = 8.0
    clock.on_wait = jump
    plan(engine, [document(1)])
    summary = send(engine, target, settings=SLOW)
    assert summary.posted == 1
    clock.at += 100
    assert len(target.live(key(1))) == 1
    prove(engine)


def test_found_twice_is_held_with_an_alarm(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, TWICE)
    plan(engine, [document(1)])
    summary = send(engine, target)
    assert summary.left == {"held": 1}
    row = rows(engine, key(1))[0]
    assert row.reason_code == "found_twice"
    assert "holds 2 documents" in row.reason
    assert msgspec.json.decode(events(engine, key(1))[-1].content)["alarm"] is True
    assert len(target.sent) == 1
    prove(engine)


def test_found_but_different_is_held(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, APPLY_THEN_DROP)
    target.alter = "99.00"
    plan(engine, [document(1)])
    send(engine, target)
    assert rows(engine, key(1))[0].reason_code == "found_different"
    assert len(target.sent) == 1


def test_a_question_that_finds_nothing_at_all_proves_nothing(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, APPLY_THEN_DROP)
    plan(engine, [document(1)])
    sends = target.send

    def send_and_go_blind(write: object) -> object:
        target.blind = True
        return sends(write)  # type: ignore[arg-type]

    target.send = send_and_go_blind  # type: ignore[method-assign, assignment]
    summary = send(engine, target)
    assert summary.left == {"held": 1}
    row = rows(engine, key(1))[0]
    assert "proves nothing" in row.reason
    assert row.read_backs == FAST.max_read_backs
    assert len(target.sent) == 1
    assert len(target.live(key(1))) == 1
    prove(engine)


def test_the_first_document_of_all_is_proved_by_the_ones_after_it(engine: Engine, clock: MovedClock) -> None:
    target = FakeTarget(MemoryBooks(), clock=clock)
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1), document(2)])
    assert send(engine, target).posted == 2
    assert len(target.sent) == 3


def test_a_question_without_an_answer_is_asked_again_and_then_held(engine: Engine, target: FakeTarget) -> None:
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1), document(2)])
    target.weather = per_reference({key(1): [DROP_BEFORE]})
    deafen_after_sending(target, 1000)
    summary = send(engine, target)
    assert "TimeoutError: no answer" in summary.faults
    assert states(engine, key(1)) == ["create held"]
    assert "asked 5 times" in rows(engine, key(1))[0].reason
    assert states(engine, key(2)) == ["create posted"]  # the others went on


def deafen_after_sending(target: FakeTarget, times: int) -> None:
    sends = target.send

    def send_and_go_deaf(write: object) -> object:
        outcome = sends(write)  # type: ignore[arg-type]
        if len(target.sent) == 2:
            target.deaf = times
        return outcome

    target.send = send_and_go_deaf  # type: ignore[method-assign, assignment]


def test_one_answer_missing_starts_the_proof_again(engine: Engine, target: FakeTarget, clock: MovedClock) -> None:
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1)])
    asked = 0
    heard = target.find

    def find(kind: str, company: str, references: list[str]) -> object:
        nonlocal asked
        if target.sent and key(1) in references:
            asked += 1
            if asked == 2:
                raise TimeoutError("no answer")
        return heard(kind, company, references)

    target.find = find  # type: ignore[method-assign, assignment]
    assert send(engine, target).posted == 1
    told = [event.event for event in events(engine, key(1))]
    assert told[3:8] == ["unknown", "absent", "unanswered", "absent", "proved_absent"]


@pytest.mark.parametrize("happens, sendings", [(APPLY_THEN_DROP, 1), (DROP_BEFORE, 2)])
def test_an_unanswered_update_is_told_by_what_stands(
    engine: Engine, target: FakeTarget, happens: str, sendings: int
) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    target.sent.clear()
    plan(engine, [document(1, "90.00")])
    weather_for_1(target, happens)
    send(engine, target)
    assert len(target.sent) == sendings
    assert [record.total for record in target.live(key(1))] == ["90.00"]
    assert states(engine, key(1)) == ["create posted", "update posted"]
    prove(engine)


@pytest.mark.parametrize("happens, sendings", [(APPLY_THEN_DROP, 1), (DROP_BEFORE, 2)])
def test_an_unanswered_void_is_told_by_what_stands(
    engine: Engine, target: FakeTarget, happens: str, sendings: int
) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    target.sent.clear()
    plan(engine, [void(1)])
    weather_for_1(target, happens)
    send(engine, target)
    assert len(target.sent) == sendings
    assert target.live(key(1)) == []
    prove(engine)


def test_resolving_alone_settles_everything_and_sends_nothing(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(number) for number in range(1, 5)])
    target.weather = per_reference({key(1): [APPLY_THEN_DROP], key(2): [DROP_BEFORE], key(3): [TWICE]})
    impatient = replace(FAST, patience_s=-10.0, max_read_backs=1)  # a session that leaves at once
    send(engine, target, settings=impatient)
    sent = len(target.sent)
    summary = resolve_unknown(engine, target, INTEGRATION, CONTEXT, settings=FAST, clock=target.clock)
    assert (summary.posted, summary.returned, summary.held, summary.open) == (1, 1, 1, 0)
    assert len(target.sent) == sent
    assert [row.state for row in rows(engine)] == ["posted", "posted", "planned", "held", "posted"]
    prove(engine)


def test_resolving_in_the_wrong_books_stops(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    weather_for_1(target, DROP_BEFORE)
    send(engine, target, settings=replace(FAST, patience_s=-10.0))
    target.books_of = "99TRAIN"
    with pytest.raises(WrongCompany):
        resolve_unknown(engine, target, INTEGRATION, CONTEXT, settings=FAST, clock=target.clock)
    assert states(engine, key(1)) == ["create unknown"]


def test_asking_again_at_once_is_no_second_proof(engine: Engine, target: FakeTarget, clock: MovedClock) -> None:
    weather_for_1(target, DROP_BEFORE)
    plan(engine, [document(1)])
    send(engine, target, settings=replace(SLOW, patience_s=-1000.0))
    resolver = Resolver(engine, target, CONTEXT, (), SLOW, Watch(clock))
    resolver.step()
    clock.at += 10
    assert resolver.step().open == 1
    asked = len(target.questions)
    for _ in range(3):
        step = resolver.step()
        assert (step.open, step.next_s) == (1, 10.0)
    assert len(target.questions) == asked
    clock.at += 10
    assert resolver.step().returned == 1
