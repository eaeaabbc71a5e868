"""What a command answers, on a screen or as JSON, and with which exit code. Invariant: with ``--json`` stdout holds
exactly one JSON document, errors included; without it nothing on stdout needs a terminal.

Exit codes: 0 done and clean · 1 done, but something is held, rejected, unknown or variant · 2 wrong usage or
configuration · 3 could not run.
"""

import functools
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from st_pipelines.reconciliation.visible import visible

CLEAN, OPEN, WRONG, FAILED = 0, 1, 2, 3


class Usage(Exception):
    """Wrong usage or configuration, found by the command line itself. One sentence that says what to do."""


class CouldNotRun(Exception):
    """A precondition of the command does not hold; nothing was done. One sentence that says what to do."""


@dataclass(frozen=True)
class Answer:
    """``data`` is the JSON document; ``screen`` what a person sees; ``code`` CLEAN or OPEN (WRONG for a check of the
    configuration)."""

    data: Mapping[str, Any] | Sequence[Any]
    screen: tuple[RenderableType, ...] = ()
    code: int = CLEAN


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", right: Sequence[str] = ()
) -> Table:
    """A plain table; ``right`` names the columns of numbers. Cells are text, never markup or escape sequences."""
    made = Table(title=Text(title) if title else None, title_justify="left", show_edge=False, pad_edge=False)
    for heading in headings:
        made.add_column(heading.replace("_", " "), justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(text("" if cell is None else cell) for cell in row))
    return made


def text(value: object, style: str = "") -> Text:
    """One piece of outside text, shown as it is."""
    return Text(visible(value), style=style)


def answering(command: Callable[..., Answer]) -> Callable[..., None]:
    """Gives a command its ``--json`` switch, prints its answer and leaves with its code."""

    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool = False, **given: Any) -> None:
        answer = command(*args, **given)
        if as_json:
            print_json(answer.data)
        else:
            console = Console(width=None if sys.stdout.isatty() else 160, soft_wrap=False, highlight=False)
            for part in answer.screen:
                console.print(part)
        raise typer.Exit(answer.code)

    signature = inspect.signature(command, eval_str=True)
    switch = inspect.Parameter(
        "as_json", inspect.Parameter.KEYWORD_ONLY, default=False,
        annotation=Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")],
    )  # fmt: skip
    wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), switch], return_annotation=None
    )
    wrapped.__annotations__ = {**{p.name: p.annotation for p in signature.parameters.values()},
                               "as_json": switch.annotation, "return": None}  # fmt: skip
    return wrapped


def print_json(data: object) -> None:
    """One document, one line. Amounts and dates as text; surrogates escaped, so that printing cannot fail."""
    line = json.dumps(data, default=_as_text, ensure_ascii=True, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _as_text(value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"cannot be written as JSON: {type(value).__name__}")


# The faults that a user can meet, by name, so that reporting one does not load all rooms. The first match of the
# exception's own class and its ancestors counts.
_CODES: Mapping[str, int] = {
    "st_pipelines.alignment.link_rows.LinkRefused": WRONG,
    "st_pipelines.cli.output.CouldNotRun": FAILED,
    "st_pipelines.cli.output.Usage": WRONG,
    "st_pipelines.audit.high_water.LedgerRestored": FAILED,
    "st_pipelines.audit.high_water.MarkFault": FAILED,
    "st_pipelines.credentials.keyring.CannotDecrypt": WRONG,
    "st_pipelines.credentials.keyring.KeyFault": WRONG,
    "st_pipelines.credentials.vault.VaultFault": WRONG,
    "st_pipelines.database.engine.UnsupportedDatabase": WRONG,
    "st_pipelines.database.migrate.SchemaTooNew": FAILED,
    "st_pipelines.integrations.registry.BrokenIntegration": WRONG,
    "st_pipelines.integrations.session.NotReady": FAILED,
    "st_pipelines.mapping.tables.MappingErrors": WRONG,
    "st_pipelines.posting.context.LedgerUnavailable": FAILED,
    "st_pipelines.posting.holds.CannotRelease": WRONG,
    "st_pipelines.posting.recover.CannotRecover": FAILED,
    "st_pipelines.posting.replay.CannotReplay": WRONG,
    "st_pipelines.posting.target.WrongCompany": FAILED,
    "st_pipelines.posting.totals.IdentityBroken": FAILED,
    "st_pipelines.systems.http.errors.Misconfigured": WRONG,
    "st_pipelines.systems.http.errors.SystemFault": FAILED,
    "st_pipelines.systems.profile_file.BrokenProfile": WRONG,
    "pydantic_core._pydantic_core.ValidationError": WRONG,
    "sqlalchemy.exc.DBAPIError": FAILED,
    "builtins.OSError": FAILED,
}


def report_fault(error: BaseException, *, as_json: bool) -> int:
    """Says what went wrong on stderr (and as JSON on stdout where that was asked for); gives the exit code."""
    known = next((name for name in _ancestors(error) if name in _CODES), None)
    code = _CODES[known] if known else FAILED
    sentence = _sentence(error)
    if known is None:
        # A fault of the program: whoever repairs it needs the place. Values are not in a traceback.
        sentence = f"unexpected fault, please report it: {type(error).__name__}: {sentence}"
        sys.stderr.write(_redacted("".join(traceback.format_tb(error.__traceback__))))
    fail(sentence, code, as_json=as_json)
    return code


def fail(sentence: str, code: int, *, as_json: bool) -> None:
    """One sentence on stderr; with ``--json`` the same in the one document."""
    clean = "\n".join(visible(line) for line in _redacted(sentence).splitlines())
    sys.stderr.write(f"error: {clean}\n")
    if as_json:
        print_json({"error": clean, "exit_code": code})


def _sentence(error: BaseException) -> str:
    cause = getattr(error, "orig", None)  # of a database error the driver's words only: no SQL, no parameters
    if cause is not None:
        cure = "Make it reachable, free disk space or restore write access to it, then run again: it resumes by itself"
        return f"the database cannot be used: {str(cause).strip()}. {cure}"
    if type(error).__module__.startswith("pydantic"):
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors()  # type: ignore[attr-defined]
        )
        return f"settings (ST_PIPELINES_* or .env): {faults}"
    return str(error) or type(error).__name__


def _ancestors(error: BaseException) -> list[str]:
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__]


def _redacted(sentence: str) -> str:
    from st_pipelines.systems.http.redact import redact

    return redact(sentence)
