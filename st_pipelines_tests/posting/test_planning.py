"""Planning: what each disposition and each new version means for the ledger; planning again changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from st_pipelines.posting.canonical import content_sha256, decode, encode
from st_pipelines.posting.context import RunContext
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    FAST,
    document,
    events,
    held,
    key,
    plan,
    prove,
    rows,
    send,
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import DROP_BEFORE, FakeTarget, MemoryBooks, scripted


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget(MemoryBooks())


def test_a_ready_document_is_planned_once(engine: Engine) -> None:
    first = plan(engine, [document(1), document(2)])
    assert (first.documents, first.planned, first.versions) == (2, 2, 2)
    before = events(engine)
    again = plan(engine, [document(1), document(2)])
    assert (again.unchanged, again.planned, again.versions) == (2, 0, 0)
    assert events(engine) == before
    row = rows(engine, key(1))[0]
    assert (row.state, row.op, row.seq, row.external_ref, row.amount_minor) == ("planned", "create", 1, key(1), 10000)
    prove(engine)


def test_what_does_not_matter_to_the_books_plans_nothing(engine: Engine) -> None:
    plan(engine, [document(1)])
    later = document(1, modified_on=datetime(2026, 10, 9, tzinfo=UTC), label="another label")
    assert plan(engine, [later]).unchanged == 1


def test_a_newer_version_supersedes_what_was_never_sent(engine: Engine) -> None:
    plan(engine, [document(1, "100.00")])
    assert plan(engine, [document(1, "90.00")]).superseded == 1
    assert states(engine, key(1)) == ["create superseded", "create planned"]
    assert [row.external_ref for row in rows(engine, key(1))] == [key(1), key(1)]
    prove(engine)


def test_two_versions_of_a_document_in_one_call_are_seen_in_order(engine: Engine) -> None:
    plan(engine, [document(1, "100.00"), document(1, "90.00"), document(1, "80.00")])
    assert states(engine, key(1)) == ["create superseded", "create superseded", "create planned"]
    assert rows(engine, key(1))[-1].amount_minor == 8000


def test_a_held_document_says_why_and_is_replaced_when_the_mapping_is_mended(engine: Engine) -> None:
    summary = plan(engine, [held(1)])
    assert summary.held_codes == {"gl_account.no_row": 1}
    row = rows(engine, key(1))[0]
    assert row.state == "held"
    assert row.body is None
    assert "101/Service" in row.reason
    assert "accounts.csv" in row.reason
    plan(engine, [document(1)])
    assert states(engine, key(1)) == ["create superseded", "create planned"]


@pytest.mark.parametrize("disposition", ["nothing_to_post", "not_eligible", "void"])
def test_what_is_not_posted_is_recorded_with_its_reason(engine: Engine, disposition: str) -> None:
    plan(engine, [document(1)])
    plan(engine, [document(1, "0.00", disposition=disposition, reason="zero total")])
    assert states(engine, key(1)) == ["create superseded"]
    recorded = msgspec.json.decode(events(engine, key(1))[-1].content)
    assert (recorded["disposition"], recorded["reason"]) == (disposition, "zero total")
    prove(engine)


def test_a_posted_document_that_changes_is_updated(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, "90.00")])
    send(engine, target)
    assert states(engine, key(1)) == ["create posted", "update posted"]
    assert [record.total for record in target.live(key(1))] == ["90.00"]
    assert len({row.target_id for row in rows(engine, key(1))}) == 1
    prove(engine)


def test_a_document_that_cannot_be_updated_is_voided_and_made_again_under_a_new_reference(
    engine: Engine, target: FakeTarget
) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, "90.00")], change="replace")
    assert states(engine, key(1)) == ["create posted", "void planned", "create planned"]
    send(engine, target)
    assert [row.external_ref for row in rows(engine, key(1))] == [key(1), key(1), key(1) + ":2"]
    assert [record.total for record in target.live()] == ["90.00"]
    assert [record.external_ref for record in target.live()] == [key(1) + ":2"]
    prove(engine)


def test_a_document_that_moves_to_other_books_is_always_replaced(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, source_sha256="moved".ljust(64, "0"), company="20USA")], change="update")
    send(engine, target)
    assert [(row.op, row.company, row.state) for row in rows(engine, key(1))] == [
        ("create", "10USA", "posted"), ("void", "10USA", "posted"), ("create", "20USA", "posted"),
    ]  # fmt: skip
    assert [record.company for record in target.live()] == ["20USA"]


def test_a_change_that_the_target_does_not_see_plans_nothing(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, "90.00")], change="none")
    assert states(engine, key(1)) == ["create posted"]


def test_a_changed_mapping_after_posting_waits_for_a_person(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    same_source = document(1).source_sha256
    plan(engine, [document(1, business_date=date(2026, 10, 3), source_sha256=same_source)])
    row = rows(engine, key(1))[-1]
    assert (row.op, row.state, row.reason_code) == ("update", "held", "mapping_changed_after_posting")
    assert send(engine, target).sent == 0


def test_a_void_after_posting_voids_and_a_later_return_is_a_new_document(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [void(1)])
    send(engine, target)
    assert target.live() == []
    plan(engine, [document(1)])
    send(engine, target)
    assert states(engine, key(1)) == ["create posted", "void posted", "create posted"]
    assert [record.external_ref for record in target.live()] == [key(1) + ":2"]
    prove(engine)


def test_a_void_that_is_taken_back_before_sending_leaves_what_stands(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [void(1)])
    plan(engine, [document(1)])
    assert states(engine, key(1)) == ["create posted", "void superseded"]
    assert send(engine, target).sent == 0


def test_a_posted_document_that_became_not_eligible_is_held_as_a_void(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, disposition="not_eligible", reason="pending again")])
    row = rows(engine, key(1))[-1]
    assert (row.op, row.state, row.reason_code) == ("void", "held", "not_postable_after_posting")
    assert "pending again" in row.reason


def test_planning_never_waits_for_what_is_on_its_way(engine: Engine) -> None:
    target = FakeTarget(MemoryBooks(), scripted(DROP_BEFORE), quiet_period_s=0.0)
    plan(engine, [document(1)])
    patient = replace(FAST, max_read_backs=1)  # nothing else is in these books to prove a question by: held
    send(engine, target, settings=patient)
    assert states(engine, key(1)) == ["create held"]
    plan(engine, [document(1, "90.00")])
    assert states(engine, key(1)) == ["create held", "update planned"]
    assert send(engine, target).sent == 0  # L10: it waits for the first to be settled


def test_an_amount_that_does_not_fit_its_currency_is_held_not_rounded(engine: Engine) -> None:
    summary = plan(engine, [document(1, "10.005"), document(2, "7.00", currency="JPY", control=())])
    assert summary.held_codes == {"amount.not_in_minor_units": 1}
    assert [(row.state, row.amount_minor) for row in rows(engine)] == [("held", 1001), ("planned", 7)]


def test_a_name_with_a_nul_is_recorded_on_both_databases(engine: Engine) -> None:
    assert plan(engine, [document(1, label="a\x00b", disposition="not_eligible", reason="x\x00y")]).versions == 1


def test_two_integrations_never_share_a_document(engine: Engine) -> None:
    plan(engine, [document(1)])
    other = RunContext("other", "run-2", "Ann")
    with pytest.raises(IntegrityError):
        plan(engine, [document(1)], other)
    assert len(rows(engine)) == 1
    prove(engine)


def test_an_unknown_disposition_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="unknown disposition 'maybe'"):
        plan(engine, [document(1, disposition="maybe")])


def test_the_run_is_named_in_every_event(engine: Engine) -> None:
    plan(engine, [document(1), held(2), document(3, disposition="not_eligible", reason="pending")])
    for event in events(engine):
        content = msgspec.json.decode(event.content)
        assert (content["run_id"], content["actor"]) == (CONTEXT.run_id, "Ann")
        assert content["mapping_version"] == "m1"


@given(total=st.decimals("-99999.99", "99999.99", places=2), days=st.integers(0, 30), label=st.text(max_size=30))
def test_the_content_hash_moves_exactly_when_the_books_would(total: Decimal, days: int, label: str) -> None:
    base = document(1, str(total), source_sha256="s" * 64)
    noise = document(1, str(total), source_sha256="s" * 64, label=label, modified_on=datetime(2026, 11, 1, tzinfo=UTC))
    assert content_sha256(base) == content_sha256(noise)
    moved = document(1, str(total), source_sha256="s" * 64, business_date=date(2026, 10, 1 + days))
    assert (content_sha256(base) == content_sha256(moved)) == (days == 0)
    assert decode(encode(noise)) == noise


def test_a_version_that_the_source_modified_earlier_never_replaces_a_later_one(
    engine: Engine, target: FakeTarget
) -> None:
    """Two roads lead into the ledger: what a day read may be older than what an event has brought meanwhile."""
    earlier, later = datetime(2026, 10, 3, 9, tzinfo=UTC), datetime(2026, 10, 3, 9, 5, tzinfo=UTC)
    plan(engine, [document(1, "90.00", modified_on=later)])
    send(engine, target)
    again = plan(engine, [document(1, "100.00", modified_on=earlier)])
    assert (again.unchanged, again.versions, again.planned) == (1, 0, 0)
    assert states(engine, key(1)) == ["create posted"]
    # Another mapping of the same version is planned, as ever: the source did not say anything earlier.
    assert plan(engine, [document(1, "80.00", modified_on=later)]).versions == 1
    prove(engine)
