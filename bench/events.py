"""From a webhook to a posted document through Dagster: sandboxes, receiver, code server and daemon as processes.

Two kinds of events. *First*: nothing runs when it comes, so it waits for the sensor's tick, the run queue and a
process. *Following*: it comes while the run of an earlier event still waits for more (``events.linger_s``).
"""

import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import dagster as dg
import httpx
from sqlalchemy import Engine, text

from st_pipelines.database.engine import open_database

EVENTS = 20
MAPPINGS = Path(__file__).resolve().parents[1] / "mappings"
NAME, JOB = "demo_qad", "demo_qad_events"
READY_S, POSTED_S = 120.0, 90.0
LINE = {"type": "Service", "quantity": "1", "price": "80.00"}


@dataclass(frozen=True)
class Timed:
    """Seconds since the receiver had the event durable. ``requested`` and ``started``: of the run that posted it."""

    requested: float
    started: float
    posted: float


def run() -> list[dict[str, Any]]:
    """Rows for ``bench``: name, value, unit, bar, ok, note."""
    os.environ.pop("ST_PIPELINES_DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        mappings = Path(folder) / "mappings"
        shutil.copytree(MAPPINGS / NAME, mappings / NAME)
        os.environ["ST_PIPELINES_MAPPINGS"] = str(mappings)
        # Imported only now: definitions are made of the mappings folder that the environment names.
        from st_pipelines.assets.launch import run_job
        from st_pipelines.cli.demo_company import demo_company
        from st_pipelines.cli.demo_events import receiving, register

        _linger(mappings, 0)
        company = stack.enter_context(demo_company(NAME, Path(folder) / "home", size="small", ticking=True))
        from st_pipelines.definitions import defs

        run_job(defs, f"{NAME}_reference")
        register(company, stack.enter_context(receiving()))
        stack.enter_context(_dagster(Path(folder)))
        engine = open_database(company.settings.ledger_url)
        stack.callback(engine.dispose)
        instance = stack.enter_context(dg.DagsterInstance.get())
        address = company.sandbox["servicetitan"]
        _post_one(address, engine, instance)  # warms caches that a live system has warm
        dice = random.Random(1)
        first = []
        for _ in range(EVENTS):
            _await(lambda: _idle(instance), "the run did not end")
            time.sleep(dice.uniform(0, 5))  # an event comes at any moment between two ticks
            first.append(_post_one(address, engine, instance))
        _await(lambda: _idle(instance), "the run did not end")
        _linger(mappings, 20)
        _post_one(address, engine, instance)
        following = [_post_one(address, engine, instance) for _ in range(EVENTS)]
    return [*_rows("first event", first), *_rows("following event", following)]


def _rows(what: str, timed: list[Timed]) -> Iterator[dict[str, Any]]:
    totals = sorted(one.posted for one in timed)
    note = f"{len(timed)} events, slowest {totals[-1]:.1f} s"
    yield _row(f"{what}: received to posted, median", median(totals), note)
    if what.startswith("first"):
        yield _row("  received to run requested", median(one.requested for one in timed), "sensor's tick, every 5 s")
        yield _row("  requested to run started", median(one.started - one.requested for one in timed),
                   "queue, every 1 s, and a new process with its imports")  # fmt: skip
        yield _row("  started to posted", median(one.posted - one.started for one in timed),
                   "sign-in, reading by id, mapping, ledger, QAD")  # fmt: skip


def _row(name: str, value: float, note: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 2), "unit": "s", "bar": None, "ok": True, "note": note}


def _post_one(address: str, engine: Engine, instance: dg.DagsterInstance) -> Timed:
    """Somebody makes an invoice in ServiceTitan; nobody else does anything."""
    order = {"action": "add_invoice", "business_unit_id": 101, "lines": [LINE]}
    answer = httpx.post(f"{address}/_sandbox/business", json=order, timeout=30).raise_for_status()
    key = f"ST:1234567:invoice:{answer.json()['changed'][0]['id']}"
    found: list[Any] = []

    def posted() -> bool:
        statement = text("SELECT updated_at, run_id FROM posting WHERE doc_key = :key AND state = 'posted'")
        with engine.connect() as connection:
            found[:] = connection.execute(statement, {"key": key}).all()
        return bool(found)

    _await(posted, f"{key} was not posted")
    with engine.connect() as connection:
        received = connection.execute(
            text("SELECT max(received_at) FROM inbox_event WHERE instr(CAST(body AS TEXT), :id) > 0"),
            {"id": key.rpartition(":")[2]},
        ).scalar_one()
    record = instance.get_run_record_by_id(found[0].run_id)
    assert record is not None and record.start_time is not None
    at = received / 1_000_000
    return Timed(record.create_timestamp.timestamp() - at, record.start_time - at, found[0].updated_at / 1_000_000 - at)


def _idle(instance: dg.DagsterInstance) -> bool:
    last = instance.get_runs(dg.RunsFilter(job_name=JOB), limit=1)
    return not last or last[0].is_finished


def _await(condition: Any, otherwise: str) -> None:
    """Looks 50 times a second: neither Dagster nor the ledger tells another process."""
    until = time.monotonic() + POSTED_S
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError(f"{otherwise} within {POSTED_S:.0f} s")
        time.sleep(0.02)


def _linger(mappings: Path, seconds: int) -> None:
    """Each run reads the file again: it is a process of its own."""
    path = mappings / NAME / "integration.yaml"
    kept = re.sub(r"(?m)^events:.*\n?", "", path.read_text(encoding="utf-8"))
    path.write_text(f"{kept.rstrip()}\nevents: {{linger_s: {seconds}}}\n", encoding="utf-8")


@contextmanager
def _dagster(folder: Path) -> Iterator[None]:
    """A code server that stays (the daemon would start its own anew every minute), the daemon, and the sensor on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    workspace = folder / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: st_pipelines}}\n"
    )
    served = ("code-server", "start", "-m", "st_pipelines.definitions", "-h", "127.0.0.1", "-p", str(port))
    with (folder / "dagster.log").open("ab") as log, ExitStack() as stack:
        stack.enter_context(_process(log, "dagster", *served))
        _await(lambda: _answers(port), "the code server did not start")
        subprocess.run(
            [_program("dagster"), "sensor", "start", JOB, "-w", str(workspace)], stdout=log, stderr=log, check=True
        )
        stack.enter_context(_process(log, "dagster-daemon", "run", "-w", str(workspace)))
        yield


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _process(log: Any, *command: str) -> Iterator[None]:
    with subprocess.Popen([_program(command[0]), *command[1:]], stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.terminate()


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    for row in run():
        print(row)
