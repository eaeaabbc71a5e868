"""Posting: what reaches the target, in which order, and what each answer leaves in the ledger."""

import sqlite3
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.event import listens_for, remove

from st_pipelines.database.engine import transaction
from st_pipelines.posting.context import LedgerUnavailable, RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.target import Write, WrongCompany
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    FAST,
    INTEGRATION,
    document,
    events,
    key,
    mark_of,
    plan,
    prove,
    rows,
    send,
    states,
    void,
)
from st_pipelines_tests.posting.fake_target import (
    DUPLICATE,
    EXPLODE,
    NO_CONNECTION,
    OK,
    REFUSE,
    THROTTLE,
    FakeTarget,
    MemoryBooks,
    MovedClock,
    per_reference,
    scripted,
)


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget(MemoryBooks(), clock=MovedClock())


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


def test_the_wrong_books_stop_everything_before_the_first_byte(engine: Engine, target: FakeTarget) -> None:
    target.books_of = "99TRAIN"
    plan(engine, [document(1)])
    with pytest.raises(WrongCompany, match="99TRAIN"):
        send(engine, target)
    assert target.sent == []
    assert states(engine) == ["create planned"]
    assert events(engine)[-1].event == "wrong_company"
    prove(engine)


def test_one_wrong_pin_stops_what_is_meant_for_the_right_books_too(engine: Engine, target: FakeTarget) -> None:
    target.books_of = "10USA"
    assert send(engine, target, pinned=("10USA", "20USA")).sent == 0 and target.checked == []  # nothing to send
    plan(engine, [document(1)])
    with pytest.raises(WrongCompany, match="20USA"):
        send(engine, target, pinned=("10USA", "20USA"))
    assert target.sent == [] and states(engine) == ["create planned"]
    prove(engine)


def test_every_company_is_checked_once_a_session(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1), document(2), document(3, company="20USA")])
    send(engine, target)
    assert sorted(target.checked) == ["10USA", "20USA"]


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


def test_a_lease_that_leaves_no_time_for_a_request_is_refused(engine: Engine, target: FakeTarget) -> None:
    with pytest.raises(ValueError, match="set a longer lease"):
        send(engine, target, settings=replace(FAST, lease_s=1.2))


def test_a_full_disk_is_noticed_before_anything_is_sent(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("an embedded database only")
    plan(engine, [document(1)])
    with pytest.raises(LedgerUnavailable, match="free disk space"):
        send(engine, target, settings=replace(FAST, minimum_free_bytes=10**18))
    assert target.sent == []


def test_a_ledger_without_room_stops_before_sending_and_resumes(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("an embedded database only")
    target.padding = 20_000
    plan(engine, [document(number) for number in range(10)])
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def full(dbapi_connection: sqlite3.Connection, *_: object) -> None:
        dbapi_connection.execute(f"PRAGMA max_page_count={pages + 2}")

    engine.dispose()
    listens_for(engine, "connect")(full)
    with pytest.raises(LedgerUnavailable, match=r"disk is full.*run again"):
        send(engine, target)
    assert target.sent == []
    remove(engine, "connect", full)
    engine.dispose()
    assert send(engine, target).posted == 10
    prove(engine)


def test_a_ledger_that_may_not_be_written_stops_before_sending(engine: Engine, target: FakeTarget) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("SQLite has no roles")
    plan(engine, [document(1)])
    with transaction(engine) as connection:
        connection.execute(text("DROP ROLE IF EXISTS reader"))
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    reader = create_engine(engine.url.set(username="reader"))
    with pytest.raises(LedgerUnavailable, match=r"permission denied.*run again"):
        send(reader, target)
    reader.dispose()
    with transaction(engine) as connection:
        connection.execute(text("DROP OWNED BY reader"))
        connection.execute(text("DROP ROLE reader"))
    assert target.sent == []
    assert send(engine, target).posted == 1


def test_the_context_must_be_of_the_integration(engine: Engine, target: FakeTarget) -> None:
    with pytest.raises(ValueError, match="context is of 'demo'"):
        post(engine, target, "other", (), CONTEXT, mark=mark_of(engine))
    assert INTEGRATION == "demo"


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
