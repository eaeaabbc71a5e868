"""Documents that are final once posted, and documents that the source says are in the books: a person decides."""

import pytest
from sqlalchemy import Engine

from st_pipelines.posting import holds
from st_pipelines_tests.posting.cases import CONTEXT, document, key, plan, prove, rows, send, states
from st_pipelines_tests.posting.fake_target import FakeTarget, MemoryBooks

WHO = {"by": "Ann", "reason": "looked at the paper"}


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget(MemoryBooks())


def ids(engine: Engine) -> list[int]:
    return [row.posting_id for row in rows(engine, key(1)) if row.state == "held"]


def test_a_change_after_posting_is_held_with_what_changed(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, is_final=True)], change="replace")
    send(engine, target)
    plan(engine, [document(1, "120.00", is_final=True)], change="replace")
    assert states(engine) == ["create posted", "void held", "create held"]
    row = rows(engine, key(1))[-1]
    assert row.reason_code == "changed_after_posting"
    assert "total 100.00 USD, now 120.00 USD" in row.reason
    assert send(engine, target).sent == 0
    assert [record.total for record in target.live()] == ["100.00"]
    prove(engine)


def test_a_person_may_release_the_change_and_both_writes_go_out(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, is_final=True)], change="replace")
    send(engine, target)
    plan(engine, [document(1, "120.00", is_final=True)], change="replace")
    assert len(holds.release(engine, CONTEXT, ids(engine)[:1], **WHO)) == 2
    assert send(engine, target).posted == 2
    assert [record.total for record in target.live()] == ["120.00"]
    prove(engine)


def test_a_change_that_is_taken_back_leaves_nothing_held(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, is_final=True)], change="replace")
    send(engine, target)
    plan(engine, [document(1, "120.00", is_final=True)], change="replace")
    plan(engine, [document(1, is_final=True)], change="replace")
    assert states(engine) == ["create posted", "void superseded", "create superseded"]
    prove(engine)


def test_a_change_before_posting_is_no_matter_for_a_person(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, is_final=True), document(1, "120.00", is_final=True)], change="replace")
    assert send(engine, target).posted == 1
    assert [record.total for record in target.live()] == ["120.00"]


def test_what_the_source_says_is_in_the_books_is_not_posted_by_a_ledger_that_never_did(
    engine: Engine, target: FakeTarget
) -> None:
    plan(engine, [document(1, stands_as="4711")])
    (row,) = rows(engine, key(1))
    assert (row.state, row.reason_code) == ("held", "in_books_already")
    assert "(4711)" in row.reason
    assert send(engine, target).sent == 0
    holds.release(engine, CONTEXT, ids(engine), **WHO)
    assert send(engine, target).posted == 1
    prove(engine)


def test_what_the_source_was_told_by_us_changes_nothing(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, is_final=True)])
    send(engine, target)
    plan(engine, [document(1, is_final=True, stands_as="10USACO|APINV|2026|17")], change="none")
    assert states(engine) == ["create posted"]


def test_a_document_that_is_posted_again_after_its_void_is_not_stopped_by_its_own_old_voucher(
    engine: Engine, target: FakeTarget
) -> None:
    plan(engine, [document(1, is_final=True)], change="replace")
    send(engine, target)
    plan(engine, [document(1, "120.00", is_final=True, stands_as="17")], change="replace")
    holds.release(engine, CONTEXT, ids(engine)[:1], **WHO)
    assert send(engine, target).posted == 2
    prove(engine)
