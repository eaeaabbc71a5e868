"""From webhook deliveries in the inbox to posted documents. Invariant: a delivery is settled only after the ledger
knows what its record says now; killed anywhere and run again, nothing is lost or posted twice.

One round: read the hints, read the records again by id, map, plan, post, compare, tell, settle. What cannot be
done now comes again after a while; polling reaches the same end without any of this (W8).
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

from st_pipelines.database.engine import now_us, reading
from st_pipelines.inbox.pending import Delivery, Lag, lag, pending, postpone, purge, settle
from st_pipelines.integrations.event_partitions import new_partition, remove_covered
from st_pipelines.integrations.event_posting import NOTHING_SENT, Planned, Sent, map_and_plan, send
from st_pipelines.integrations.event_wishes import Record, Wishes, flows_of, reach, wishes_of
from st_pipelines.integrations.reconcile import Reconciled, reconcile_touched
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import NotReady, Session
from st_pipelines.integrations.telling import EventSide
from st_pipelines.integrations.write_back import WriteBack, marked_flows, write_back
from st_pipelines.posting.standing import Standing, standing

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 900.0
LOOK_AGAIN_S, LONGEST_RUN_S = 0.25, 600.0
POISON = (ValueError, LookupError, TypeError, ArithmeticError)  # may be the fault of one record alone


@dataclass(frozen=True)
class Prepared:
    """Records that were read into one partition and planned."""

    key: str
    flows: tuple[Flow, ...]
    planned: Planned


@dataclass
class Drained:
    """What one round did. ``settled``: deliveries by done, ignored and postponed; ``reasons``: of those that are not
    done. ``documents``: where everything stands that was read. ``age_s``: from the arrival of the oldest delivery to
    the end of the round. ``seconds``: by part of the work."""

    deliveries: int = 0
    records: int = 0
    pages: int = 0
    settled: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    documents: Mapping[str, Standing] = field(default_factory=dict)
    sent: Sent = NOTHING_SENT
    reconciled: Mapping[str, Reconciled] = field(default_factory=dict)
    told: Sequence[WriteBack] = ()
    removed: int = 0
    age_s: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """No variance, nothing differs from its plan, nothing was put off."""
        return not (self.sent.stopped or self.sent.differing or self.settled["postponed"]) and all(
            one.is_clean for one in self.reconciled.values()
        )


def waiting(session: Session) -> Lag:
    """What waits for this integration's source connection."""
    return lag(session.engine, session.integration.source.connection)


def drain(session: Session, run_id: str, actor: str) -> Drained:
    """One round over the deliveries that are due; nothing due = nothing done. Raises what reading or posting raises;
    the deliveries were put off then."""
    side, options = session.road.source.events, session.integration.events
    if side is None:
        raise NotReady(f"{session.integration.name}: {session.road.source.system} tells nothing of changes")
    deliveries = pending(session.engine, session.integration.source.connection, limit=options.at_once)
    if not deliveries:
        return Drained()
    return _Round(session, side, deliveries, run_id, actor).run()


def rounds(session: Session, run_id: str, actor: str, *, linger_s: float = 0.0) -> Iterator[Drained]:
    """Rounds until nothing is due and nothing has come for ``linger_s``, at most for ``LONGEST_RUN_S``: starting a run
    takes longer than posting a document, so a run that is there anyway takes the next event as well."""
    started = idle_since = time.monotonic()
    lingering = Event()  # nobody sets it: neither database says that a row has come, so it is looked for
    while True:
        done = drain(session, run_id, actor)
        now = time.monotonic()
        if done.deliveries:
            yield done
            idle_since = time.monotonic()
        elif now - idle_since >= linger_s:
            return
        else:
            lingering.wait(LOOK_AGAIN_S)
        if now - started >= LONGEST_RUN_S:
            return


class _Round:
    def __init__(
        self, session: Session, side: EventSide, deliveries: Sequence[Delivery], run_id: str, actor: str
    ) -> None:
        self._session, self._side, self._run_id, self._actor = session, side, run_id, actor
        self._deliveries, self._wishes = deliveries, Wishes()
        self._done = Drained(len(deliveries))

    def run(self) -> Drained:
        try:
            self._wishes = wishes_of(self._session, self._side, self._deliveries)
            for reason, some in self._wishes.ignored.items():
                self._ignore(some, reason)
            if self._wishes.by_record:
                self._work()
        except BaseException as fault:
            self._postpone(self._deliveries, f"{type(fault).__name__}: {fault}")  # settled ones stay as they are
            raise
        with reading(self._session.engine) as connection:
            oldest = min(one.received_at for one in self._deliveries)
            self._done.age_s = (now_us(connection) - oldest) / 1_000_000
        with self._timed("tidy"):
            self._done.removed = len(remove_covered(self._session))
            purge(self._session.engine, self._session.settings.keep_deliveries_days)
        return self._done

    def _work(self) -> None:
        session, name = self._session, self._session.integration.name
        _ = session.mapping, session.source  # what is wrong with these is no record's fault
        session.require_agreement()
        prepared = self._prepare(sorted(self._wishes.by_record))
        with self._timed("post"):
            self._done.sent = send(session, self._run_id, self._actor)
        keys: dict[str, list[str]] = {}
        for one in prepared:
            for flow in one.flows:
                keys.setdefault(flow.name, []).append(one.key)
        flows = [flow for flow in flows_of(session) if flow.name in keys]
        with self._timed("reconcile"):
            self._done.reconciled = {
                flow.name: reconcile_touched(session, flow, keys[flow.name], self._run_id, f"events_{flow.name}")
                for flow in flows
                if flow.reconciled_kinds
            }
        with self._timed("tell"):
            marked = marked_flows(session, flows)
            self._done.told = [write_back(session, flow, [], self._run_id, self._actor) for flow in marked]
        planned = [key for one in prepared for key in one.planned.doc_keys]
        self._done.documents = standing(session.engine, name, dict.fromkeys(planned))
        self._settle(frozenset().union(*(one.planned.left_out for one in prepared)))

    def _prepare(self, records: Sequence[Record]) -> list[Prepared]:
        """Reads and plans. One record that cannot be mapped keeps only itself waiting: a batch that fails is halved
        until it is alone (R7). What says that nothing can be read now passes."""
        try:
            return [self._read_and_plan(records)]
        except POISON as fault:
            if len(records) == 1:
                poisoned = [one for _, one in self._wishes.without(records)]
                self._postpone(poisoned, f"{type(fault).__name__}: {fault}")
                return []
            middle = len(records) // 2
            return [*self._prepare(records[:middle]), *self._prepare(records[middle:])]

    def _read_and_plan(self, records: Sequence[Record]) -> Prepared:
        session, ids = self._session, dict[str, list[str]]()
        for entity, record_id in records:
            ids.setdefault(entity, []).append(record_id)
        key, today = new_partition(session)
        entities, flows = reach(session, list(ids))
        with self._timed("read"):
            first = datetime.combine(session.integration.first_day, datetime.min.time(), UTC)
            read = self._side.reread(session.source, session.store, session.integration, key, entities, ids, first)
        with self._timed("plan"):
            planned = map_and_plan(session, flows, key, today, self._run_id, self._actor)
        self._done.records += sum(one.records for one in read.values())
        self._done.pages += sum(one.pages for one in read.values())
        self._absent([(entity, one) for entity, found in read.items() for one in found.missing])
        return Prepared(key, tuple(flows), planned)

    def _absent(self, records: Iterable[Record]) -> None:
        """A record may show up a moment after its event; one that stays absent is nothing to wait for."""
        most = self._session.integration.events.absent_after
        for (entity, record_id), one in self._wishes.without(list(records)):
            if one.attempts + 1 >= most:
                self._ignore([one], f"{entity} {record_id} does not exist at the source (looked {most} times)")
            else:
                self._postpone([one], f"{entity} {record_id} does not exist at the source yet")

    def _settle(self, left_out: Collection[str]) -> None:
        done: list[Delivery] = []
        for (entity, record_id), some in self._wishes.by_record.items():
            key = self._side.document_key(self._session.integration, entity, record_id)
            now = self._done.documents.get(key)
            if key in left_out:
                self._ignore(some, f"{key} was last modified on a day that is not the integration's")
            elif now is not None and not now.settled:
                self._postpone(some, f"{key} is {now.state}: {'; '.join(self._done.sent.stopped) or now.reason}")
            else:
                done += some
        self._count("done", settle(self._session.engine, _numbers(done), state="done", run_id=self._run_id))

    def _ignore(self, some: Sequence[Delivery], reason: str) -> None:
        self._done.reasons[reason] += len(some)
        numbers = _numbers(some)
        self._count(
            "ignored", settle(self._session.engine, numbers, state="ignored", reason=reason, run_id=self._run_id)
        )

    def _postpone(self, some: Sequence[Delivery], reason: str) -> None:
        """Twice as long each time, for each delivery by its own number of attempts."""
        self._done.reasons[reason] += len(some)
        by_attempts: dict[int, list[Delivery]] = {}
        for one in some:
            by_attempts.setdefault(one.attempts, []).append(one)
        for attempts, alike in by_attempts.items():
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(attempts, 10))
            numbers = _numbers(alike)
            self._count(
                "postponed",
                postpone(self._session.engine, numbers, seconds=pause, reason=reason, run_id=self._run_id),
            )

    def _count(self, what: str, deliveries: int) -> None:
        if deliveries:
            self._done.settled[what] += deliveries

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        spent = self._done.seconds.get(part, 0.0) + time.monotonic() - began
        self._done.seconds[part] = round(spent, 3)


def _numbers(deliveries: Iterable[Delivery]) -> list[int]:
    return [one.n for one in deliveries]
