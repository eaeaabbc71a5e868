"""What an answer to a write leaves in the ledger, and what it means for the writes after it."""

from dataclasses import replace

from sqlalchemy import Engine

from st_pipelines.posting.target import Write
from st_pipelines_tests.posting.cases import (
    FAST,
    document,
    events,
    key,
    plan,
    prove,
    rows,
    send,
)
from st_pipelines_tests.posting.fake_target import (
    DUPLICATE,
    EXPLODE,
    NO_CONNECTION,
    OK,
    REFUSE,
    THROTTLE,
    FakeTarget,
    per_reference,
    scripted,
)


def test_a_refusal_is_kept_with_its_reason_and_blocks_nothing_else(engine: Engine, target: FakeTarget) -> None:
    target.weather = per_reference({":3": [REFUSE]})
    plan(engine, [document(number) for number in range(6)])
    summary = send(engine, target)
    assert (summary.posted, summary.rejected) == (5, 1)
    row = rows(engine, key(3))[0]
    assert (row.state, row.reason_code, row.reason) == (
        "rejected",
        "closed_period",
        "postingDate: the period is closed",
    )
    assert row.body is not None
    assert send(engine, target).sent == 0
    prove(engine)


def test_many_refusals_in_a_row_stop_the_session(engine: Engine, target: FakeTarget) -> None:
    target.weather = lambda write: REFUSE
    plan(engine, [document(number) for number in range(100)])
    summary = send(engine, target, settings=replace(FAST, stop_after_refusals=5, batch=10))
    assert "documents in a row were refused" in summary.stopped
    assert "the period is closed" in summary.stopped
    assert 5 <= summary.rejected < 40
    assert summary.left["planned"] == 100 - summary.rejected
    prove(engine)


def test_an_update_that_the_target_refuses_as_it_stands_is_built_afresh_once_and_not_for_ever(
    engine: Engine, target: FakeTarget
) -> None:
    """Refused, and the record stands as before: it may have moved under us, or it is refused each time."""
    plan(engine, [document(1)])
    send(engine, target)
    target.weather = lambda write: DUPLICATE
    plan(engine, [document(1, "200.00")])
    summary = send(engine, target)
    assert (summary.sent, [row.state for row in rows(engine, key(1))]) == (2, ["posted", "rejected", "rejected"])
    prove(engine)


def test_a_document_that_cannot_be_built_is_held_and_the_rest_goes_on(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, label="unrenderable"), document(2)])
    summary = send(engine, target)
    assert (summary.posted, summary.hold_codes) == (1, {"cannot_render": 1})
    row = rows(engine, key(1))[0]
    assert row.body is None
    assert row.reason == "the name is too long for this target"


def test_a_bug_in_the_client_is_an_unknown_outcome_not_a_lost_document(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(EXPLODE)
    plan(engine, [document(1), document(2)])
    summary = send(engine, target)
    assert summary.posted == 2
    assert len(target.live()) == 2
    assert any("a bug in the client" in fault for fault in summary.faults)
    prove(engine)


def test_a_throttle_is_waited_out_and_nothing_is_doubled(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(OK, THROTTLE, THROTTLE)
    target.retry_after_s = 0.5
    plan(engine, [document(number) for number in range(20)])
    summary = send(engine, target)
    assert summary.posted == 20
    assert len(target.live()) == 20
    assert summary.not_sent >= 2
    assert max(target.clock.waited) >= 0.4
    prove(engine)


def test_a_hostile_retry_after_does_not_park_the_queue_for_ever(engine: Engine, target: FakeTarget) -> None:
    target.weather, target.retry_after_s = scripted(THROTTLE), 9999999999.0
    plan(engine, [document(1)])
    summary = send(engine, target)
    assert "429" in summary.stopped
    due_in_s = rows(engine, key(1))[0].not_before / 1e6 - target.clock.now_us(None) / 1e6
    assert 800 < due_in_s < 1000
    target.clock.at += 1000
    assert send(engine, target).posted == 1


def test_a_target_that_is_down_pauses_sending_and_says_so(engine: Engine, target: FakeTarget) -> None:
    target.weather = lambda write: NO_CONNECTION
    plan(engine, [document(number) for number in range(200)])
    summary = send(engine, target, settings=replace(FAST, patience_s=0.2, backoff_base_s=0.05, backoff_cap_s=0.1))
    assert "connection refused" in summary.stopped
    assert summary.left == {"planned": 200}
    assert summary.sent < 60  # not every document is burnt on a dead target
    target.weather = lambda write: OK
    target.clock.at += 60
    assert send(engine, target).posted == 200
    prove(engine)


def test_nothing_is_sent_while_the_question_before_sending_has_no_answer(engine: Engine, target: FakeTarget) -> None:
    target.deaf = 2
    plan(engine, [document(1)])
    assert send(engine, target).posted == 1
    assert [len(target.sent), len(target.live())] == [1, 1]
    assert [event.event for event in events(engine, key(1))][:5] == [
        "planned",
        "sending",
        "frozen",
        "not_sent",
        "sending",
    ]


def test_an_id_that_another_document_has_is_held_and_takes_nobody_along(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    taken = rows(engine, key(1))[0].target_id
    honest = target.send

    def send_with_taken_id(write: Write) -> object:
        outcome = honest(write)
        return replace(outcome, target_id=taken) if write.external_ref == key(2) else outcome

    target.send = send_with_taken_id  # type: ignore[method-assign, assignment]
    plan(engine, [document(2), document(3), document(4)])
    summary = send(engine, target)
    assert summary.hold_codes == {"target_id_taken": 1}
    assert [row.state for row in rows(engine)] == ["posted", "held", "posted", "posted"]
    assert taken in rows(engine, key(2))[0].reason
    prove(engine)
