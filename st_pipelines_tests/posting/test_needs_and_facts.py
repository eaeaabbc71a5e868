"""What documents wait for: other documents, and goods that were received."""

from dataclasses import dataclass

from sqlalchemy import Engine

from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.waiting import waits
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    INTEGRATION,
    document,
    events,
    key,
    mark_of,
    plan,
    prove,
    send,
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import FakeTarget

RECEIPT = "ST:1:receipt_line:7"


@dataclass(frozen=True)
class Fact:
    key: str
    is_true: bool
    detail: str = ""


def test_a_bill_waits_for_its_goods(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, kind="bill", needs=(RECEIPT,))])
    assert send(engine, target).sent == 0
    assert [(each.needs, each.reason.state) for each in waits(engine, INTEGRATION)] == [(RECEIPT, "unseen")]
    told = record_facts(engine, CONTEXT, [Fact(RECEIPT, True, "10 of 10")])
    assert (told.became_true, told.unchanged) == (1, 0)
    assert send(engine, target).posted == 1
    prove(engine)


def test_a_fact_known_before_planning_counts(engine: Engine, target: FakeTarget) -> None:
    record_facts(engine, CONTEXT, [Fact(RECEIPT, True)])
    plan(engine, [document(1, kind="bill", needs=(RECEIPT,))])
    assert send(engine, target).posted == 1


def test_withdrawing_a_fact_makes_what_was_not_sent_wait_again(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, kind="bill", needs=(RECEIPT,))])
    record_facts(engine, CONTEXT, [Fact(RECEIPT, True)])
    assert record_facts(engine, CONTEXT, [Fact(RECEIPT, False, "corrected by a negative receipt")]).withdrawn == 1
    assert send(engine, target).sent == 0
    record_facts(engine, CONTEXT, [Fact(RECEIPT, True)])
    assert send(engine, target).posted == 1
    record_facts(engine, CONTEXT, [Fact(RECEIPT, False)])
    assert states(engine) == ["create posted"]  # what was posted stays


def test_the_same_facts_again_change_nothing(engine: Engine) -> None:
    facts = [Fact(f"{RECEIPT}{n}", n % 2 == 0, "d") for n in range(700)]
    record_facts(engine, CONTEXT, facts)
    before = len(events(engine))
    assert record_facts(engine, CONTEXT, facts).unchanged == 700
    assert len(events(engine)) == before == 700


def test_a_voided_invoice_holds_back_the_payment_that_was_not_sent(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [void(1), document(9, kind="payment", needs=(key(1),))])
    assert send(engine, target, "invoices").posted == 1
    assert send(engine, target, "payments").sent == 0
    assert [(each.needs, each.reason.state) for each in waits(engine, INTEGRATION)] == [(key(1), "voided")]


def test_a_void_names_what_the_voided_document_named(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(7, "0.00", kind="customer"), document(1, needs=(key(7, "customer"),))])
    send(engine, target)
    plan(engine, [void(1)])  # a void needs nothing itself
    assert send(engine, target).posted == 1
    assert states(engine, key(1)) == ["create posted", "void posted"]
    prove(engine)


def test_a_need_of_one_integration_is_not_met_by_another(engine: Engine, target: FakeTarget) -> None:
    from st_pipelines.posting.context import RunContext
    from st_pipelines.posting.plan import plan_documents
    from st_pipelines.posting.poster import post
    from st_pipelines_tests.posting.cases import FAST

    plan(engine, [document(9, kind="payment", needs=(key(1),))])
    other = RunContext("other", "run-2", "Ann")
    plan_documents(engine, other, [document(1)], target="other books", change=target.change)
    assert post(engine, target, "other", (), other, mark=mark_of(engine), settings=FAST, clock=target.clock).posted == 1
    assert send(engine, target).sent == 0
