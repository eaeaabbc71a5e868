"""Every wait is named: which document, for which other one, since when, why that one does not come, and the money."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from st_pipelines.database.engine import reading
from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.holds import dismiss
from st_pipelines.posting.replay import replay
from st_pipelines.posting.waiting import Wait, at_risk, waits
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    INTEGRATION,
    document,
    held,
    key,
    plan,
    rows,
    send,
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import REFUSE, FakeTarget, per_reference

RECEIPT = "ST:1:receipt_line:7"
PAYMENT = key(9, "payment")


@dataclass(frozen=True)
class Fact:
    key: str
    is_true: bool
    detail: str = ""


def payment(number: int = 9, *needs: str, total: str = "-60.00", **more: object) -> object:
    return document(number, total, kind="payment", needs=needs or (key(1),), **more)


def the_wait(engine: Engine) -> Wait:
    (found,) = waits(engine, INTEGRATION)
    return found


def test_a_refused_invoice_is_named_with_the_targets_own_words(engine: Engine, target: FakeTarget) -> None:
    target.weather = per_reference({":1": [REFUSE]})
    plan(engine, [document(1), payment()])
    send(engine, target)
    found = the_wait(engine)
    assert (found.doc_key, found.needs, found.label) == (PAYMENT, key(1), "payment 9")
    assert (found.currency, found.amount_minor, found.reason.state) == ("USD", -6000, "rejected")
    assert found.reason.why == "it is rejected: postingDate: the period is closed"
    assert f"replay {key(1)}" in found.reason.cure
    assert send(engine, target).sent == 0, "nothing is sent on its own"
    replay(engine, target, CONTEXT, rows(engine, key(1))[0].posting_id, by="Ann", reason="the period is open again")
    assert the_wait(engine).reason.state == "planned"
    send(engine, target)
    assert waits(engine, INTEGRATION) == [] and states(engine, PAYMENT) == ["create posted"]


def test_a_dismissed_invoice_is_named_with_the_person_and_the_reason(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1, label="unrenderable"), payment()])
    send(engine, target)
    assert the_wait(engine).reason.state == "held"
    dismiss(engine, CONTEXT, [rows(engine, key(1))[0].posting_id], by="Ann", reason="booked by hand")
    assert the_wait(engine).reason.why == "it is rejected: dismissed by Ann: booked by hand"


NEVER_POSTED: dict[str, tuple[Callable[[], object], str]] = {
    "not_eligible": (
        lambda: document(1, disposition="not_eligible", reason="pending"),
        "not to be posted yet: pending",
    ),
    "nothing_to_post": (lambda: document(1, "0.00", disposition="nothing_to_post", reason="zero"), "nothing of it"),
    "void": (lambda: void(1), "voided in the source and never posted"),
    "held": (lambda: held(1), "it is held: no account for Service in 101"),
}


@pytest.mark.parametrize("state", NEVER_POSTED)
def test_an_invoice_that_is_never_posted_says_why(engine: Engine, target: FakeTarget, state: str) -> None:
    make, words = NEVER_POSTED[state]
    plan(engine, [make(), payment()])
    assert send(engine, target).sent == 0
    found = the_wait(engine)
    assert found.reason.state == state and words in found.reason.why and found.reason.cure


def test_an_invoice_voided_after_it_was_posted_says_so(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1)])
    send(engine, target)
    plan(engine, [void(1), payment()])
    send(engine, target, "invoices")
    assert the_wait(engine).reason.state == "voided"


def test_what_was_never_read_and_what_has_not_happened_are_told_apart(engine: Engine) -> None:
    plan(engine, [payment(8, key(5)), document(1, kind="bill", needs=(RECEIPT,))])
    assert [wait.reason.state for wait in waits(engine, INTEGRATION)] == ["unseen", "unseen"]
    record_facts(engine, CONTEXT, [Fact(RECEIPT, False, "purchase order 12 is Sent")])
    told = {wait.needs: wait.reason for wait in waits(engine, INTEGRATION)}
    assert told[key(5)].state == "unseen" and "never read" in told[key(5)].why
    assert told[RECEIPT].state == "fact" and "purchase order 12 is Sent" in told[RECEIPT].why


def test_a_chain_is_followed_to_its_end(engine: Engine) -> None:
    customer = key(7, "customer")
    plan(engine, [payment(), document(1, needs=(customer,)), held(7, kind="customer")])
    told = {wait.doc_key: wait.reason.why for wait in waits(engine, INTEGRATION)}
    assert told[PAYMENT].startswith(f"it waits itself for {customer}: it is held: no account")
    assert told[key(1)].startswith("it is held: no account")


def test_two_that_wait_for_each_other_do_not_go_round_for_ever(engine: Engine) -> None:
    plan(engine, [document(1, needs=(key(2),)), document(2, needs=(key(1),))])
    assert {wait.reason.state for wait in waits(engine, INTEGRATION)} == {"waiting"}


def test_an_edit_while_it_waits_does_not_make_it_young_again(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [payment()])
    since = the_wait(engine).since
    plan(engine, [payment(total="-61.00")])
    assert states(engine, PAYMENT) == ["create superseded", "create planned"]
    found = the_wait(engine)
    assert (found.since, found.amount_minor) == (since, -6100)
    assert found.is_overdue(0) and not found.is_overdue(1)


def test_money_at_risk_counts_a_document_once_and_debits_and_credits_do_not_cancel(engine: Engine) -> None:
    plan(engine, [payment(9, key(1), key(2)), payment(8, key(1), total="10.00"),
                  payment(7, key(3), total="5.00", currency="CAD")])  # fmt: skip
    found = waits(engine, INTEGRATION)
    assert len(found) == 4
    assert at_risk(found) == {"CAD": (1, 500), "USD": (2, 7000)}


def test_reading_changes_nothing(engine: Engine) -> None:
    plan(engine, [payment()])
    before = rows(engine)
    waits(engine, INTEGRATION)
    assert rows(engine) == before
    with reading(engine):  # another reader at the same time
        assert waits(engine, "somebody else") == []
