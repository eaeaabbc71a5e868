"""The demo tells a person what runs: a bar on a terminal, a line a job elsewhere; what outsiders wrote stays text."""

import os
import pty
import re
from io import StringIO
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from st_pipelines.cli.demo_progress import watching


def event(*, start: bool = False, success: bool = False, step: str = "demo_qad__posted__invoices") -> Any:
    return SimpleNamespace(
        dagster_event=SimpleNamespace(is_step_start=start, is_step_success=success), step_key=step, user_message=""
    )


def said(text: str) -> Any:
    return SimpleNamespace(dagster_event=None, step_key="", user_message=text)


def test_without_a_terminal_a_job_is_one_line() -> None:
    file = StringIO()
    with watching(Console(file=file), "demo_qad_daily", 2) as watched:
        watched.heard(event(start=True))
        watched.heard(said("invoices: 50 claimed, 95 posted so far"))
        watched.heard(event(success=True))
    assert re.fullmatch(r"demo_qad_daily: 1 of 2 steps in \d+ s\n", file.getvalue())


def test_on_a_terminal_step_count_and_last_word_are_shown() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        console = Console(file=terminal, force_terminal=True, width=140)
        with watching(console, "demo_qad_daily", 2) as watched:
            watched.heard(event(start=True))
            watched.heard(event(success=True))
            watched.heard(event(start=True, step="demo_qad__posted__payments"))
            watched.heard(said("payments: 50 claimed, \x1b[2J[bold]95 posted"))
        terminal.flush()
        shown = ""
        while " steps in " not in shown:  # a terminal gives what it was given in pieces
            shown += os.read(ours, 1 << 16).decode(errors="replace")
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "1/2" in plain and "posted payments" in plain and "[bold]95 posted" in plain
    assert "\x1b[2J" not in shown
    assert re.search(r"demo_qad_daily: 1 of 2 steps in \d+ s", plain)
