"""``st-pipelines demo``: a month of the demo company through Dagster, against local sandboxes, proved by reading back.

Invariant: it uses what every integration uses (vault, jobs, ledger, reconciliation); only the company is made up. The
exit code is 0 only if everything eligible was posted once and the variance is zero.
"""

import time
from calendar import monthrange
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering

HOME = Path("var/demo")


@answering
def demo(
    integration: Annotated[str, typer.Argument(help="A demo integration.")] = "demo_qad",
    home: Annotated[Path, typer.Option(help="Where ledger, books and Dagster's history of the demo live.")] = HOME,
    size: Annotated[str, typer.Option(help="small, demo or large.")] = "demo",
    faults: Annotated[
        bool, typer.Option("--faults", help="Break connections, answers and the run itself on the way.")
    ] = False,
    by: Annotated[
        Literal["polling", "webhooks", "both"],
        typer.Option("--by", help="Daily partitions, an event for each document, or first the events, then the days."),
    ] = "polling",
) -> Answer:
    """Post a month against local sandboxes; run it twice and nothing is posted again."""
    from rich.console import Console

    if faults and by != "polling":
        raise Usage("--faults goes with --by polling")
    from st_pipelines.cli.demo_company import demo_company
    from st_pipelines.cli.demo_days import run_days, run_days_through_faults
    from st_pipelines.cli.demo_events import run_told
    from st_pipelines.cli.demo_screen import as_data, screen
    from st_pipelines.integrations.reconcile import reconcile_month
    from st_pipelines.integrations.session import Session
    from st_pipelines.posting.told import totals
    from st_pipelines.posting.totals import flow_totals, writes_sent

    progress = Console(stderr=True)
    with demo_company(integration, home, size=size) as company:
        first, last = month_of(company.integration.first_day)
        started = time.monotonic()
        with Session(company.integration, company.settings) as session:
            before = writes_sent(session.engine, company.integration.name)
        if by != "polling":
            run_told(company, first, last, progress)
        if by != "webhooks":
            run = run_days_through_faults if faults else run_days
            run(company, first, last, progress)
        with Session(company.integration, company.settings) as session:
            month = reconcile_month(session, first, run_id="demo")
            sent = writes_sent(session.engine, company.integration.name) - before
            flows = flow_totals(session.engine, company.integration.name)
            told = totals(session.engine, company.integration.name) if session.integration.options.mark_exported else {}
        seconds = time.monotonic() - started
        clean = month.is_clean and not month.result.has_alarm
        return Answer(
            as_data(month, flows, sent, seconds, told),
            screen(month, flows, sent, seconds, told),
            CLEAN if clean else OPEN,
        )


def month_of(day: date) -> tuple[date, date]:
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
