"""Any order of receipts, corrections, invoices, edits, weather and deaths, with two workers that look at the same time:
no order line is ever matched beyond what was received, and what is covered does not stay.

The model is what the target has of each order line. A correction between a look and the sending is the target's to
refuse, so looks that are older than the last correction are thrown away here.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, Engine, event, text

from st_pipelines.database.engine import open_database
from st_pipelines.documents.bill import Bill, OrderMatch, cover_key
from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting import totals
from st_pipelines.posting.cover import Overtaken, Place, Wanted, asked, evaluate, settle, wanted
from st_pipelines.posting.target import NotYet, Outcome, Reference, Write
from st_pipelines_tests.posting.cases import CONTEXT, FAST, INTEGRATION, document, key, plan, prove, rows, send
from st_pipelines_tests.posting.fake_target import (
    APPLY_THEN_DROP,
    DROP_BEFORE,
    NO_CONNECTION,
    OK,
    THROTTLE,
    FakeTarget,
    MemoryBooks,
    MovedClock,
    Record,
)
from st_pipelines_tests.posting.test_state_machine import Died, _without_fsync

LINES = [OrderLineKey("P1", "1"), OrderLineKey("P1", "2")]
PIECES = st.integers(1, 4)
TAKEN = st.dictionaries(st.sampled_from(LINES), PIECES, min_size=1)
WEATHER = st.lists(st.sampled_from([APPLY_THEN_DROP, OK, DROP_BEFORE, THROTTLE, NO_CONNECTION]), max_size=3)
PATIENT = replace(FAST, lease_s=30.0, quiet_period_s=3.0, second_wait_s=3.0)
WORKERS = st.sampled_from([0, 1])


@dataclass
class GoodsTarget(FakeTarget):
    """Counts the pieces that were received and matched. ``wrongs``: matches beyond what was received. ``meanwhile``:
    happens once, while the next write is on its way."""

    received: Counter[OrderLineKey] = field(default_factory=Counter)
    matched: Counter[OrderLineKey] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None

    def send(self, write: Write) -> Outcome:
        """What another worker does while this write is on the wire happens before it arrives."""
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().send(write)

    def open(self, line: OrderLineKey) -> int:
        return self.received[line] - self.matched[line]

    def goods(self, company: str, lines: Collection[OrderLineKey]) -> Mapping[OrderLineKey, Goods]:
        return {line: Goods(Decimal(self.received[line]), Decimal(self.matched[line])) for line in lines}

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        takes = [(line, int(pieces)) for line, pieces in asked(document).items()]
        if any(self.open(line) < pieces for line, pieces in takes):
            raise NotYet("goods went back")
        body = {"total": str(document.total), "currency": "USD", "date": document.business_date.isoformat(),
                "padding": "", "names": {}, "takes": takes}  # fmt: skip
        return msgspec.json.encode(body)

    def _apply(self, write: Write) -> Record:
        for (order, line), pieces in msgspec.json.decode(write.body)["takes"]:
            key = OrderLineKey(order, line)
            if self.open(key) < pieces:
                self.wrongs.append(f"{write.external_ref}: {pieces} of {key}, {self.open(key)} open")
            self.matched[key] += pieces
        return super()._apply(write)


def invoice(number: int, taken: Mapping[OrderLineKey, int]) -> MappedDocument:
    matches = tuple(
        OrderMatch(at, *line, Decimal(pieces), Decimal(1)) for at, (line, pieces) in enumerate(taken.items(), 1)
    )
    total = Decimal(sum(taken.values()))
    bill = Bill(key(number, "bill"), str(number), f"INV-{number}", "", "1", "USD", date(2026, 10, 1), None,
                date(2026, 10, 1), total, (), matches=matches)  # fmt: skip
    sources = f"{number}{sorted(taken.items())}".encode().hex()[:64].ljust(64, "0")
    return document(number, f"{total}.00", kind="bill", payload=bill, needs=(cover_key(key(number, "bill")),),
                    business_date=date(2026, 10, 1 + number % 3), source_sha256=sources, control=())  # fmt: skip


class GoodsMachine(RuleBasedStateMachine):
    fresh_engine: Any = None  # set by the test

    def __init__(self) -> None:
        super().__init__()
        self.clock = MovedClock()
        self.target = GoodsTarget(MemoryBooks(), clock=self.clock, max_concurrency=2)
        self.invoices: dict[int, Mapping[OrderLineKey, int]] = {}
        self.looks: dict[int, tuple[Wanted, Mapping[Place, Goods], int]] = {}
        self.corrections = self.looked_at = 0
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

    @initialize()
    def a_document_that_questions_can_find(self) -> None:
        plan(self.engine, [document(0, kind="bill", source_sha256="0" * 64)])
        send(self.engine, self.target, settings=PATIENT)

    # -------------------------------------------------------------------------------------------------- the world
    @rule(line=st.sampled_from(LINES), pieces=st.integers(1, 6))
    def goods_come(self, line: OrderLineKey, pieces: int) -> None:
        self.target.received[line] += pieces

    @rule(line=st.sampled_from(LINES), pieces=PIECES)
    def goods_go_back(self, line: OrderLineKey, pieces: int) -> None:
        self.target.received[line] = max(0, self.target.received[line] - pieces)
        self.corrections += 1

    @rule(taken=TAKEN)
    def an_invoice_comes(self, taken: Mapping[OrderLineKey, int]) -> None:
        number = len(self.invoices) + 1
        self.invoices[number] = taken
        plan(self.engine, [invoice(number, taken)], change="none")

    @rule(of=st.integers(0, 9), taken=TAKEN)
    def one_is_edited_before_it_is_posted(self, of: int, taken: Mapping[OrderLineKey, int]) -> None:
        waiting = [number for number in self.invoices if self._state(number) == ("planned", 0)]
        if waiting:
            number = waiting[of % len(waiting)]
            self.invoices[number] = taken
            plan(self.engine, [invoice(number, taken)], change="none")

    # ------------------------------------------------------------------------------------------------ two workers
    @rule(worker=WORKERS)
    def a_worker_begins_to_look(self, worker: int) -> None:
        look = wanted(self.engine, INTEGRATION)
        if look is not None:
            known = {(company, line): one for company, lines in look.lines.items()
                     for line, one in self.target.goods(company, lines).items()}  # fmt: skip
            self.looks[worker] = look, known, self.corrections

    @rule(worker=WORKERS, weather=WEATHER)
    def it_ends_its_look_and_sends(self, worker: int, weather: list[str]) -> None:
        held = self.looks.pop(worker, None)
        if held is None or held[2] != self.corrections:
            return
        try:
            settle(self.engine, CONTEXT, held[0], held[1], target="books", change=lambda old, new: "none")
        except Overtaken:
            note("overtaken")
        if self.looked_at == self.corrections:
            self._send(weather)

    @rule(weather=WEATHER)
    def a_session_runs(self, weather: list[str]) -> None:
        self._look()
        self._send(weather)

    @rule()
    def a_worker_looks_and_is_stopped(self) -> None:
        self._look()

    @rule(weather=WEATHER)
    def what_was_granted_is_sent(self, weather: list[str]) -> None:
        if self.looked_at == self.corrections:
            self._send(weather)

    @rule(weather=WEATHER)
    def two_sessions_run_at_once(self, weather: list[str]) -> None:
        self._look()
        self.target.meanwhile = self._other_worker
        self._send(weather)
        self.target.meanwhile = None

    def _other_worker(self) -> None:
        evaluate(self.engine, CONTEXT, self.target.goods, target="books", change=lambda old, new: "none")
        send(self.engine, self.target, settings=replace(PATIENT, patience_s=0.0))

    @rule(weather=WEATHER, commits=st.sampled_from([2, 1, 3, 0, 4, 5]))
    def a_session_dies(self, weather: list[str], commits: int) -> None:
        self._look()
        self.commits_left = commits
        try:
            self._send(weather)
        except Died:
            note(f"died after {commits} commits")
        finally:
            self.commits_left = None

    @rule(seconds=st.floats(0.01, 40.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.at += seconds

    # ------------------------------------------------------------------------------------------------ what must hold
    @invariant()
    def nothing_is_matched_beyond_what_was_received(self) -> None:
        assert not self.target.wrongs, self.target.wrongs

    @invariant()
    def what_may_be_sent_is_there(self) -> None:
        """Whatever was looked at by whom, as long as nothing went back since the last look."""
        if self.looked_at != self.corrections:
            return
        with self.engine.connect() as connection:
            waiting = set(
                connection.execute(text("SELECT posting_id FROM posting_need WHERE satisfied_at IS NULL")).scalars()
            )
        free = [number for number in self.invoices
                if (row := self._row(number)).state == "planned" and row.posting_id not in waiting]  # fmt: skip
        for line in LINES:
            asked_for = sum(self.invoices[number].get(line, 0) for number in free)
            assert asked_for <= max(0, self.target.open(line)), (line, free)

    @invariant()
    def the_ledger_adds_up(self) -> None:
        assert totals.check_identity(self.engine, INTEGRATION).holds

    def teardown(self) -> None:
        self.target.weather = lambda write: OK
        for _ in range(3 + len(self.invoices)):
            for line in LINES:
                self.target.received[line] += 100
            self.clock.at += 4000
            self._look()
            send(self.engine, self.target, settings=PATIENT)
        stands = [self._state(number)[0] for number in self.invoices]
        assert stands == ["posted"] * len(stands), [(row.doc_key, row.state, row.reason) for row in rows(self.engine)]
        total: Counter[OrderLineKey] = Counter()
        for taken in self.invoices.values():
            total.update(taken)
        assert self.target.matched == total and not self.target.wrongs
        prove(self.engine)
        self.engine.dispose()

    def _look(self) -> None:
        evaluate(self.engine, CONTEXT, self.target.goods, target="books", change=lambda old, new: "none")
        self.looked_at = self.corrections
        self._nothing_covered_stays()

    def _nothing_covered_stays(self) -> None:
        """With nothing on its way: what waits either lacks goods, or stands behind one that was granted."""
        now = rows(self.engine)
        if any(row.state in ("sending", "unknown") for row in now):
            return
        with self.engine.connect() as connection:
            granted = set(connection.execute(text("SELECT key FROM fact WHERE is_true = 1")).scalars())
        planned = [number for number in self.invoices if self._state(number)[0] == "planned"]
        going = [number for number in planned if cover_key(key(number, "bill")) in granted]
        busy = {line for number in going for line in self.invoices[number]}
        for number in set(planned) - set(going):
            short = any(self.target.open(line) < pieces for line, pieces in self.invoices[number].items())
            assert short or busy & self.invoices[number].keys(), (number, self.invoices[number])

    def _send(self, weather: Sequence[str]) -> None:
        left = list(weather)
        self.target.weather = lambda write: left.pop(0) if left else OK
        send(self.engine, self.target, settings=PATIENT)

    def _row(self, number: int) -> Any:
        return [one for one in rows(self.engine, key(number, "bill")) if one.state != "superseded"][-1]

    def _state(self, number: int) -> tuple[str, int]:
        row = self._row(number)
        return row.state, row.attempt


def test_no_sequence_matches_more_than_was_received(tmp_path: Path, migrated_file: Path) -> None:
    made = 0

    def fresh() -> Engine:
        nonlocal made
        made += 1
        path = tmp_path / f"ledger{made}.db"
        shutil.copy(migrated_file, path)
        engine = open_database(f"sqlite:///{path}")
        event.listen(engine, "connect", _without_fsync)
        return engine

    class Machine(GoodsMachine):
        fresh_engine = staticmethod(fresh)

    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine, settings=settings(max_examples=20, stateful_step_count=20, deadline=None,
                                   suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
