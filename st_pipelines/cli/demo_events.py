"""The demo by webhooks: the sandbox tells of each document of the month, the real receiver takes it, Dagster posts it.

Invariant: nothing is handed over inside this process; what was told went through the receiver's door and the inbox.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx
from rich.console import Console

from st_pipelines.cli.demo_company import WEBHOOK_KEY, DemoCompany
from st_pipelines.cli.demo_progress import watching

# In the order in which a day reads them; the sandbox tells of them in the order in which they were modified.
TOLD = ("customers", "customer_contacts", "locations", "vendors", "purchase_orders", "receipts", "invoices", "payments",
        "bills")  # fmt: skip
MOST_RUNS = 20


@contextmanager
def receiving(port: int = 0) -> Iterator[str]:
    """``st-pipelines serve`` as a process of its own; yields the address below which each connection has its own.
    Raises ``RuntimeError`` where it does not start."""
    command = [sys.executable, "-c", "from st_pipelines.cli.app import main; main()", "serve", "--port", str(port),
               "--metrics-port", "0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the receiver did not start; its words are above")
        try:
            yield json.loads(line)["webhooks"]
        finally:
            process.terminate()


def register(company: DemoCompany, receiver: str) -> None:
    """What a person does in ServiceTitan's developer portal: where to send, with which key."""
    hook = {"url": receiver + company.integration.source.connection, "key": WEBHOOK_KEY}
    _control(company, "webhooks", hook)


def tell_month(company: DemoCompany, first: date, last: date) -> int:
    """Lets the sandbox tell of everything that was last modified in these days, as if it had just happened. Returns
    when the receiver has all of it; gives the number of events."""
    zone = company.integration.zone
    since, until = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, last + timedelta(days=1)))
    stamps = {"modifiedOnOrAfter": f"{since:%Y-%m-%dT%H:%M:%SZ}", "modifiedBefore": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    told = _control(company, "webhooks/emit", {"entities": list(TOLD), **stamps})
    states = _control(company, "webhooks/settle", {})["states"]
    if set(states) - {"delivered"}:
        raise RuntimeError(f"the receiver did not take every event: {states}")
    return int(told["announced"])


def run_told(company: DemoCompany, first: date, last: date, progress: Console) -> None:
    """Reference data, then all that the sandbox tells of these days, then the month; all as Dagster runs."""
    from st_pipelines.integrations.event_inbox import peek

    name = company.integration.name
    _run(progress, f"{name}_reference")
    with receiving() as receiver, progress.status("ServiceTitan tells of its month …"):
        register(company, receiver)
        told = tell_month(company, first, last)
    progress.print(f"{told:,} events were received", highlight=False)
    for _ in range(MOST_RUNS):
        if not peek(company.integration, company.settings).waiting:
            break
        _run(progress, f"{name}_events")
    else:
        raise RuntimeError(f"the inbox is not empty after {MOST_RUNS} runs; open Dagster on {company.settings.home}")
    _run(progress, f"{name}_period", first)


def _run(progress: Console, job: str, *days: date) -> None:
    from st_pipelines.assets.launch import run_job, steps_of
    from st_pipelines.definitions import defs

    with watching(progress, job, steps_of(defs, job)) as watched:
        run_job(defs, job, *days, heard=watched.heard)


def _control(company: DemoCompany, name: str, body: object) -> dict[str, Any]:
    url = httpx.URL(company.sandbox[company.integration.source.system])
    answer = httpx.post(f"{url.scheme}://{url.netloc.decode()}/_sandbox/{name}", json=body, timeout=300)
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
