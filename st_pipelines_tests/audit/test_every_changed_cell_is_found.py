"""A person with full rights changes one character, digit or byte anywhere in a real ledger: it is found and named."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, select, text
from sqlalchemy.exc import DBAPIError

from st_pipelines.audit.head import Head, head
from st_pipelines.audit.verify import verify
from st_pipelines.database.engine import reading, transaction
from st_pipelines.database.guards import RULES
from st_pipelines.database.schema import OPS, STATES, metadata
from st_pipelines.documents.mapped import DISPOSITIONS
from st_pipelines.integrations.road import Fact
from st_pipelines.posting import claim, holds
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.settings import RunLimits
from st_pipelines_tests.posting.cases import CONTEXT, FAST, document, held, key, plan, prove, rows, send, void
from st_pipelines_tests.posting.fake_target import (
    APPLY_THEN_DROP,
    DROP_BEFORE,
    NO_CONNECTION,
    REFUSE,
    FakeTarget,
    MemoryBooks,
    MovedClock,
    per_reference,
)

TABLES = ("posting", "document_version", "control_line", "posting_need", "fact", "audit_event", "ledger_identity")
WORDS = {"state": STATES, "op": OPS, "disposition": DISPOSITIONS}
# At which moment a need was met (whether it is met, is), and the key of a table of one row.
NOT_IN_THE_TRAIL = {("posting_need", "satisfied_at"), ("ledger_identity", "one")}


def story(engine: Engine) -> None:
    """A ledger in which every state and every way into it occurs."""
    target = FakeTarget(MemoryBooks(), clock=MovedClock())
    target.weather = per_reference(
        {":3": [REFUSE], ":4": [DROP_BEFORE], ":5": [APPLY_THEN_DROP], ":6": [NO_CONNECTION, NO_CONNECTION]}
    )
    customer = document("c", "0.00", kind="customer", control=())
    plan(engine, [customer, *(document(n, f"{n}5.20", needs=(customer.doc_key,)) for n in range(1, 8))])
    plan(
        engine, [held(8), document(9, disposition="not_eligible", reason="pending"), document(10, label="unrenderable")]
    )
    record_facts(engine, CONTEXT, [Fact("ST:1:receipt_line:7", True, "came"), Fact("ST:1:receipt_line:8", False, "")])
    send(engine, target)
    plan(engine, [document(1, "90.00", needs=(customer.doc_key,)), void(2, "25.20")])
    same = document(7, "75.20").source_sha256
    plan(engine, [document(7, "75.20", source_sha256=same, business_date=date(2026, 10, 4), needs=(customer.doc_key,))])
    send(engine, target)
    context = replace(CONTEXT, run_id="run-2")
    holds.release(engine, context, [rows(engine, key(7))[-1].posting_id], by="Ann", reason="agreed")
    holds.dismiss(engine, context, [rows(engine, key(10))[0].posting_id], by="Ann", reason="by hand")
    send(engine, target)
    plan(engine, [document(20, needs=("ST:1:receipt_line:8", key(1))), document(21, needs=("ST:1:receipt_line:7",))])
    plan(engine, [document(22), document(23)], replace(CONTEXT, run_id="run-3"), limits=RunLimits(documents=1))
    target.weather = per_reference({":21": [DROP_BEFORE], ":24": [NO_CONNECTION] * 50})
    plan(engine, [document(24)])
    send(engine, target, settings=replace(FAST, patience_s=0.0, max_read_backs=1))
    target.alter = "1.00"
    plan(engine, [document(25)])
    send(engine, target, settings=replace(FAST, patience_s=0.0))
    plan(engine, [document(26)])
    taken = claim.claim(engine, CONTEXT, "a worker", (), limit=1, lease_s=60, watch=Watch(MovedClock()))
    claim.freeze(engine, CONTEXT, [(taken[0], b"a body")], Watch(MovedClock()))
    prove(engine)


@dataclass(frozen=True)
class Ledger:
    engine: Engine
    exported: Head


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Ledger]:
    story(engine)
    exported = head(engine)
    with transaction(engine) as connection:
        for name, table, *_ in RULES:
            on = f" ON {table}" if engine.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{on}")
    assert verify(engine, [exported]).ok
    yield Ledger(engine, exported)


def changed(value: Any, column: str, data: st.DataObject) -> Any:
    """The same value with one character, digit or bit changed; NULL becomes something."""
    if column in WORDS:
        return data.draw(st.sampled_from([word for word in WORDS[column] if word != value]))
    if value is None:
        return data.draw(st.sampled_from([1, 1_790_000_000_000_000]))
    if isinstance(value, bytes | memoryview):
        content = bytearray(value)
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        return bytes(content)
    written = str(value)
    if not written:
        return "x"
    at = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(
        st.sampled_from([c for c in ("0123456789" if written[at].isdigit() else "abxyz_-") if c != written[at]])
    )
    if isinstance(value, int):
        return int(written[:at] + (other if written[at].isdigit() else "") + written[at + 1 :] or "0")
    return written[:at] + other + written[at + 1 :]


def cells(table: Table) -> list[str]:
    return [column.name for column in table.columns if (table.name, column.name) not in NOT_IN_THE_TRAIL]


def check(ledger: Ledger, table: Table, column: str, data: st.DataObject) -> bool:
    """Changes one cell, verifies, puts it back. False where the database itself refuses such a row."""
    keys = list(table.primary_key.columns)
    with reading(ledger.engine) as connection:
        order = [*keys]
        found = list(connection.execute(select(table).order_by(*order)).mappings())
    filled = [row for row in found if row[column] is not None] or found
    row = data.draw(st.sampled_from(data.draw(st.sampled_from([filled, filled, found]))), label="row")
    value = row[column]
    new = changed(value, column, data)
    if new == value:
        return False
    if value is None and table.c[column].type.python_type is str:
        new = str(new)
    where = " AND ".join(f"{each.name} = :k_{each.name}" for each in keys)
    names = {f"k_{each.name}": row[each.name] for each in keys}
    set_ = text(f"UPDATE {table.name} SET {column} = :new WHERE {where}")
    try:
        with transaction(ledger.engine) as connection:
            connection.execute(set_, {"new": new, **names})
    except DBAPIError:
        return False
    proof = verify(ledger.engine, [ledger.exported])
    if column in {each.name for each in keys}:
        names[f"k_{column}"] = new
    with transaction(ledger.engine) as connection:
        connection.execute(set_, {"new": value, **names})
    assert not proof.ok, f"{table.name}.{column} of {names}: {value!r} became {new!r}, and nobody saw it"
    named = " ".join(finding.text for finding in proof.findings)
    if table.name in ("posting", "control_line", "posting_need") and column not in ("posting_id", "read_back_at"):
        assert f"posting {row['posting_id']}" in named, named
    if table.name == "audit_event" and column not in ("n",):
        assert f"event {row['n']}" in named, named
    return True


def any_row(ledger: Ledger, table: Table, column: str) -> bool:
    """Whether the database let itself be changed in this column at all."""
    done: list[bool] = []

    @settings(max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def once(data: st.DataObject) -> None:
        done.append(check(ledger, table, column, data))

    once()
    return any(done)


@pytest.mark.parametrize("name", TABLES)
def test_a_changed_cell_is_found_and_named(ledger: Ledger, name: str) -> None:
    table = metadata.tables[name]
    changed_ones = {column for column in cells(table) if any_row(ledger, table, column)}
    # Numbers that other rows refer to cannot be changed alone; the database refuses it.
    assert set(cells(table)) - changed_ones <= {"posting_id", "version_id"}
    assert verify(ledger.engine, [ledger.exported]).ok, "the test itself left something changed"


def test_a_row_taken_away_or_slipped_in_is_found(ledger: Ledger) -> None:
    engine = ledger.engine
    for taken in (
        "DELETE FROM control_line WHERE posting_id = (SELECT min(posting_id) FROM control_line) AND line = 2",
        "DELETE FROM posting_need WHERE posting_id = (SELECT max(posting_id) FROM posting_need)",
        "DELETE FROM fact WHERE is_true = 0",
        "INSERT INTO fact VALUES ('demo', 'ST:1:receipt_line:9', 1, '', 'run', 1)",
        "INSERT INTO control_line SELECT posting_id, 9, '1', '1', '', 1 FROM posting WHERE state = 'planned'",
        "UPDATE posting_need SET satisfied_at = 5 WHERE satisfied_at IS NULL",
        "UPDATE posting_need SET satisfied_at = NULL WHERE posting_id IN "
        "(SELECT posting_id FROM posting WHERE state = 'planned' AND attempt = 0)",
    ):
        with engine.connect() as connection:
            before = [
                (name, connection.execute(select(metadata.tables[name])).mappings().all())
                for name in ("control_line", "posting_need", "fact")
            ]
        with transaction(engine) as connection:
            connection.exec_driver_sql(taken)
        assert not verify(engine, [ledger.exported]).ok, taken
        with transaction(engine) as connection:
            for name, kept in before:
                connection.exec_driver_sql(f"DELETE FROM {name}")
                if kept:
                    connection.execute(metadata.tables[name].insert(), [dict(row) for row in kept])
    assert verify(engine, [ledger.exported]).ok
