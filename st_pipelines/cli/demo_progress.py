"""What a person sees while the demo's jobs run. Invariant: it only listens to the runs, and never writes on stdout.

On a terminal a bar a job, with the step that runs and the last thing it said; elsewhere one plain line a job.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from st_pipelines.reconciliation.visible import visible

if TYPE_CHECKING:
    from dagster import EventLogEntry


class Watched:
    """One job. ``heard`` is given every event of its run, from the thread that runs it."""

    def __init__(self, job: str, steps: int, bar: Progress | None = None, task: TaskID | None = None) -> None:
        self.job, self.steps, self.done = job, steps, 0
        self._bar, self._task = bar, task

    def heard(self, entry: "EventLogEntry") -> None:
        event = entry.dagster_event
        if event is None:
            self._show(said=entry.user_message)
        elif event.is_step_start:
            self._show(step=_words(entry.step_key), said="")
        elif event.is_step_success:
            self.done += 1
            self._show(completed=self.done)

    def _show(self, *, completed: int | None = None, **said: str) -> None:
        if self._bar is not None and self._task is not None:
            fields = {name: visible(text) for name, text in said.items()}
            self._bar.update(self._task, completed=completed, **fields)  # type: ignore[arg-type]


@contextmanager
def watching(console: Console, job: str, steps: int) -> Iterator[Watched]:
    """Shows one job while it runs, on the console of stderr."""
    began = time.monotonic()
    if not console.is_terminal:
        watched = Watched(job, steps)
        yield watched
    else:
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(16), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[step]}", markup=False),
            TextColumn("{task.fields[said]}", style="dim", markup=False, table_column=rest),
        )  # fmt: skip
        # Dagster catches what a step writes on stdout and stderr: the bar goes to the terminal itself.
        with (
            os.fdopen(os.dup(console.file.fileno()), "w") as terminal,
            Progress(*columns, console=Console(file=terminal, width=console.width), transient=True, expand=True) as bar,
        ):
            watched = Watched(job, steps, bar, bar.add_task(job, total=steps, step="", said=""))
            yield watched
    console.print(f"{job}: {watched.done} of {steps} steps in {time.monotonic() - began:.0f} s", highlight=False)


def _words(step_key: str | None) -> str:
    """``demo_qad__posted__invoices`` as «posted invoices»."""
    return " ".join((step_key or "").split("__")[1:]).replace("_", " ")
