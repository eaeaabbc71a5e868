"""What a session claims: which postings may go now, in which order, and each of them once."""

from dataclasses import replace

import msgspec
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
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import (
    OK,
    REFUSE,
    FakeTarget,
    scripted,
)


def test_everything_is_posted_once_and_a_second_session_asks_nothing(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(number) for number in range(120)])
    summary = send(engine, target, settings=replace(FAST, batch=25, questions=25))
    assert (summary.sent, summary.posted, summary.read_back, summary.clean) == (120, 120, 120, True)
    assert len(target.live()) == 120
    assert max(len(asked) for _, _, asked in target.questions) <= 25
    before = (len(target.sent), len(target.questions), len(target.checked))
    assert send(engine, target).posted == 0
    assert (len(target.sent), len(target.questions), len(target.checked)) == before
    prove(engine)


def test_the_life_of_a_posting_is_in_the_trail(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    assert [event.event for event in events(engine, key(1))] == ["planned", "sending", "frozen", "posted"]
    posted = msgspec.json.decode(events(engine, key(1))[-1].content)
    row = rows(engine, key(1))[0]
    assert posted["target_id"] == row.target_id
    assert posted["body_sha256"] == row.body_sha256
    assert (posted["from"], posted["to"], posted["attempt"], posted["company"]) == ("sending", "posted", 1, "10USA")
    assert row.read_back_at is not None


def test_masters_go_before_documents_and_invoices_before_payments(engine: Engine, target: FakeTarget) -> None:
    payment = document(9, kind="payment", needs=(key(1),))
    invoice = document(1, needs=(key(7, "customer"),))
    plan(engine, [payment, invoice, document(7, "0.00", kind="customer")])
    assert send(engine, target).posted == 3
    assert [write.kind for write in target.sent] == ["customer", "customer_invoice", "customer_payment"]
    customer = rows(engine, key(7, "customer"))[0].target_id
    assert [record.names for record in target.live(key(1))] == [{key(7, "customer"): customer}]


def test_a_document_whose_need_is_not_posted_waits(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(9, kind="payment", needs=(key(1),))])
    summary = send(engine, target)
    assert (summary.sent, summary.left) == (0, {"planned": 1})
    plan(engine, [document(1)])
    assert send(engine, target).posted == 2


def test_only_the_flows_asked_for_are_posted(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1), document(2, kind="payment")])
    assert send(engine, target, "payments").posted == 1
    assert [write.kind for write in target.sent] == ["customer_payment"]
    assert states(engine, key(1)) == ["create planned"]


def test_an_update_whose_create_was_refused_becomes_a_create(engine: Engine, target: FakeTarget) -> None:
    def edited_meanwhile(write: Write) -> str:
        if write.op == "create" and len(target.sent) == 1:
            plan(engine, [document(1, "90.00")])  # while the first is on its way
            return REFUSE
        return OK

    target.weather = edited_meanwhile
    plan(engine, [document(1)])
    send(engine, target)
    assert states(engine, key(1)) == ["create rejected", "update superseded", "create posted"]
    assert [record.total for record in target.live()] == ["90.00"]
    prove(engine)


def test_a_create_is_not_sent_while_the_void_before_it_was_refused(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [document(1, "90.00")], change="replace")
    target.weather = scripted(REFUSE)
    send(engine, target)
    assert states(engine, key(1)) == ["create posted", "void rejected", "create held"]
    assert rows(engine, key(1))[-1].reason_code == "earlier_document_stands"
    assert len(target.live()) == 1
    prove(engine)


def test_a_void_of_what_was_refused_has_nothing_to_do(engine: Engine, target: FakeTarget) -> None:
    def voided_meanwhile(write: Write) -> str:
        if len(target.sent) == 1:
            plan(engine, [void(1)])
        return REFUSE

    target.weather = voided_meanwhile
    plan(engine, [document(1)])
    send(engine, target)
    assert states(engine, key(1)) == ["create rejected", "void superseded"]
