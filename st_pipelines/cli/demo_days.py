"""Runs the demo's month as Dagster runs: in this process, or in one that is killed on the way.

Invariant: whatever is broken here, nothing is repaired by hand; the same job is simply run again.
"""

import re
import subprocess
import sys
from datetime import date
from itertools import count
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

MOST_RUNS = 8  # a month that is not clean after so many runs is a defect, not bad luck


def run_days(company: DemoCompany, first: date, last: date, progress: Console) -> None:
    """Reference data, then all days in one run, then the month."""
    from st_pipelines.assets.launch import run_job, steps_of
    from st_pipelines.definitions import defs

    name = company.integration.name
    for job, days in ((f"{name}_reference", ()), (f"{name}_daily", (first, last)), (f"{name}_period", (first,))):
        with watching(progress, job, steps_of(defs, job)) as watched:
            run_job(defs, job, *days, heard=watched.heard)


def run_days_through_faults(company: DemoCompany, first: date, last: date, progress: Console) -> None:
    """The same with every failure switch on: the first run is killed with SIGKILL in the middle of posting; then runs
    follow until one succeeds. The switches stay on throughout."""
    systems = [system for system in FAULTS if system in company.sandbox.addresses]
    for system in systems:
        for fault in FAULTS[system]:
            armed = httpx.post(f"{_origin(company.sandbox[system])}/_sandbox/faults", json={"count": None, **fault})
            armed.raise_for_status()
    try:
        for attempt in count(1):
            killed_at = r"(invoices|receipts): \d+ claimed, [1-9]\d* posted so far" if attempt == 1 else ""
            progress.print(f"run {attempt}" + (" (will be killed while it posts)" if killed_at else ""))
            if _run_in_child(company.integration.name, first, last, killed_at):
                return
            if attempt == MOST_RUNS:
                raise RuntimeError(f"no run succeeded in {MOST_RUNS}; open Dagster on {company.settings.home}/dagster")
    finally:
        for system in systems:
            address = f"{_origin(company.sandbox[system])}/_sandbox/faults"
            for fault in httpx.get(address).json()["faults"]:
                progress.print(
                    f"{system}: {fault['action']} happened {fault['fired']} times in {fault['matched']} requests"
                )
            httpx.delete(address).raise_for_status()


def _run_in_child(name: str, first: date, last: date, killed_at: str) -> bool:
    """True if the run succeeded. Killed with SIGKILL when its log first matches ``killed_at``."""
    command = [sys.executable, "-m", "st_pipelines.cli.run_month", name, first.isoformat(), last.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if killed_at and re.search(killed_at, line):
                process.kill()
                killed_at = ""
    return process.returncode == 0


def _origin(address: str) -> str:
    url = httpx.URL(address)
    return f"{url.scheme}://{url.netloc.decode()}"
