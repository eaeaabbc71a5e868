"""The ASGI app of one worker. Invariant: three paths, and nothing else is there (W10).

``/healthz`` says that the process answers, ``/readyz`` that a delivery could be stored now. ``/metrics`` is not here:
it counts a company's business and stands on a port of its own, which no proxy forwards by mistake.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.inbox.arrivals import Arrivals, Group
from st_pipelines.inbox.storing import check_writable
from st_pipelines.receivers import answers
from st_pipelines.receivers.answers import send_answer
from st_pipelines.receivers.door import LARGEST_BODY, Door
from st_pipelines.receivers.metrics import Metrics
from st_pipelines.receivers.peers import Peers
from st_pipelines.receivers.senders import Senders

VAULT_EVERY_S = 1.0
_READY_FOR_S = 1.0  # strangers may ask too; the database is asked once a second at most
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What one worker takes. ``per_second``: requests of one peer."""

    largest_body: int = LARGEST_BODY
    per_second: float = 2_000.0
    most_waiting: int = 2_000
    behind_proxy: bool = False


def build(engine: Engine, load_keyring: Callable[[], Keyring], limits: Limits, metrics: Metrics) -> Starlette:
    """Raises what the vault raises where its secrets cannot be opened: a receiver that knows nobody is not started."""
    senders = Senders(engine, load_keyring)
    senders.refresh()

    def committed(group: Group) -> None:
        metrics.committed(group)
        metrics.queue(arrivals.waiting)
        if group.fault is not None:
            _log.error("%d deliveries were not stored and are sent again: %s", group.size, reason(group.fault))

    arrivals = Arrivals(engine, most_waiting=limits.most_waiting, on_group=committed)
    door = Door(
        senders, arrivals, Peers(limits.per_second), largest_body=limits.largest_body,
        behind_proxy=limits.behind_proxy, tell=metrics.answered,
    )  # fmt: skip

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(_watch(senders, lambda: metrics.queue(arrivals.waiting)))
        try:
            yield
        finally:
            watching.cancel()
            await arrivals.close()

    return Starlette(
        routes=[
            Route("/webhooks/{connection}", door),
            Route("/healthz", _healthz),
            Route("/readyz", Ready(engine, arrivals)),
            Mount("/", _nothing_here),
        ],
        lifespan=lifespan,
    )


def reason(fault: BaseException) -> str:
    """Class and the driver's first line: no statement and no parameters, which hold bodies."""
    driver = str(getattr(fault, "orig", "")).strip().splitlines()
    return f"{type(fault).__name__}: {driver[0]}" if driver else type(fault).__name__


class Ready:
    """200 where the inbox can be written and has room, else 503."""

    def __init__(self, engine: Engine, arrivals: Arrivals) -> None:
        self._engine, self._arrivals = engine, arrivals
        self._writable, self._asked_at = False, float("-inf")
        self._asking = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = asyncio.get_running_loop().time
        async with self._asking:
            if now() - self._asked_at > _READY_FOR_S:
                self._writable = await run_in_threadpool(self._ask)
                self._asked_at = now()
        ready = self._writable and not self._arrivals.full
        await send_answer(send, answers.WELL if ready else answers.NOT_READY)

    def _ask(self) -> bool:
        try:
            check_writable(self._engine)
        except SQLAlchemyError as error:
            _log.error("not ready: %s", reason(error))
            return False
        return True


class _Fixed:
    """The same answer to everybody."""

    def __init__(self, answer: answers.Answer) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(send, self._answer)


_healthz = _Fixed(answers.WELL)
_nothing_here = _Fixed(answers.NOTHING_HERE)


async def _watch(senders: Senders, show_queue: Callable[[], None]) -> None:
    """Nothing tells when a row of the vault changes, so it is looked at once a second; so is the queue, which must be
    seen to grow also while no commit ends."""
    while True:
        await asyncio.sleep(VAULT_EVERY_S)
        show_queue()
        try:
            await run_in_threadpool(senders.refresh)
        except (SQLAlchemyError, RuntimeError, OSError, ValueError) as fault:
            _log.error("the webhook secrets could not be read again, those known stay: %s", reason(fault))
