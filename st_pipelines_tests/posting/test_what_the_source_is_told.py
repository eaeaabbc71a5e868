"""What the source is told: what stands and was read back, once, on record before it is asked; on both databases."""

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from st_pipelines.audit.verify import verify
from st_pipelines.database.engine import reading, transaction
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.told import counts, open_marks, told_of, totals
from st_pipelines.posting.write_back import Answer, Question, Said, ask, ask_again, mark_again, plan_marks, record
from st_pipelines_tests.posting import cases
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks

DAY_US = 86_400 * 1_000_000


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget(MemoryBooks())


def context(run_id: str) -> RunContext:
    return RunContext(cases.INTEGRATION, run_id, "Ann", "m1", "2026-10-01")


def marks(engine: Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(text("SELECT * FROM write_back ORDER BY write_back_id")))


def posted(engine: Engine, target: FakeTarget, *numbers: int) -> None:
    cases.plan(engine, [cases.document(number) for number in numbers])
    assert cases.send(engine, target, "invoices").clean


def asked(engine: Engine, run_id: str, most: int = 50) -> list[Question]:
    plan_marks(engine, context(run_id), "invoices", "invoices")
    return ask(engine, context(run_id), "invoices", most)


def told(engine: Engine, run_id: str, said: Said = "exported", reason: str = "") -> list[str]:
    """One run that gets the same answer to everything; gives the keys it asked about."""
    questions = asked(engine, run_id)
    record(engine, context(run_id), [Answer(one, said, reason) for one in questions])
    return [one.doc_key for one in questions]


def states(engine: Engine) -> list[str]:
    return [f"{row.external_id} {row.state}" for row in marks(engine)]


def pause_over(engine: Engine, days: int) -> None:
    """As if the days had passed."""
    with transaction(engine) as connection:
        connection.execute(text("UPDATE write_back SET not_before = not_before - :us"), {"us": days * DAY_US})


def test_a_document_that_was_read_back_is_told_once_with_its_number(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1, 2)
    (first, second) = asked(engine, "a")
    assert [row.state for row in marks(engine)] == ["unknown", "unknown"], "a question is on record before it is asked"
    assert first.told == () and first.external_id == cases.rows(engine, first.doc_key)[0].target_number
    assert dict(record(engine, context("a"), [Answer(first, "exported"), Answer(second, "already_exported")])) == {
        "exported": 1, "already_exported": 1
    }  # fmt: skip
    assert told(engine, "b") == []
    assert totals(engine, cases.INTEGRATION) == {"due": 0, "marked": 2, "refused": 0, "unknown": 0}
    assert counts(engine, cases.INTEGRATION, "invoices")["2026-10-01"]["marked"] == 2
    assert told_of(engine, cases.INTEGRATION, "invoices", "2026-10-01") == [cases.key(1), cases.key(2)]
    said = [event.event for event in cases.events(engine, cases.key(1))]
    assert said[-1] == "marked_exported" and verify(engine).ok


@pytest.mark.parametrize("broken", ["read_back_at = NULL", "reason_code = 'read_back_differs'"])
def test_what_was_not_read_back_or_differs_is_not_told(engine: Engine, target: FakeTarget, broken: str) -> None:
    posted(engine, target, 1)
    with transaction(engine) as connection:
        connection.execute(text(f"UPDATE posting SET {broken}"))
    assert asked(engine, "a") == [] and marks(engine) == []


def test_a_document_with_a_newer_posting_on_its_way_is_not_told(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    cases.plan(engine, [cases.document(1, "120.00")])  # planned, not sent
    assert asked(engine, "a") == []


def test_posted_again_after_a_void_it_is_told_again_with_its_new_number(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    told(engine, "a")
    cases.plan(engine, [cases.document(1, "120.00")], change="replace")
    assert cases.send(engine, target, "invoices").clean
    (question,) = asked(engine, "b")
    old = marks(engine)[0].external_id
    assert question.told == (old,) and question.external_id not in ("", old)
    record(engine, context("b"), [Answer(question, "exported")])
    assert states(engine) == [f"{old} marked", f"{question.external_id} marked"]
    assert totals(engine, cases.INTEGRATION)["marked"] == 1, "only the posting that stands counts"


def test_a_voided_document_is_not_told(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    asked(engine, "a")  # and then the run dies
    cases.plan(engine, [cases.void(1)])
    assert cases.send(engine, target, "invoices").clean
    assert asked(engine, "b") == [] and open_marks(engine, cases.INTEGRATION) == []


def test_a_run_that_dies_leaves_an_unknown_that_the_next_one_asks_about(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    asked(engine, "a")
    (question,) = asked(engine, "b")
    assert question.attempts == 2 and question.told == (question.external_id,)
    record(engine, context("b"), [Answer(question, "already_exported")])
    assert [row.state for row in marks(engine)] == ["marked"]


def test_what_was_not_sent_is_due_and_an_unknown_stays_unknown(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    assert told(engine, "a", "not_sent", "the limit") == [cases.key(1)]
    assert [(row.state, row.reason) for row in marks(engine)] == [("due", "the limit")]
    assert told(engine, "b", "unknown", "cut off") == [cases.key(1)]
    assert ask(engine, context("b"), "invoices", 50) == [], "each is asked about once a run"
    assert [(row.state, row.reason, row.attempts) for row in marks(engine)] == [("unknown", "cut off", 2)]


def test_a_refusal_rests_longer_each_time_and_a_person_can_ask_again(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    told(engine, "a", "refused", "batch is locked")
    (left,) = open_marks(engine, cases.INTEGRATION, "invoices")
    assert (left.state, left.reason, left.attempts) == ("refused", "batch is locked", 1)
    assert told(engine, "b") == []
    pause_over(engine, 1)
    assert told(engine, "c", "refused", "still locked") == [cases.key(1)]
    pause_over(engine, 1)
    assert told(engine, "d") == [], "the second pause is two days"
    assert ask_again(engine, context("e"), "invoices", [cases.key(1)], by="Ann", why="unlocked") == 1
    assert told(engine, "f") == [cases.key(1)]
    again = next(one for one in cases.events(engine, cases.key(1)) if one.event == "mark_due_again")
    assert '"by":"Ann"' in again.content and '"reason":"unlocked"' in again.content


def test_a_late_answer_is_left_to_whoever_asked_last(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    (slow,) = asked(engine, "a")
    (quick,) = asked(engine, "b")
    assert dict(record(engine, context("a"), [Answer(slow, "refused", "old news")])) == {}
    assert dict(record(engine, context("b"), [Answer(quick, "exported")])) == {"exported": 1}
    assert [row.state for row in marks(engine)] == ["marked"]


def test_a_mark_that_the_source_lost_since_is_due_again(engine: Engine, target: FakeTarget) -> None:
    posted(engine, target, 1)
    told(engine, "a")
    marked_at = marks(engine)[0].marked_at
    assert mark_again(engine, context("b"), "invoices", [cases.key(1)], marked_at) == 0, "read before it was marked"
    assert mark_again(engine, context("b"), "invoices", [cases.key(1)], marked_at + 1) == 1
    (question,) = asked(engine, "b")
    assert question.told == (question.external_id,)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM write_back", "UPDATE write_back SET external_id = 'other'", "UPDATE write_back SET attempts = 0",
     "UPDATE write_back SET state = 'due', reason = ''; UPDATE write_back SET state = 'marked'"],
)  # fmt: skip
def test_the_database_refuses_to_rewrite_what_was_told(engine: Engine, target: FakeTarget, statement: str) -> None:
    posted(engine, target, 1)
    told(engine, "a")
    with pytest.raises(DBAPIError), transaction(engine) as connection:
        for one in statement.split(";"):
            connection.execute(text(one))
