"""The table of links: one live link per party and side whatever happens, every change with its event."""

from threading import Thread

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from st_pipelines.alignment import decisions, links
from st_pipelines.alignment.link_rows import LinkRefused
from st_pipelines.alignment.matching import Match
from st_pipelines.audit.verify import verify
from st_pipelines.posting.context import RunContext
from st_pipelines_tests.alignment.records import source, target

CONTEXT = RunContext("demo", "run", "test")
DECIDED = {"by": "Ann", "reason": "called them"}


def link(engine: Engine, one: int, other: int) -> int:
    return decisions.link(
        engine, CONTEXT, "demo", "customer", source(one).reference, target(other).reference, **DECIDED
    )


def live(engine: Engine) -> dict[str, str]:
    return {row.source_id: row.target_id for row in links.every(engine, "demo", states=("linked",))}


def test_one_party_is_never_linked_to_two(engine: Engine) -> None:
    link(engine, 1, 1)
    for one, other in ((1, 2), (2, 1)):
        with pytest.raises(LinkRefused, match="unlink"):
            link(engine, one, other)
    assert live(engine) == {source(1).reference: target(1).reference}


def test_the_database_itself_refuses_a_second_live_link(engine: Engine) -> None:
    link(engine, 1, 1)
    statement = text(
        "INSERT INTO party_link (integration, kind, source_id, target_id, state, how, score, evidence, decided_by, "
        "created_at, updated_at) VALUES ('demo', 'customer', :one, :other, 'linked', 'x', 0, '{}', 'x', 0, 0)"
    )
    for one, other in ((1, 2), (2, 1)):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(statement, {"one": source(one).reference, "other": target(other).reference})
    for change in ("DELETE FROM party_link", "UPDATE party_link SET target_id = 'x'", "UPDATE party_link SET state = "
                   "'proposed'"):  # fmt: skip
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(change))


def test_two_at_once_leave_one_link(engine: Engine) -> None:
    refused: list[Exception] = []

    def decide(other: int) -> None:
        try:
            link(engine, 1, other)
        except LinkRefused as error:
            refused.append(error)

    threads = [Thread(target=decide, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(live(engine)) == 1 and len(refused) == 3


def test_a_choice_ends_the_other_proposals(engine: Engine) -> None:
    doubtful = [Match(source(1), target(number), ("phone",)) for number in (1, 2)]
    links.record_found(engine, CONTEXT, "demo", "customer", [], doubtful)
    links.record_found(engine, CONTEXT, "demo", "customer", [], doubtful)  # a second run proposes nothing new
    assert [row.state for row in links.every(engine, "demo")] == ["proposed", "proposed"]
    link(engine, 1, 2)
    assert [row.state for row in links.every(engine, "demo")] == ["ended", "linked"]


def test_a_rule_never_overrules_a_person(engine: Engine) -> None:
    decisions.separate(engine, CONTEXT, "demo", "customer", source(1).reference, target(1).reference, **DECIDED)
    links.record_found(engine, CONTEXT, "demo", "customer", [Match(source(1), target(1), ("email",))], [])
    assert [row.state for row in links.every(engine, "demo")] == ["separate"]


def test_a_rule_that_comes_late_only_proposes(engine: Engine) -> None:
    link(engine, 2, 1)
    links.record_found(engine, CONTEXT, "demo", "customer", [Match(source(1), target(1), ("email",))], [])
    assert [row.state for row in links.every(engine, "demo")] == ["linked", "proposed"]


def test_an_ended_link_can_be_made_again(engine: Engine) -> None:
    link(engine, 1, 1)
    decisions.unlink(engine, CONTEXT, "demo", "customer", source(1).reference, **DECIDED)
    assert live(engine) == {}
    link(engine, 1, 2)
    link(engine, 2, 1)
    assert len(live(engine)) == 2


def test_a_decision_needs_a_name_and_a_reason(engine: Engine) -> None:
    with pytest.raises(LinkRefused, match="name"):
        decisions.link(engine, CONTEXT, "demo", "customer", "a", "b", by=" ", reason="x")


def test_every_change_has_its_event(engine: Engine) -> None:
    links.record_created(engine, CONTEXT, "demo", "customer", [(source(9).reference, target(9).reference)])
    links.record_found(engine, CONTEXT, "demo", "customer", [], [Match(source(1), target(1), ("phone",))])
    made = link(engine, 1, 1)
    links.record_agreed(engine, CONTEXT, {made: {"email.source": "a"}})
    links.record_agreed(engine, CONTEXT, {made: {"email.source": "a"}})  # nothing new: no event
    decisions.unlink(engine, CONTEXT, "demo", "customer", source(1).reference, **DECIDED)
    with engine.connect() as connection:
        events = connection.execute(text("SELECT event FROM audit_event ORDER BY n")).scalars().all()
    assert verify(engine).ok
    assert events == ["party_linked", "party_proposed", "party_linked", "party_agreed", "party_ended"]
