"""Tampering is found and named: whoever owns the database can drop the guards, but not keep the chain whole."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from st_pipelines.audit.head import head, is_authentic
from st_pipelines.audit.trail import Event, append_many
from st_pipelines.audit.verify import verify
from st_pipelines.database.engine import transaction
from st_pipelines.database.guards import RULES

KEY = b"k" * 32


@pytest.fixture
def trail(engine: Engine) -> Engine:
    with transaction(engine) as connection:
        append_many(connection, [Event("event", f"ST:1:invoice:{n}", None, {"n": n}) for n in range(1, 11)])
    return engine


def tamper(engine: Engine, statement: str) -> None:
    """What a person with full rights could do: guards off, change, guards off for ever."""
    with transaction(engine) as connection:
        for name, table, *_ in RULES:
            on = f" ON {table}" if engine.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")
        for part in statement.split("; "):
            connection.exec_driver_sql(part)


TAMPERED = {
    "content": ("UPDATE audit_event SET content = '{\"n\":99}' WHERE n = 4", 4, "not what was recorded"),
    "document": ("UPDATE audit_event SET doc_key = 'ST:1:invoice:99' WHERE n = 4", 4, "not what was recorded"),
    "time": ("UPDATE audit_event SET recorded_at = recorded_at + 1 WHERE n = 1", 1, "not what was recorded"),
    "hash": ("UPDATE audit_event SET hash = previous_hash WHERE n = 4", 4, "not what was recorded"),
    "gap": ("DELETE FROM audit_event WHERE n IN (4, 5)", 6, "events 4 to 5 are missing"),
    "start": ("DELETE FROM audit_event WHERE n = 1", 2, "events 1 to 1 are missing"),
    "order": (
        "UPDATE audit_event SET n = 99 WHERE n = 4; UPDATE audit_event SET n = 4 WHERE n = 5;"
        " UPDATE audit_event SET n = 5 WHERE n = 99",
        4,
        "does not continue",
    ),
}


@pytest.mark.parametrize("statement, first_bad, message", TAMPERED.values(), ids=TAMPERED.keys())
def test_the_first_bad_event_is_named(trail: Engine, statement: str, first_bad: int, message: str) -> None:
    assert verify(trail).ok
    tamper(trail, statement)
    proof = verify(trail)
    assert not proof.ok
    assert proof.first_bad_n == first_bad
    assert any(
        finding.text.startswith(f"event {first_bad}: ") and message in finding.text for finding in proof.findings
    )


def test_a_cut_off_end_is_found_with_an_exported_head(trail: Engine) -> None:
    exported = head(trail, KEY)
    assert exported.n == 10
    tamper(trail, "DELETE FROM audit_event WHERE n > 8")
    assert verify(trail).ok  # the chain alone cannot know
    proof = verify(trail, [exported])
    assert [finding.text for finding in proof.findings] == ["event 10: the trail ends at 8, before the exported head"]


def test_a_whole_rewrite_is_found_with_an_exported_head(trail: Engine) -> None:
    exported = head(trail, KEY)
    tamper(trail, "DELETE FROM audit_event")
    with transaction(trail) as connection:
        append_many(connection, [Event("event", f"ST:1:invoice:{n}", None, {"n": -n}) for n in range(1, 12)])
    assert verify(trail).ok
    assert verify(trail, [exported]).first_bad_n == 10


def test_a_head_is_authentic_only_with_its_key_and_unchanged(trail: Engine) -> None:
    exported = head(trail, KEY)
    assert is_authentic(exported, KEY)
    assert not is_authentic(exported, b"other" * 8)
    assert not is_authentic(replace(exported, n=9), KEY)
    assert not is_authentic(head(trail), KEY)
