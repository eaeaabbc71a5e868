"""What the target holds counts: it is asked before a document is sent, and again afterwards."""

from dataclasses import replace

import msgspec
from sqlalchemy import Engine

from st_pipelines.posting.context import RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.target import Write
from st_pipelines_tests.posting.cases import (
    FAST,
    document,
    events,
    key,
    mark_of,
    plan,
    prove,
    rows,
    send,
)
from st_pipelines_tests.posting.fake_target import (
    DUPLICATE,
    FakeTarget,
    MovedClock,
    scripted,
)


def test_what_the_target_holds_already_is_adopted_not_sent(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    other = FakeTarget(target.books, clock=MovedClock())
    # A ledger that does not know of it, as after a restore from a backup (L15).
    fresh = RunContext("restored", "run-9", "Ann")
    plan_documents(engine, fresh, [document(1)], target="the same books", change=target.change)
    summary = post(engine, other, fresh.integration, (), fresh, mark=mark_of(engine), settings=FAST, clock=other.clock)
    assert (summary.adopted, summary.posted, summary.sent) == (1, 1, 0)
    assert other.sent == []


def test_what_the_target_holds_differently_is_held(engine: Engine, target: FakeTarget) -> None:
    target.send(Write("create", "customer_invoice", "10USA", key(1), "r" * 20,
                      b'{"total":"55.00","currency":"USD","date":"2026-10-01","names":{}}'))  # fmt: skip
    target.sent.clear()
    plan(engine, [document(1), document(2)])
    summary = send(engine, target)
    assert (summary.posted, summary.hold_codes) == (1, {"found_different": 1})
    assert target.sent[0].external_ref == key(2)
    assert "planned 100.00, held 55.00" in rows(engine, key(1))[0].reason
    prove(engine)


def test_already_exists_is_read_back_before_it_counts(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(DUPLICATE)
    plan(engine, [document(1)])
    summary = send(engine, target)
    assert (summary.rejected, summary.posted) == (1, 0)  # it says so, but nothing is there: its word stands
    assert rows(engine, key(1))[0].reason == "already exists"


def test_a_posted_document_that_reads_back_differently_raises_an_alarm(engine: Engine, target: FakeTarget) -> None:
    target.alter = "101.00"
    plan(engine, [document(1)])
    summary = send(engine, target)
    assert summary.differing == [key(1)]
    row = rows(engine, key(1))[0]
    assert (row.state, row.reason_code) == ("posted", "read_back_differs")
    assert "planned 100.00, held 101.00" in row.reason
    alarm = msgspec.json.decode(events(engine, key(1))[-1].content)
    assert alarm["alarm"] is True
    prove(engine)


def test_what_could_not_be_read_back_is_read_back_by_the_next_session(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    heard = target.find
    calls = []

    def find(kind: str, company: str, references: list[str]) -> dict[str, list[object]]:
        calls.append(references)
        if len(calls) == 2:
            raise TimeoutError("no answer")
        return heard(kind, company, references)

    target.find = find  # type: ignore[method-assign, assignment]
    assert send(engine, target).not_read_back == 1
    assert rows(engine, key(1))[0].read_back_at is None
    assert send(engine, target).read_back == 1
    assert rows(engine, key(1))[0].read_back_at is not None


def test_a_posted_document_that_vanished_raises_an_alarm_but_a_slow_index_does_not(
    engine: Engine, target: FakeTarget
) -> None:
    plan(engine, [document(1)])
    sends = target.send

    def send_and_lag(write: Write) -> object:
        outcome = sends(write)
        target.blind = True
        return outcome

    target.send = send_and_lag  # type: ignore[method-assign, assignment]
    patient = replace(FAST, quiet_period_s=3600.0)
    assert send(engine, target, settings=patient).not_read_back == 1
    assert send(engine, target, settings=patient).differing == []
    target.clock.at += 10.0
    eager = replace(FAST, quiet_period_s=5.0)
    assert send(engine, target, settings=eager).differing == [key(1)]
    assert "does not find it" in rows(engine, key(1))[0].reason
