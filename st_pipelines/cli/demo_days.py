"""Runs the demo's days as Dagster runs: in this process, or in ones that are killed on the way.

Invariant: whatever is broken here, nothing is repaired by hand; the same job is simply run again.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from itertools import repeat
from typing import Any

import httpx
from rich.console import Console

from st_pipelines.cli.demo_company import DemoCompany
from st_pipelines.cli.demo_progress import watching

ST_READS = {"method": "GET", "path": "/v2/tenant/"}
ST_MARKS = {"method": "POST", "path": "/markasexported"}
QAD_WRITES = {"method": "POST", "path": "/api/erp/"}
SN_IMPORTS = {"method": "POST", "path": "/api/now/import/"}

# What goes wrong with --faults, per system. Every switch has a seed: the same run breaks in the same places.
FAULTS: dict[str, list[dict[str, Any]]] = {
    "servicetitan": [
        {"match": ST_READS, "action": "throttle", "seconds": 1, "every": 40},
        {"match": ST_READS, "action": "status", "status": 500, "probability": 0.03, "seed": 1},
        {"match": ST_READS, "action": "truncate", "probability": 0.02, "seed": 2},
        {"match": ST_MARKS, "action": "apply_then_drop", "count": 1},
        {"match": ST_MARKS, "action": "status", "status": 500, "count": 1},
    ],
    "qad": [
        {"match": QAD_WRITES, "action": "apply_then_drop", "probability": 0.05, "seed": 3},
        {"match": QAD_WRITES, "action": "status", "status": 500, "probability": 0.02, "seed": 4},
        {"match": QAD_WRITES, "action": "throttle", "seconds": 1, "every": 60},
        {"match": QAD_WRITES, "action": "truncate", "probability": 0.02, "seed": 5},
        {"match": {"method": "GET", "path": "/api/"}, "action": "truncate", "probability": 0.01, "seed": 6},
    ],
    "servicenow": [
        {"match": SN_IMPORTS, "action": "apply_then_drop", "probability": 0.05, "seed": 7},
        {"match": SN_IMPORTS, "action": "status", "status": 500, "probability": 0.02, "seed": 8},
        {"match": SN_IMPORTS, "action": "throttle", "seconds": 1, "every": 60},
        {"match": SN_IMPORTS, "action": "truncate", "probability": 0.02, "seed": 9},
        {"match": {"method": "GET", "path": "/api/now/table/"}, "action": "truncate", "probability": 0.02, "seed": 10},
    ],
}  # fmt: skip

Job = tuple[str, tuple[date, ...]]  # a job's name, and the first and the last day of its partitions

_POSTING = r"(invoices|receipts): \d+ claimed, [1-9]\d* posted so far"
_CLAIMED = r"(receipts|invoices): ([2-9]|\d\d+) claimed"  # a week has too few documents for a second batch
MOST_RUNS = 8  # a month that is not clean after so many runs is a defect, not bad luck


def run_days(company: DemoCompany, first: date, last: date, progress: Console) -> None:
    """Reference data, then all days in one run, then the months."""
    name = company.integration.name
    run_jobs((*jobs_before_days(name), (f"{name}_daily", (first, last)), months_job(name, first, last)), progress)


def jobs_before_days(name: str) -> list[Job]:
    """What documents are joined with, and the codes that they name."""
    from st_pipelines.assets.launch import before_days
    from st_pipelines.definitions import defs

    return [(job, ()) for job in before_days(defs, name)]


def months_job(name: str, first: date, last: date) -> Job:
    """All months from one day to another, in one run."""
    return f"{name}_period", (first.replace(day=1), last.replace(day=1))


def run_jobs(jobs: Iterable[Job], progress: Console) -> None:
    """One after the other, in this process."""
    from st_pipelines.assets.launch import run_job, steps_of
    from st_pipelines.definitions import defs

    for job, days in jobs:
        with watching(progress, job, steps_of(defs, job)) as watched:
            run_job(defs, job, *days, heard=watched.heard)


def run_life(company: DemoCompany, progress: Console) -> None:
    """Each stop of the company's life: goods come, orders and receipts go out, invoices come in and go back; at the end
    all months. Where life is over, all days once."""
    from st_pipelines.cli.demo_life import goods_until, stops, today, week_of

    names, ends, first = [one.name for one in company.integrations], stops(company), company.integration.first_day
    run_jobs([job for name in names for job in jobs_before_days(name)], progress)
    if not (left := [day for day in ends if day > today(company)]):
        run_jobs([(f"{name}_daily", (first, ends[-1])) for name in names], progress)
    for day in left:
        since = max([first, *(end for end in ends if end < day)])
        goods_until(company, day)
        run_jobs([(f"{names[0]}_daily", (since, day))], progress)
        progress.print(f"{day}: {week_of(company)} invoices were approved", highlight=False)
        run_jobs([(f"{name}_daily", (since, day)) for name in names[1:]], progress)
    run_jobs([months_job(name, first, ends[-1]) for name in names], progress)


def run_days_through_faults(company: DemoCompany, first: date, last: date, progress: Console) -> None:
    """The same with every failure switch on: the first run is killed with SIGKILL in the middle of posting; then runs
    follow until one succeeds. The switches stay on throughout."""
    with _broken(company, progress):
        _run_until_done([company.integration.name], first, last, {company.integration.name: _POSTING}, progress)


def run_life_through_faults(company: DemoCompany, progress: Console) -> None:
    """Both directions at once, a process each, over a life of few stops; in each round another one is killed."""
    from st_pipelines.assets.launch import make_storage
    from st_pipelines.cli.demo_life import goods_until, stops, today, week_of

    names, ends, first = [one.name for one in company.integrations], stops(company), company.integration.first_day
    left = [day for day in (*ends[2:-1:3], ends[-1]) if day > today(company)]
    make_storage()
    with _broken(company, progress):
        for number, day in enumerate(left):
            goods_until(company, day)
            _run_until_done(names, first, day, {names[number % len(names)]: _CLAIMED}, progress)
            progress.print(f"{day}: {week_of(company)} invoices were approved", highlight=False)
        _run_until_done(names, first, ends[-1], {names[-1]: _CLAIMED} if left else {}, progress)


@contextmanager
def _broken(company: DemoCompany, progress: Console) -> Iterator[None]:
    """Every failure switch is on; afterwards it is told how often each did something."""
    systems = [system for system in FAULTS if system in company.sandbox.addresses]
    for system in systems:
        for fault in FAULTS[system]:
            armed = httpx.post(f"{_origin(company.sandbox[system])}/_sandbox/faults", json={"count": None, **fault})
            armed.raise_for_status()
    try:
        yield
    finally:
        for system in systems:
            address = f"{_origin(company.sandbox[system])}/_sandbox/faults"
            for fault in httpx.get(address).json()["faults"]:
                progress.print(
                    f"{system}: {fault['action']} happened {fault['fired']} times in {fault['matched']} requests"
                )
            httpx.delete(address).raise_for_status()


def _run_until_done(
    names: Sequence[str], first: date, last: date, killed: Mapping[str, str], progress: Console
) -> None:
    """All integrations at once, a process each, until a run of each has succeeded. ``killed``: whose first run is
    killed, and at which words of its log."""
    left = list(names)
    for attempt in range(1, MOST_RUNS + 1):
        victims, will = killed if attempt == 1 else {}, "will be killed while it posts"
        progress.print(f"run {attempt}: " + ", ".join(f"{one} {will}" if one in victims else one for one in left))
        with ThreadPoolExecutor(len(left)) as pool:
            done = list(pool.map(_run_in_child, left, repeat(first), repeat(last), map(victims.get, left)))
        left = [name for name, succeeded in zip(left, done, strict=True) if not succeeded]
        if not left:
            return
    raise RuntimeError(f"no run of {', '.join(left)} succeeded in {MOST_RUNS}; open Dagster on its home")


def _run_in_child(name: str, first: date, last: date, killed_at: str | None) -> bool:
    """True if the run succeeded. Killed with SIGKILL when its log first matches ``killed_at``."""
    command = [sys.executable, "-m", "st_pipelines.cli.run_month", name, first.isoformat(), last.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if killed_at and re.search(killed_at, line):
                process.kill()
                killed_at = None
    return process.returncode == 0


def _origin(address: str) -> str:
    url = httpx.URL(address)
    return f"{url.scheme}://{url.netloc.decode()}"
