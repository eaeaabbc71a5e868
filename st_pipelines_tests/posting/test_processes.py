"""Processes: two that race for the same postings, and one that is killed between every two steps."""

import multiprocessing
import signal
from pathlib import Path

import pytest
from sqlalchemy import Engine

from st_pipelines_tests.posting import workers
from st_pipelines_tests.posting.cases import document, events, key, plan, prove, rows, send, states
from st_pipelines_tests.posting.fake_target import FakeTarget, FileBooks

MOST_POINTS = 200


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Real processes, forked from a clean one that has everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["st_pipelines_tests.posting.workers"])
    return context


def test_two_processes_post_everything_once(
    engine: Engine, migrated_url: str, tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    books = tmp_path / "books.db"
    target = FakeTarget(FileBooks(books))
    plan(engine, [document(0)])
    send(engine, target)
    plan(engine, [document(number) for number in range(1, 151)])
    engine.dispose()
    running = [processes.Process(target=workers.race, args=(migrated_url, str(books), seed)) for seed in (1, 2)]
    for process in running:
        process.start()
    for process in running:
        process.join(90)
    assert [process.exitcode for process in running] == [0, 0]
    send(engine, target)  # whatever the two left to each other
    assert {row.state for row in rows(engine)} == {"posted"}
    assert sorted(record.external_ref for record in target.live()) == sorted(key(n) for n in range(151))
    owners = {event.content.split('"owner":"')[1].split('"')[0] for event in events(engine) if event.event == "sending"}
    assert len(owners) >= 3, "only one of the two processes did any work"
    prove(engine)


def test_a_process_killed_at_any_point_loses_and_doubles_nothing(
    engine: Engine, migrated_url: str, tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    books = tmp_path / "books.db"
    target = FakeTarget(FileBooks(books))
    plan(engine, [document("known"), document("known", kind="customer")])
    send(engine, target)
    engine.dispose()
    killed = 0
    every = 1 if engine.dialect.name == "sqlite" else 2  # the points are the same, the processes dearer
    for point in range(1, MOST_POINTS, every):
        child = processes.Process(target=workers.die_at, args=(migrated_url, str(books), point, point))
        child.start()
        child.join(60)
        assert child.exitcode in (0, -signal.SIGKILL), f"point {point}: exit code {child.exitcode}"
        killed += child.exitcode != 0
        workers.whole_story(engine, target, point)  # simply run again
        told = (states(engine, key(f"{point}a"))[-1], states(engine, key(f"{point}b"))[-1])
        mine = {key(str(point), "customer"), key(f"{point}a"), key(f"{point}b")}
        live = {record.external_ref: record.total for record in target.live() if record.external_ref in mine}
        assert told[1] in ("void posted", "create superseded"), f"point {point}: {told}"
        assert live == {key(str(point), "customer"): "0.00", key(f"{point}a"): "90.00"}, f"point {point}"
        if child.exitcode == 0:
            break
    else:
        pytest.fail("the story never ended by itself")
    assert killed >= 20 / every
    made = [record.external_ref for record in target.books.all()]
    assert len(made) == len(set(made)), "a document was made twice"
    assert not {row.state for row in rows(engine)} & {"planned", "sending", "unknown", "held"}
    prove(engine)
