"""What people decide: releases, dismissals, adoptions and replays, each with a name and a reason, each in the trail."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine

from st_pipelines.posting import holds
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.replay import CannotReplay, choose, replay, replay_all
from st_pipelines.posting.settings import RunLimits
from st_pipelines.posting.target import Write
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    FAST,
    INTEGRATION,
    document,
    events,
    held,
    key,
    plan,
    prove,
    rows,
    send,
    states,
)
from st_pipelines_tests.posting.fake_target import OK, REFUSE, FakeTarget, scripted

WHO = {"by": "Bob", "reason": "agreed with the controller"}


def ids(engine: Engine, doc_key: str) -> list[int]:
    return [row.posting_id for row in rows(engine, doc_key)]


def test_holds_are_listed_by_money(engine: Engine) -> None:
    plan(engine, [held(1, "10.00"), held(2, "-500.00"), held(3, "90.00")])
    found = holds.list_holds(engine, INTEGRATION)
    assert [each.amount_minor for each in found] == [-50000, 9000, 1000]
    assert {each.code for each in found} == {"gl_account.no_row"}
    assert not any(each.releasable or each.may_have_been_sent for each in found)
    assert holds.list_holds(engine, INTEGRATION, flow="bills") == []


def test_a_mapping_hold_is_mended_in_the_mapping_not_released(engine: Engine) -> None:
    plan(engine, [held(1)])
    with pytest.raises(holds.CannotRelease, match="fix the mapping"):
        holds.release(engine, CONTEXT, ids(engine, key(1)), **WHO)
    assert states(engine) == ["create held"]


@pytest.mark.parametrize("who", [{"by": " ", "reason": "x"}, {"by": "Bob", "reason": ""}])
def test_nobody_decides_without_a_name_and_a_reason(engine: Engine, who: dict[str, str]) -> None:
    plan(engine, [held(1)])
    with pytest.raises(holds.CannotRelease, match="name"):
        holds.dismiss(engine, CONTEXT, ids(engine, key(1)), **who)


def test_a_correction_after_a_mapping_change_is_released_as_a_pair(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    same = document(1).source_sha256
    plan(engine, [document(1, business_date=date(2026, 10, 5), source_sha256=same)], change="replace")
    assert states(engine) == ["create posted", "void held", "create held"]
    assert len(holds.release(engine, CONTEXT, ids(engine, key(1))[1:2], **WHO)) == 2
    assert send(engine, target).posted == 2
    assert [record.business_date for record in target.live()] == ["2026-10-05"]
    released = [msgspec.json.decode(event.content) for event in events(engine, key(1)) if event.event == "released"]
    assert [(each["by"], each["why"], each["was"]) for each in released] == [
        ("Bob", "agreed with the controller", "mapping_changed_after_posting")
    ] * 2
    prove(engine)


def test_a_dismissed_hold_is_never_sent_and_lets_the_next_version_go(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(0), document(1, label="unrenderable")])
    send(engine, target)
    holds.dismiss(engine, CONTEXT, ids(engine, key(1)), **WHO)
    assert states(engine, key(1)) == ["create rejected"]
    plan(engine, [document(1, "80.00")])
    assert send(engine, target).posted == 1
    prove(engine)


def test_a_document_found_by_hand_is_adopted_and_compared(engine: Engine, target: FakeTarget) -> None:
    body = b'{"total":"100.00","currency":"USD","date":"2026-10-01","names":{}}'
    target.send(Write("create", "customer_invoice", "10USA", key(1), "r" * 20, body))
    target.alter = ""
    plan(engine, [document(1, label="unrenderable"), document(9, kind="payment", needs=(key(1),))])
    send(engine, target)
    found = target.live()[0]
    holds.adopt(engine, CONTEXT, ids(engine, key(1))[0], target_id=found.target_id, target_number="N1", **WHO)
    summary = send(engine, target)
    assert (summary.posted, summary.read_back) == (1, 2)  # the payment went out, both were compared
    assert states(engine, key(1)) == ["create posted"]
    prove(engine)


def test_what_is_not_held_cannot_be_decided(engine: Engine) -> None:
    plan(engine, [document(1)])
    with pytest.raises(holds.CannotRelease, match="is not held"):
        holds.release(engine, CONTEXT, ids(engine, key(1)), **WHO)
    with pytest.raises(holds.CannotRelease, match="has no posting"):
        holds.release(engine, CONTEXT, [999], **WHO)


def test_a_refused_document_is_replayed_under_the_same_reference(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(REFUSE)
    plan(engine, [document(1)])
    send(engine, target)
    planned = replay(engine, target, CONTEXT, ids(engine, key(1))[0], **WHO)
    assert len(planned) == 1
    assert [(row.seq, row.state, row.external_ref) for row in rows(engine, key(1))] == [
        (1, "rejected", key(1)), (2, "planned", key(1)),
    ]  # fmt: skip
    assert send(engine, target).posted == 1
    asked = next(event for event in events(engine, key(1)) if event.event == "replay_asked")
    assert msgspec.json.decode(asked.content)["by"] == "Bob"
    prove(engine)


def test_a_replay_of_what_is_there_after_all_sends_nothing(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(REFUSE)
    plan(engine, [document(1)])
    send(engine, target)
    target._apply(target.sent[0])  # somebody entered it with our reference
    replay(engine, target, CONTEXT, ids(engine, key(1))[0], **WHO)
    summary = send(engine, target)
    assert (summary.adopted, summary.sent) == (1, 0)


def test_a_replay_is_refused_where_the_target_holds_something_else(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(REFUSE)
    plan(engine, [document(1)])
    send(engine, target)
    target.alter = "1.00"
    target._apply(target.sent[0])
    with pytest.raises(CannotReplay, match="not as planned"):
        replay(engine, target, CONTEXT, ids(engine, key(1))[0], **WHO)


def test_only_what_was_refused_is_replayed_and_only_once(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(REFUSE)
    plan(engine, [document(1)])
    send(engine, target)
    first = ids(engine, key(1))[0]
    replay(engine, target, CONTEXT, first, **WHO)
    with pytest.raises(CannotReplay, match="newer posting is open"):
        replay(engine, target, CONTEXT, first, **WHO)
    with pytest.raises(CannotReplay, match="no posting of 999"):
        replay(engine, target, CONTEXT, 999, **WHO)


def test_many_are_replayed_after_one_look_at_the_target(engine: Engine, target: FakeTarget) -> None:
    target.weather = lambda write: REFUSE
    plan(engine, [document(number, f"{number}.00") for number in range(1, 31)])
    plan(engine, [document(99, "5.00", kind="payment")], replace(CONTEXT, run_id="run-2", partition_key="2026-10-02"))
    plan(engine, [held(50)])
    send(engine, target, settings=replace(FAST, stop_after_refusals=100))
    assert [each.amount_minor for each in choose(engine, INTEGRATION)][:2] == [3000, 2900]
    assert len(choose(engine, INTEGRATION, code="closed_period")) == 31
    assert choose(engine, INTEGRATION, code="no_such") == []
    assert len(choose(engine, INTEGRATION, first="2026-10-01")) == 30
    assert [each.doc_key for each in choose(engine, INTEGRATION, first="2026-10-02", last="2026-10-31")] == [
        key(99, "payment")
    ]
    assert len(choose(engine, INTEGRATION, run_id="run-1")) == 31  # it planned thirty and was refused with all
    assert len(choose(engine, INTEGRATION, run_id="run-2")) == 1

    target.weather = lambda write: OK
    asked = len(target.questions)
    chosen = choose(engine, INTEGRATION, flow="invoices")
    done = replay_all(engine, target, CONTEXT, chosen, **WHO)
    assert len(target.questions) == asked + 1
    assert all(len(each.planned) == 1 for each in done) and len(done) == 30
    assert choose(engine, INTEGRATION, flow="invoices") == []
    assert send(engine, target).posted == 30
    prove(engine)


def test_a_replay_of_what_is_posted_says_so_and_changes_nothing(engine: Engine, target: FakeTarget) -> None:
    target.weather = scripted(OK, REFUSE)
    target.max_concurrency = 1
    plan(engine, [document(1), document(2), document(3)])
    send(engine, target)
    before = events(engine)
    chosen = choose(engine, INTEGRATION, keys=[key(1), str(ids(engine, key(3))[0])])
    done = replay_all(engine, target, CONTEXT, chosen, **WHO)
    assert [(each.planned, "posted already as N" in each.said) for each in done] == [((), True), ((), True)]
    assert events(engine) == before
    with pytest.raises(CannotReplay, match="no posting of ST:1:invoice:7"):
        choose(engine, INTEGRATION, keys=[key(7)])


def test_one_that_the_target_holds_otherwise_does_not_stop_the_others(engine: Engine, target: FakeTarget) -> None:
    target.weather = lambda write: REFUSE
    plan(engine, [document(1), document(2)])
    send(engine, target)
    target.alter = "1.00"
    target._apply(next(write for write in target.sent if write.external_ref == key(1)))
    done = replay_all(engine, target, CONTEXT, choose(engine, INTEGRATION, code="closed_period"), **WHO)
    assert {each.chosen.doc_key: bool(each.planned) for each in done} == {key(1): False, key(2): True}
    assert "not as planned" in next(each.said for each in done if not each.planned)


def test_no_answer_replays_nothing(engine: Engine, target: FakeTarget) -> None:
    target.weather = lambda write: REFUSE
    plan(engine, [document(1), document(2)])
    send(engine, target)
    target.deaf = 1
    with pytest.raises(TimeoutError):
        replay_all(engine, target, CONTEXT, choose(engine, INTEGRATION, code="closed_period"), **WHO)
    assert states(engine) == ["create rejected", "create rejected"]


def test_a_run_above_its_limit_is_held_whole(engine: Engine, target: FakeTarget) -> None:
    summary = plan(engine, [document(number) for number in range(8)], limits=RunLimits(documents=5))
    assert (summary.planned, summary.held, summary.held_codes) == (0, 8, {"run_limit": 8})
    more = plan(engine, [document(number) for number in range(8, 10)], limits=RunLimits(documents=5))
    assert (more.planned, more.held) == (0, 2)
    assert send(engine, target).sent == 0
    assert "10 postings for 10USA" in rows(engine, key(9))[0].reason
    prove(engine)


def test_a_limit_is_counted_over_all_calls_of_a_run_and_by_company(engine: Engine) -> None:
    limits = RunLimits(documents=5)
    for start in (0, 3):
        plan(engine, [document(number) for number in range(start, start + 3)], limits=limits)
    plan(engine, [document(number, company="20USA") for number in range(10, 13)], limits=limits)
    by_company = {row.company: row.state for row in rows(engine)}
    assert by_company == {"10USA": "held", "20USA": "planned"}
    other = RunContext(INTEGRATION, "run-2", "Ann")
    assert plan(engine, [document(20)], other, limits=limits).planned == 1


def test_a_limit_of_money_counts_absolute_amounts(engine: Engine) -> None:
    limits = RunLimits(amount=Decimal("250.00"))
    assert plan(engine, [document(1), document(2, "-100.00")], limits=limits).planned == 2
    assert plan(engine, [document(3)], limits=limits).held == 3
    assert "USD 300.00" in rows(engine, key(3))[0].reason


def test_a_released_run_is_not_held_again(engine: Engine, target: FakeTarget) -> None:
    limits = RunLimits(documents=2)
    plan(engine, [document(number) for number in range(3)], limits=limits)
    every = [row.posting_id for row in rows(engine)]
    assert holds.release(engine, CONTEXT, every, **WHO) == every
    plan(engine, [document(9)], limits=limits)
    assert send(engine, target).posted == 3
    assert states(engine, key(9)) == ["create held"]
