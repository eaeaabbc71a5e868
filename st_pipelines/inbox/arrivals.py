"""Group commit: many waiting requests share one transaction and one fsync. Invariant: ``take`` returns when durable.

A 2xx to the sender means «you may forget it» (W5). While one group is being committed, or the last one began a moment
ago, the next one gathers; a single delivery waits for nobody. The queue is bounded: above it nothing is taken in (W8).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import Engine

from st_pipelines.inbox.delivery import Arrival
from st_pipelines.inbox.storing import Stored, store

MOST_WAITING = 2_000
MOST_WAITING_BYTES = 64 * 1024 * 1024
MOST_IN_GROUP = 500  # C3: no long transactions on SQLite
BETWEEN_COMMITS_S = 0.005  # a commit costs as much as ten deliveries in it, and keeps the ledger's writers waiting


class InboxFull(RuntimeError):
    """More deliveries wait than the queue holds. Nothing was stored; the sender comes again later."""


class InboxUnavailable(RuntimeError):
    """The group was not committed, or nobody knows whether it was. The sender must send again; repeats are free."""


@dataclass(frozen=True)
class Group:
    """What one commit did: ``stored``, or the ``fault`` that kept it from it. ``seconds``: begin to durable."""

    size: int
    seconds: float
    stored: Stored | None = None
    fault: BaseException | None = None


class Arrivals:
    """The way into the inbox for one event loop. ``on_group`` is told of every commit, for the metrics."""

    def __init__(
        self,
        engine: Engine,
        *,
        most_waiting: int = MOST_WAITING,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
        on_group: Callable[[Group], None] | None = None,
    ) -> None:
        self._engine, self._on_group = engine, on_group
        self._most_waiting, self._most_bytes = most_waiting, most_waiting_bytes
        self._gathering: list[tuple[Arrival, asyncio.Future[None]]] = []
        self._waiting = self._bytes = 0  # gathering, and in the commit that runs
        self._next_at = 0.0  # when the next commit may begin, by the loop's clock
        self._committing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inbox")

    @property
    def waiting(self) -> int:
        """Deliveries that were taken in and are not yet durable."""
        return self._waiting

    @property
    def full(self) -> bool:
        return self._waiting >= self._most_waiting or self._bytes >= self._most_bytes

    async def take(self, arrived: Arrival) -> None:
        """Returns when the delivery is durable, also where it had come before. Raises ``InboxFull``,
        ``InboxUnavailable``."""
        if self.full:
            raise InboxFull(f"{self._waiting} deliveries wait for the database")
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathering.append((arrived, durable))
        self._waiting += 1
        self._bytes += len(arrived.body)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        await durable

    async def close(self) -> None:
        """Commits what was taken and ends the thread."""
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()

    async def _commit_all(self) -> None:
        now = asyncio.get_running_loop().time
        while self._gathering:
            if (early := self._next_at - now()) > 0:
                await asyncio.sleep(early)
            self._next_at = now() + BETWEEN_COMMITS_S
            group, self._gathering = self._gathering[:MOST_IN_GROUP], self._gathering[MOST_IN_GROUP:]
            await self._commit(group)
        self._committing = None

    async def _commit(self, group: list[tuple[Arrival, asyncio.Future[None]]]) -> None:
        began = perf_counter()
        arrived = [one for one, _ in group]
        commit = asyncio.get_running_loop().run_in_executor(self._thread, store, self._engine, arrived)
        await asyncio.wait((commit,))
        self._waiting -= len(group)
        self._bytes -= sum(len(one.body) for one in arrived)
        fault = commit.exception()
        if self._on_group is not None:
            stored = None if fault else commit.result()
            self._on_group(Group(len(group), perf_counter() - began, stored, fault))
        for _, durable in group:
            if durable.cancelled():
                continue
            if fault is None:
                durable.set_result(None)
            else:
                told = InboxUnavailable(f"the inbox could not be written ({type(fault).__name__})")
                told.__cause__ = fault
                durable.set_exception(told)
