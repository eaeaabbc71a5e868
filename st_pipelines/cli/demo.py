"""``st-pipelines demo``: months of a demo company through Dagster, against local sandboxes, proved by reading back.

Invariant: it uses what every integration uses (vault, jobs, ledger, reconciliation); only the company is made up. The
exit code is 0 only if everything eligible was posted once and the variance is zero.
"""

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
    from st_pipelines.cli.demo_company import demo_company, months_of
    from st_pipelines.cli.demo_days import run_days, run_days_through_faults, run_life, run_life_through_faults
    from st_pipelines.cli.demo_events import run_told
    from st_pipelines.cli.demo_figures import Stopwatch
    from st_pipelines.cli.demo_life import is_lived, stops
    from st_pipelines.cli.demo_screen import as_data, screen

    progress = Console(stderr=True)
    with demo_company(integration, home, size=size) as company:
        first, last = months_of(company)
        watch = Stopwatch(company)
        if is_lived(company):
            if by != "polling":
                raise Usage(f"{integration} goes with --by polling: neither of its systems tells of changes")
            last = stops(company)[-1]
            live = run_life_through_faults if faults else run_life
            live(company, progress)
        else:
            if by != "polling":
                run_told(company, first, last, progress)
            if by != "webhooks":
                run = run_days_through_faults if faults else run_days
                run(company, first, last, progress)
        shown = watch.figures(last)
        return Answer(as_data(shown), screen(shown), CLEAN if shown.is_clean else OPEN)
