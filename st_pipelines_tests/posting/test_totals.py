"""Totals: every posting in one state, documents counted once, control totals of what stands, a broken ledger named."""

from datetime import date

import pytest
from sqlalchemy import Engine, text

from st_pipelines.database.engine import transaction
from st_pipelines.posting import totals
from st_pipelines.posting.life import body, life
from st_pipelines_tests.posting.cases import (
    CONTEXT,
    INTEGRATION,
    document,
    held,
    key,
    plan,
    rows,
    send,
    void,
)
from st_pipelines_tests.posting.fake_target import REFUSE, FakeTarget, per_reference


def test_documents_are_counted_once_by_where_they_ended(engine: Engine, target: FakeTarget) -> None:
    target.weather = per_reference({key(5): [REFUSE]})
    plan(engine, [
        document(1), document(2, "50.00"), held(3, "7.00"), document(4, "0.00", disposition="nothing_to_post"),
        document(5, "5.00"), document(6, kind="payment", needs=(key(3),)), document(8, "8.00"),
    ])  # fmt: skip
    send(engine, target)
    plan(engine, [document(2, "60.00"), void(8, "8.00")])
    send(engine, target)
    counted = {(*each.key, each.currency): (each.count, each.amount_minor)
               for each in totals.documents(engine, INTEGRATION)}  # fmt: skip
    assert counted == {
        ("invoices", "posted", "USD"): (2, 16000), ("invoices", "held", "USD"): (1, 700),
        ("invoices", "nothing_to_post", "USD"): (1, 0), ("invoices", "rejected", "USD"): (1, 500),
        ("invoices", "voided", "USD"): (1, 800), ("payments", "waiting", "USD"): (1, 10000),
    }  # fmt: skip
    by_day = totals.documents(engine, INTEGRATION, ("state",), flow="payments", partition_key="2026-10-01")
    assert [(each.key, each.count) for each in by_day] == [(("waiting",), 1)]
    assert {(each.flow, each.state): each.documents for each in totals.flow_totals(engine, INTEGRATION)}[
        ("invoices", "posted")
    ] == 2
    assert totals.writes_sent(engine, INTEGRATION) == len(target.sent) == 6


def test_control_totals_are_of_what_stands(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(1), document(2, "50.00"), document(3, "30.00"), held(4)])
    send(engine, target)
    plan(engine, [document(2, "60.00", business_date=date(2026, 11, 2)), void(3, "30.00")])
    plan(engine, [document(1, "110.00")], change="replace")
    send(engine, target)
    found = {each.key: each.amount_minor for each in totals.control_totals(engine, INTEGRATION)}
    assert found == {("101", "1200"): 17000, ("101", "4000"): -17000}
    by_month = totals.control_totals(engine, INTEGRATION, ("month", "gl_account"))
    assert {each.key: each.amount_minor for each in by_month} == {
        ("2026-10", "1200"): 11000, ("2026-10", "4000"): -11000, ("2026-11", "1200"): 6000, ("2026-11", "4000"): -6000,
    }  # fmt: skip
    october = totals.control_totals(engine, INTEGRATION, ("gl_account",), since="2026-10-01", until="2026-10-31")
    assert {each.key: each.amount_minor for each in october} == {("1200",): 11000, ("4000",): -11000}


def test_the_identity_holds_through_every_state(engine: Engine, target: FakeTarget) -> None:
    target.weather = per_reference({key(5): [REFUSE]})
    plan(engine, [document(number) for number in range(6)] + [held(7), document(8, needs=("nothing",))])
    send(engine, target)
    identity = totals.require_identity(engine, CONTEXT)
    assert identity.planned == 8
    assert identity.states == {"posted": 5, "rejected": 1, "held": 1, "planned": 1}
    by_state = {each.key[1]: each.count for each in totals.postings(engine, INTEGRATION)}
    assert by_state == identity.states


def test_a_posting_that_nobody_planned_breaks_the_identity(engine: Engine) -> None:
    plan(engine, [document(1)])
    columns = ", ".join(name for name in rows(engine)[0]._mapping if name not in ("posting_id", "seq", "request_key",
                                                                                  "external_ref"))  # fmt: skip
    with transaction(engine) as connection:
        connection.execute(text(
            f"INSERT INTO posting (posting_id, seq, request_key, external_ref, {columns}) "
            f"SELECT 99, 2, 'k', 'r', {columns} FROM posting"
        ))  # fmt: skip
    with pytest.raises(totals.IdentityBroken, match=r"invoices 10USA USD: planned \(1, 10000\), now \(2, 20000\)"):
        totals.require_identity(engine, CONTEXT)


def test_unknown_ways_of_counting_are_refused(engine: Engine) -> None:
    for count in (totals.postings, totals.documents, totals.control_totals):
        with pytest.raises(ValueError, match="by"):
            count(engine, INTEGRATION, ("1; DROP TABLE posting",))


def test_the_whole_life_of_a_document(engine: Engine, target: FakeTarget) -> None:
    plan(engine, [document(0), document(1, needs=(key(0),))])
    send(engine, target)
    plan(engine, [document(1, "90.00", needs=(key(0),))])
    send(engine, target)
    whole = life(engine, INTEGRATION, key(1))
    assert [version["document"]["total"] for version in whole.versions] == ["100.00", "90.00"]
    assert [(row["op"], row["state"], len(row["control"])) for row in whole.postings] == [
        ("create", "posted", 2), ("update", "posted", 2),
    ]  # fmt: skip
    assert [need["needs"] for need in whole.postings[0]["needs"]] == [key(0)]
    assert [event["event"] for event in whole.events] == ["planned", "sending", "frozen", "posted"] * 2
    assert "body" not in whole.postings[0]
    assert b'"total":"100.00"' in (body(engine, whole.postings[0]["posting_id"]) or b"")
    assert not life(engine, INTEGRATION, key(99)).known
    assert not life(engine, "other", key(1)).postings
