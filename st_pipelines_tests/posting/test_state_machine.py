"""Any order of edits, weather, deaths and clock steps: nothing lost, nothing doubled, nothing wrong (P1, P2, P3).

The model is a plain dict of what the source last said about each document. Deaths are commits that never happen: the
process that was at work is over, and nothing it knew is written down.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, event

from st_pipelines.database.engine import open_database
from st_pipelines.posting import totals
from st_pipelines_tests.posting.cases import FAST, INTEGRATION, document, held, key, plan, prove, rows, send, void
from st_pipelines_tests.posting.fake_target import (
    APPLY_LATE,
    APPLY_THEN_DROP,
    DROP_BEFORE,
    DUPLICATE,
    EXPLODE,
    NO_CONNECTION,
    OK,
    REFUSE,
    THROTTLE,
    FakeTarget,
    MemoryBooks,
    MovedClock,
)

NUMBERS = st.integers(1, 2)
HAPPENINGS = [APPLY_LATE, REFUSE, OK, APPLY_THEN_DROP, DROP_BEFORE, DUPLICATE, THROTTLE, NO_CONNECTION, EXPLODE]
WEATHER = st.lists(st.sampled_from(HAPPENINGS), max_size=4)
# Number, total, disposition, and how the target takes a change.
EDITS = st.tuples(
    NUMBERS, st.integers(1, 3), st.sampled_from(["ready", "ready", "ready", "void", "held"]),
    st.sampled_from(["update", "replace"]),
)  # fmt: skip
# Commits of a session in order: claim, freeze, confirm, … A death between freezing and confirming hurts most.
DEATHS = st.sampled_from([2, 1, 3, 0, 4, 5, 6, 8])
# A write may be applied five seconds after its sender died; two waits of three seconds see that.
LATE_S = 5.0
PATIENT = replace(FAST, lease_s=30.0, quiet_period_s=3.0, second_wait_s=3.0)


class Died(BaseException):
    """The process is gone."""


class LedgerMachine(RuleBasedStateMachine):
    fresh_engine: Any = None  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovedClock()
        self.target = FakeTarget(MemoryBooks(), clock=self.clock, late_s=LATE_S, max_concurrency=2)
        self.source: dict[str, tuple[str, Decimal]] = {}  # the model
        self.commits_left: int | None = None
        self.engine: Engine = type(self).fresh_engine()
        event.listen(self.engine, "commit", self._die_in_time)

    def _die_in_time(self, connection: Connection) -> None:
        options = connection.get_execution_options()
        if self.commits_left is None or options.get("read_only") or options.get("postgresql_readonly"):
            return
        if self.commits_left <= 0:
            raise Died
        self.commits_left -= 1

    def teardown(self) -> None:
        self.settle()
        self.engine.dispose()

    @initialize()
    def a_document_that_questions_can_find(self) -> None:
        plan(self.engine, [document(0)])
        send(self.engine, self.target, settings=PATIENT)

    @rule(edit=EDITS)
    def the_source_says(self, edit: tuple[int, int, str, str]) -> None:
        number, total, disposition, change = edit
        amount = f"{total}0.00"
        make = {"ready": document, "held": held, "void": void}[disposition]
        plan(self.engine, [make(number, amount)], change=change)
        self.target.how_to_change = change
        self.source[key(number)] = (disposition, Decimal(amount))

    @rule(edit=EDITS, weather=WEATHER)
    def a_session_runs(self, edit: tuple[int, int, str, str], weather: list[str]) -> None:
        self.the_source_says(edit)
        left = list(weather)
        self.target.weather = lambda write: left.pop(0) if left else OK
        send(self.engine, self.target, settings=PATIENT)

    @rule(edit=EDITS, weather=WEATHER, commits=DEATHS)
    def a_session_dies(self, edit: tuple[int, int, str, str], weather: list[str], commits: int) -> None:
        self.the_source_says(edit)
        left = list(weather)
        self.target.weather = lambda write: left.pop(0) if left else OK
        self.commits_left = commits
        try:
            send(self.engine, self.target, settings=PATIENT)
        except Died:
            note(f"died after {commits} commits")
        finally:
            self.commits_left = None

    @rule(seconds=st.floats(0.01, 8.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(hours=st.sampled_from([-1, 1]))
    def the_wall_clock_is_set(self, hours: int) -> None:
        self.clock.step_us += hours * 3_600_000_000

    @invariant()
    def nothing_is_doubled(self) -> None:
        alive: dict[str, list[str]] = {}
        for record in self.target.live():
            number = record.external_ref.split(":")[3]
            alive.setdefault(number, []).append(record.external_ref)
        assert all(len(references) == 1 for references in alive.values()), alive

    @invariant()
    def the_ledger_adds_up(self) -> None:
        assert totals.check_identity(self.engine, INTEGRATION).holds

    def settle(self) -> None:
        """Good weather until the end; then every document is where the model says, or held or refused with a reason."""
        self.target.weather = lambda write: OK
        for _ in range(4):
            self.clock.at += 4000
            send(self.engine, self.target, settings=PATIENT)
        prove(self.engine)
        self.nothing_is_doubled()
        live = {record.external_ref.split(":")[3]: Decimal(record.total) for record in self.target.live()}
        for doc_key, (disposition, total) in self.source.items():
            mine = rows(self.engine, doc_key)
            assert not [row for row in mine if row.state in ("sending", "unknown")], "somebody still has it"
            stuck = [row for row in mine if row.state in ("held", "rejected")]
            assert all(row.reason for row in stuck), "stopped without a reason"
            number = doc_key.split(":")[3]
            last = [row for row in mine if row.state != "superseded"][-1:]
            if any(row.state == "held" for row in stuck) or (last and last[0].state == "rejected"):
                continue  # a person is told, with the reason
            assert not [row for row in mine if row.state == "planned"], "left behind"
            if disposition == "ready":
                assert live.get(number) == total, f"{doc_key}: the source says {total}, the books {live.get(number)}"
            else:
                assert number not in live


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=True,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip


def _without_fsync(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def files(migrated_file: Path, tmp_path: Path) -> Iterator[None]:
    count = iter(range(1_000_000))

    def fresh() -> Engine:
        path = tmp_path / f"ledger{next(count)}.db"
        shutil.copy(migrated_file, path)
        engine = open_database(f"sqlite:///{path}")
        event.listen(engine, "connect", _without_fsync)  # deaths here are of processes, not of the machine
        return engine

    LedgerMachine.fresh_engine = staticmethod(fresh)
    yield


def test_nothing_is_lost_doubled_or_wrong_on_sqlite(files: None) -> None:
    run(examples=50, steps=15)


def test_nothing_is_lost_doubled_or_wrong_on_postgresql(postgres_server: str, migrated_postgres: str) -> None:
    from st_pipelines_tests.databases import administer, database

    count = iter(range(1_000_000))

    def fresh() -> Engine:
        name = f"machine_{migrated_postgres[-8:]}_{next(count)}"
        administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE {migrated_postgres}")
        return open_database(database(postgres_server, name))

    LedgerMachine.fresh_engine = staticmethod(fresh)
    run(examples=8, steps=12)
