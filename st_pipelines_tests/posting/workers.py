"""What the ledger's process tests run in processes of their own: a poster that races, and one that is killed."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, event

from st_pipelines.database.engine import open_database
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.target import Outcome, Write
from st_pipelines_tests.posting.cases import FAST, document, key, plan, send, void
from st_pipelines_tests.posting.fake_target import (
    APPLY_THEN_DROP,
    DROP_BEFORE,
    NO_CONNECTION,
    OK,
    FakeTarget,
    FileBooks,
)


def race(url: str, books: str, seed: int) -> None:
    """Posts whatever it can get, in bad weather."""
    luck = random.Random(seed)
    engine = open_database(url)
    target = FakeTarget(FileBooks(Path(books)))
    target.weather = lambda write: luck.choices([OK, APPLY_THEN_DROP, DROP_BEFORE, NO_CONNECTION], [90, 4, 3, 3])[0]
    send(engine, target)
    engine.dispose()


def first_versions(round_: int) -> list[MappedDocument]:
    """A customer, an invoice that needs it, and one that will be voided."""
    customer = key(f"{round_}", "customer")
    return [document(f"{round_}", "0.00", kind="customer", control=()), document(f"{round_}a", needs=(customer,)),
            document(f"{round_}b", "40.00", needs=(customer,))]  # fmt: skip


def second_versions(round_: int) -> list[MappedDocument]:
    customer = key(f"{round_}", "customer")
    return [document(f"{round_}a", "90.00", needs=(customer,)), void(f"{round_}b", "40.00")]


def whole_story(engine: Engine, target: FakeTarget, round_: int) -> None:
    """Plan, post, plan the edits, post."""
    plan(engine, first_versions(round_))
    send(engine, target)
    plan(engine, second_versions(round_))
    send(engine, target)


def die_at(url: str, books: str, round_: int, point: int) -> None:
    """The whole story, killed at the given point: before a commit, before a write is applied, or before its answer."""
    engine = open_database(url)
    target = FakeTarget(FileBooks(Path(books)), max_concurrency=1)
    passed = 0

    def at_a_point() -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            os.kill(os.getpid(), signal.SIGKILL)

    @event.listens_for(engine, "commit")
    def before_commit(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not (options.get("read_only") or options.get("postgresql_readonly")):
            at_a_point()

    target.send = _watched(target.send, at_a_point)  # type: ignore[method-assign]
    whole_story(engine, target, round_)


def _watched(send_: Callable[[Write], Outcome], at_a_point: Callable[[], None]) -> Callable[[Write], Outcome]:
    def watched(write: Write) -> Outcome:
        at_a_point()
        outcome = send_(write)
        at_a_point()
        return outcome

    return watched


__all__ = ["FAST", "die_at", "first_versions", "race", "second_versions", "whole_story"]
