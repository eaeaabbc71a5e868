"""Posts what is planned: settle, claim, build, freeze, look, send, confirm, read back. Invariant: at every moment the
ledger knows at least as much as the target could have seen.

One session is one call of ``post``. The calling thread does all ledger work; the threads of the pool only talk to the
target. Ending it anywhere, by exception or by kill, loses and doubles nothing: the next session goes on from there.
"""

import logging
import random
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine

from st_pipelines.audit.high_water import LedgerRestored, MarkFault
from st_pipelines.posting import claim, leases, outlook, readback
from st_pipelines.posting.answers import judged, unfinished
from st_pipelines.posting.breaker import Breaker
from st_pipelines.posting.claimed import Claimed, by_books
from st_pipelines.posting.clock import Clock, Watch
from st_pipelines.posting.companies import Companies
from st_pipelines.posting.context import LedgerUnavailable, RunContext
from st_pipelines.posting.mark import FIRST_EPOCH, Mark
from st_pipelines.posting.outcomes import Adopted, Pair, confirm
from st_pipelines.posting.owner import Owner
from st_pipelines.posting.plan import plan_again
from st_pipelines.posting.prepare import prepare
from st_pipelines.posting.resolve import Resolver
from st_pipelines.posting.sending import AFTER_POSTING, AFTER_REFUSAL, BEFORE_SENDING, Asked, Sender, Sent
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.summary import PostSummary
from st_pipelines.posting.target import NotSent, Posted, Refused, Target

__all__ = ["PostSettings", "PostSummary", "post"]


def post(
    engine: Engine, target: Target, integration: str, flows: Collection[str], context: RunContext, *, mark: Mark,
    pinned: Collection[str] = (), settings: PostSettings | None = None, clock: Clock | None = None,
    jitter: random.Random | None = None,
) -> PostSummary:  # fmt: skip
    """Posts everything claimable of these flows (none named = all), after settling what is unknown.

    ``pinned``: companies that must be the right ones too before anything is sent, whether or not it is for them: where
    one of them is wrong, so may be the connection (M1). ``mark``: the ledger's high-water mark, raised before anything
    of a batch is sent (L15).

    Ends when nothing is claimable now or soon (``settings.patience_s``). ``WrongCompany`` and ``LedgerUnavailable`` say
    that nothing more is sent, and so do the faults of the mark (``LedgerRestored``, ``MarkFault``); what
    ``target.check_company`` raises where the target cannot be reached passes too.
    """
    if integration != context.integration:
        raise ValueError(f"the context is of {context.integration!r}, not of {integration!r}")
    settings, clock = settings or PostSettings(), clock or Clock()
    if settings.lease_s <= target.request_deadline_s + settings.margin_s:
        raise ValueError(
            f"a lease of {settings.lease_s} s leaves no time for a request of up to {target.request_deadline_s} s "
            f"plus {settings.margin_s} s: set a longer lease"
        )
    outlook.require_space(engine, settings.minimum_free_bytes)
    breaker = Breaker(settings, clock, jitter or random.Random())
    watch = Watch(clock)
    with Owner() as owner, ThreadPoolExecutor(target.max_concurrency, thread_name_prefix="post") as pool:
        sender = Sender(target, pool, breaker, settings, watch)
        return _Session(engine, context, flows, owner.name, sender, mark, pinned).run()


log = logging.getLogger(__name__)


class _Session:
    def __init__(self, engine: Engine, context: RunContext, flows: Collection[str], owner: str, sender: Sender,
                 mark: Mark, pinned: Collection[str]) -> None:  # fmt: skip
        self.engine, self.context, self.flows, self.owner, self.sender = engine, context, tuple(flows), owner, sender
        self.mark, self.pinned = mark, frozenset(pinned)
        self.looks_first = False  # also before an update or a void: the ledger does not know all that was sent
        self.target, self.settings, self.watch = sender.target, sender.settings, sender.watch
        self.clock, self.breaker = sender.watch.clock, sender.breaker
        self.resolver = Resolver(engine, self.target, context, self.flows, self.settings, self.watch)
        self.summary = PostSummary()
        self.companies = Companies(engine, self.target, context)
        self.in_hand = 0  # rows claimed and not yet confirmed
        self.dry = False  # the last claim found nothing, and nothing has happened since
        self.to_read_back: list[Claimed] = []
        self.replanned: set[str] = set()
        self.replanned_before: set[str] = set()  # a record that moves under us each time is left to the next session
        self.refused_in_a_row = 0
        self.progress_at = self.clock.monotonic()
        self.next_unknown_s: float | None = None
        self.next_lease_us: int | None = None

    def run(self) -> PostSummary:
        started = self.clock.monotonic()
        self.looks_first = self.mark.require(self.engine) > FIRST_EPOCH
        try:
            limit = 10 * self.settings.questions
            self.to_read_back = readback.due(
                self.engine, self.context, self.flows, limit, self.resolver.quiet_s, self.watch
            )
            self._loop()
        except LedgerUnavailable:
            self._let_go(record=False)
            raise
        except BaseException:
            self._let_go(record=True)
            raise
        self.summary.left = outlook.left(self.engine, self.context, self.flows)
        self.summary.unknown = self.summary.left["unknown"]
        self.summary.seconds = self.clock.monotonic() - started
        return self.summary

    def _loop(self) -> None:
        while True:
            if self.sender.wrong_company is not None and not self.sender.pending:
                self.companies.alarm(self.sender.wrong_company)
                raise self.sender.wrong_company
            if self._may_claim():
                self._settle()
                self._fill()
            if self.sender.pending:
                self._collect(self.sender.next())
            elif not self._may_claim():
                self._read_back(everything=True)
                if not self.sender.pending and not self._await_work():
                    return

    # -------------------------------------------------------------------------------------------- claim to send

    def _may_claim(self) -> bool:
        """A new batch is claimed while the threads still have work, so that they never wait for the ledger."""
        if self.sender.stop.is_set() or self.dry or self._paused():
            return False
        return self.in_hand <= self.sender.window.width

    def _settle(self) -> None:
        """What is unknown goes before anything new (G6)."""
        expired = leases.expire(self.engine, self.context, self.watch, own=(self.owner,))
        self.next_lease_us = expired.next_us
        opened = outlook.open_companies(self.engine, self.context, self.flows)
        self.companies.check(sorted({*opened, *self.pinned}) if opened else ())
        step = self.resolver.step()
        self.next_unknown_s = step.next_s
        self.summary.settled += step.posted
        self.summary.posted += step.posted
        self.summary.returned += step.returned
        self.summary.held_now += step.held
        self.summary.faults.update(fault[:200] for fault in step.faults)
        if step.posted or step.returned or step.held:
            self._progress()

    def _fill(self) -> None:
        limit = self.sender.window.share(self.settings.batch)
        rows = claim.claim(self.engine, self.context, self.owner, self.flows, limit=limit,
                           lease_s=self.settings.lease_s, watch=self.watch)  # fmt: skip
        self.in_hand += len(rows)
        if not rows:
            self.dry = True
            return
        log.info(
            "%s: %d claimed, %d posted so far", " ".join(self.flows) or "all flows", len(rows), self.summary.posted
        )
        prepared = prepare(self.target, rows, self.sender.pool)
        unchecked = [(row, NotSent("its company was not checked yet")) for row, _ in prepared.ready
                     if row.company not in self.companies.checked]  # fmt: skip
        ready = [(row, body) for row, body in prepared.ready if row.company in self.companies.checked]
        if ready and not self._frozen(ready):
            ready = []
        asked = [row for row, _ in ready if row.op == "create" or self.looks_first]
        for (kind, company), group in by_books(asked).items():
            for start in range(0, len(group), self.settings.questions):
                self.sender.ask(BEFORE_SENDING, kind, company, group[start : start + self.settings.questions])
        for row, _ in ready:
            if row.op != "create" and not self.looks_first:
                self.sender.send(row)
        self._confirm([*prepared.settled, *unchecked])
        self._again(prepared.again)

    def _frozen(self, ready: Sequence[tuple[Claimed, bytes]]) -> bool:
        try:
            claim.freeze(self.engine, self.context, ready, self.watch)
        except claim.LeaseLost as error:
            self._confirm([(row, NotSent(str(error))) for row, _ in ready])
            return False
        try:
            self.mark.raise_to_present(self.engine)
        except (LedgerRestored, MarkFault) as error:
            self._confirm([(row, NotSent(str(error))) for row, _ in ready])
            raise
        return True

    # -------------------------------------------------------------------------------------------- answers

    def _collect(self, results: Sequence[Sent | Asked]) -> None:
        pairs: list[Pair] = []
        refused: list[tuple[Claimed, Refused]] = []
        for result in results:
            if isinstance(result, Sent):
                self.summary.sent += result.counted
                if isinstance(result.outcome, Refused) and result.outcome.read_back_first:
                    refused.append((result.row, result.outcome))
                else:
                    pairs.append((result.row, result.outcome))
            elif result.purpose == AFTER_POSTING:
                self._compared(result)
            else:
                pairs.extend(self._answered(result))
        said = {row.posting_id: refusal for row, refusal in refused}
        for (kind, company), group in by_books([row for row, _ in refused]).items():
            self.sender.ask(AFTER_REFUSAL, kind, company, group, [said[row.posting_id] for row in group])
        self._confirm(pairs)
        self._read_back(everything=False)

    def _answered(self, asked: Asked) -> list[Pair]:
        """What looking first (or after "already exists") means for each row; what is absent is sent."""
        pairs: list[Pair] = []
        outlook.look_at_the_clock(self.engine, self.watch)  # it may have been set while the target was asked (L7)
        for index, row in enumerate(asked.rows):
            refusal = asked.refusals[index] if asked.refusals else None
            settled, stale = judged(self.target, row, asked, refusal)
            if stale and row.doc_key not in self.replanned_before:
                self.replanned_before.add(row.doc_key)
                self.replanned.add(row.doc_key)  # the record moved under us: once more, from its present state
            if settled is None:
                self.sender.send(row)
            else:
                pairs.append((row, settled))
        if asked.fault and asked.purpose == BEFORE_SENDING:
            self.breaker.record(NotSent(asked.fault))
        return pairs

    def _confirm(self, pairs: Sequence[Pair]) -> None:
        if not pairs:
            return
        pauses = [self.breaker.pause_s(outcome, row.attempt) if isinstance(outcome, NotSent) else 0.0
                  for row, outcome in pairs]  # fmt: skip
        recorded = confirm(self.engine, self.context, pairs, self.watch, pauses)
        self.in_hand -= len(pairs)
        if self.summary.count(recorded):
            self._progress()
        self.to_read_back += [row for row, outcome in recorded if isinstance(outcome, Posted)]
        self._again([row for row, outcome in recorded
                     if isinstance(outcome, Refused) and row.doc_key in self.replanned])  # fmt: skip
        for _, outcome in recorded:
            if isinstance(outcome, Refused):
                self.refused_in_a_row += 1
                if self.refused_in_a_row >= self.settings.stop_after_refusals:
                    self.sender.stop.set()
                    self.summary.stopped = (
                        f"{self.refused_in_a_row} documents in a row were refused, the last with: {outcome.reason}"
                    )
            elif isinstance(outcome, Posted | Adopted):
                self.refused_in_a_row = 0

    def _again(self, rows: Sequence[Claimed]) -> None:
        for row in rows:
            self.replanned.discard(row.doc_key)
            plan_again(self.engine, self.context, [row.doc_key], target=row.target, change=self.target.change,
                       why=f"posting {row.posting_id} could not be an {row.op}")  # fmt: skip
            self._progress()

    def _progress(self) -> None:
        self.dry, self.progress_at = False, self.clock.monotonic()

    # -------------------------------------------------------------------------------------------- read back

    def _read_back(self, everything: bool) -> None:
        """Asks in full questions while there is other work, and for the rest at the end."""
        for (kind, company), group in by_books(self.to_read_back).items():
            while len(group) >= self.settings.questions or (everything and group):
                some, group = group[: self.settings.questions], group[self.settings.questions :]
                asked = {row.posting_id for row in some}
                self.to_read_back = [row for row in self.to_read_back if row.posting_id not in asked]
                self.sender.ask(AFTER_POSTING, kind, company, some)

    def _compared(self, asked: Asked) -> None:
        if asked.fault:
            self.summary.not_read_back += len(asked.rows)
            self.summary.faults[asked.fault[:200]] += 1
            return
        same, differing = readback.compare(self.target, asked.rows, asked.answer)
        readback.record(self.engine, self.context, same, differing, self.watch)
        self.summary.read_back += len(same) + len(differing)
        self.summary.not_read_back += len(asked.rows) - len(same) - len(differing)
        self.summary.differing += [difference.row.doc_key for difference in differing]

    # -------------------------------------------------------------------------------------------- waiting, ending

    def _paused(self) -> bool:
        return self.breaker.wait_s() > 0 or self.breaker.needs_probe

    def _await_work(self) -> bool:
        """Waits for what becomes due soon; False = nothing does."""
        if self.sender.stop.is_set():
            return False
        waits = self._waits(self.clock.monotonic() - self.progress_at)
        if not waits:
            if self._paused():
                self.summary.stopped = f"sending is paused: {self.breaker.last_fault}"
            return False
        self.clock.wait(max(min(waits), 0.001))
        if self.breaker.needs_probe and self.breaker.wait_s() <= 0:
            fault = self.companies.probe()
            self.breaker.probed(alive=not fault)
            self.summary.faults.update([fault] if fault else [])
        self.dry = False
        return True

    def _waits(self, idle_s: float) -> list[float]:
        """Seconds until each thing that is worth waiting for."""
        patience = self.settings.patience_s - idle_s
        if self._paused():
            return [wait for wait in (self.breaker.wait_s(),) if wait <= patience]
        due = outlook.next_due_s(self.engine, self.context, self.flows, self.next_lease_us, self.watch)
        waits = [due] if due is not None and due <= patience else []
        # What is unknown is always waited for: only the session that asked twice can prove an absence.
        settling = self.resolver.quiet_s + self.resolver.second_s * self.settings.max_read_backs
        if self.next_unknown_s is not None and patience + settling >= 0:
            waits.append(self.next_unknown_s)
        return waits

    def _let_go(self, record: bool) -> None:
        """Lets requests on their way end, and writes down what they brought. Nothing new is begun."""
        self.sender.stop.set()
        while self.sender.pending:
            results = self.sender.next()
            if record:
                confirm(
                    self.engine, self.context, [pair for result in results for pair in unfinished(result)], self.watch
                )
