"""The threads that talk to the target. Invariant: nothing leaves without enough of its lease, by two clocks (L7).

How many of them talk at once is the window's to say: a target that chokes is asked for less (G5). Each task ends as one
result in a queue that the session reads; a task never raises and never touches the ledger.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from st_pipelines.posting.breaker import Breaker
from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.clock import Watch
from st_pipelines.posting.judge import Answer, ask
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.target import NotSent, Outcome, Posted, Refused, Target, Unknown, WrongCompany
from st_pipelines.posting.window import Window

BEFORE_SENDING, AFTER_REFUSAL, AFTER_POSTING = "before sending", "after a refusal", "after posting"


@dataclass(frozen=True, slots=True)
class Sent:
    """``counted``: the target had its say. Otherwise the row was given back before anything was tried."""

    row: Claimed
    outcome: Outcome
    counted: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer to one question about several rows; ``fault`` where there is none. ``refusals``: what the target had
    said to each row before. ``alike``: what a person would take for the same document, by external reference."""

    purpose: str
    rows: Sequence[Claimed]
    answer: Answer
    fault: str = ""
    refusals: Sequence[Refused] = ()
    alike: Mapping[str, str] = field(default_factory=dict)


class Sender:
    """Sends and asks in the pool's threads; ``results`` gives one ``Sent`` or ``Asked`` a task."""

    def __init__(self, target: Target, pool: Executor, breaker: Breaker, settings: PostSettings, watch: Watch) -> None:
        self.target, self.pool, self.breaker, self.settings, self.watch = target, pool, breaker, settings, watch
        self.window = Window(target.max_concurrency)
        self.results: SimpleQueue[Sent | Asked] = SimpleQueue()
        self.stop = threading.Event()
        self.wrong_company: WrongCompany | None = None
        self.pending = 0

    def send(self, row: Claimed) -> None:
        self.pending += 1
        self.pool.submit(self._send, row)

    def ask(self, purpose: str, kind: str, company: str, rows: Sequence[Claimed],
            refusals: Sequence[Refused] = ()) -> None:  # fmt: skip
        self.pending += 1
        self.pool.submit(self._ask, purpose, kind, company, rows, refusals)

    def next(self) -> list[Sent | Asked]:
        """Waits for one result and takes whatever else has arrived."""
        batch = [self.results.get()]
        while not self.results.empty():
            batch.append(self.results.get())
        self.pending -= len(batch)
        return batch

    def _send(self, row: Claimed) -> None:
        with self.window.permit() as started:  # what hinders it is looked at after the wait, not before
            hindered = self._hindered(row)
            result = self._sent(row, started) if hindered is None else Sent(row, hindered, False)
        self.results.put(result)

    def _sent(self, row: Claimed, started: int) -> Sent:
        outcome: Outcome
        try:
            outcome = self.target.send(row.write())
        except WrongCompany as error:
            self._stop_for(error)
            outcome = Unknown(f"answered by other books: {error}")
        except Exception as error:  # noqa: BLE001 (it may have left: unknown, recorded, settled by reading back)
            outcome = Unknown(f"sending raised {type(error).__name__}: {error}")
        self.breaker.record(outcome)
        self.window.settled(started, answered=isinstance(outcome, Posted | Refused))
        return Sent(row, outcome, True)

    def _hindered(self, row: Claimed) -> NotSent | None:
        if self.stop.is_set():
            return NotSent("the session ended before it was sent")
        paused = self.breaker.wait_s()
        if paused > 0 or self.breaker.needs_probe:
            return NotSent(f"sending is paused: {self.breaker.last_fault}", paused)
        left = row.claimed_at + self.settings.lease_s - self.watch.clock.monotonic()
        if left < self.target.request_deadline_s + self.settings.margin_s:
            return NotSent("not enough of its lease was left to send it")
        if self.watch.stepped_forward_since(row.clock_offset_us):
            return NotSent("the database's clock was set forward: others may consider its lease over")
        return None

    def _ask(self, purpose: str, kind: str, company: str, rows: Sequence[Claimed],
             refusals: Sequence[Refused]) -> None:  # fmt: skip
        references = list(dict.fromkeys(reference for row in rows for reference in row.references_asked))
        answer: dict[str, Any] = {}
        alike: Mapping[str, str] = {}
        fault = ""
        with self.window.permit() as started:
            try:
                answer = dict(ask(self.target, kind, company, references))
                absent = [row for row in rows if row.op == "create" and not answer.get(row.external_ref)]
                if purpose == BEFORE_SENDING and absent:
                    alike = self.target.look_alikes([row.write() for row in absent])
            except WrongCompany as error:
                self._stop_for(error)
                fault = f"answered by other books: {error}"
            except Exception as error:  # noqa: BLE001 (no answer = no sending; the fault is recorded with every row)
                fault = f"{type(error).__name__}: {error}"
            self.window.settled(started, answered=not fault)
        self.results.put(Asked(purpose, rows, answer, fault, refusals, alike))

    def _stop_for(self, error: WrongCompany) -> None:
        self.wrong_company = error
        self.stop.set()
