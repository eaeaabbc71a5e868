"""The command ``st-pipelines``: its groups, and the one place where a fault becomes a sentence and an exit code.

Invariant: no traceback for what a user can cause, one JSON document on stdout with ``--json``, whatever happens.
"""

import os
import sys
from typing import Any

import typer

from st_pipelines.cli import (
    audit,
    codes,
    connections,
    database,
    demo,
    documents,
    holds,
    inbox,
    integrations,
    mappings,
    marks,
    parties,
    reconcile,
    replay,
    resolve,
    run,
    sandbox,
    serve,
    status,
    up,
)
from st_pipelines.cli.output import FAILED, WRONG, fail, report_fault

# Newer Typer carries its own copy of click, older ones use the installed click: these are the right classes in both.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]
ClickException: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="st-pipelines", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None, help="Moves every posted document into the books once, to the cent, and proves it.",
)  # fmt: skip
app.add_typer(connections.app, name="connections")
app.add_typer(integrations.app, name="integrations")
app.add_typer(mappings.app, name="mappings")
app.add_typer(documents.app, name="documents")
app.add_typer(holds.app, name="holds")
app.add_typer(marks.app, name="marks")
app.add_typer(parties.app, name="parties")
app.add_typer(codes.app, name="codes")
app.add_typer(inbox.app, name="inbox")
app.add_typer(audit.app, name="audit")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(database.app, name="database")
app.command("run")(run.run)
app.command("plan")(run.plan)
app.command("apply")(run.apply)
app.command("status")(status.status)
app.command("resolve")(resolve.resolve)
app.command("replay")(replay.replay)
app.command("reconcile")(reconcile.reconcile)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("up")(up.up)


def main(arguments: list[str] | None = None) -> None:
    """Entry point; always leaves by ``SystemExit`` with one of the four codes."""
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    command: Any = typer.main.get_command(app)
    try:
        code = command.main(args=given, prog_name="st-pipelines", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        raise SystemExit(_usage(error, as_json)) from None
    except ClickException as error:
        fail(str(error), WRONG, as_json=as_json)
        raise SystemExit(WRONG) from None
    except (typer.Abort, KeyboardInterrupt):
        fail("stopped; what was sent is in the ledger, run again to go on", FAILED, as_json=as_json)
        raise SystemExit(FAILED) from None
    except BrokenPipeError:
        # The reader went away (`| head`). Python flushes stdout once more at exit; give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(FAILED) from None
    except Exception as error:  # noqa: BLE001 - the last place: every fault becomes a sentence and a code
        raise SystemExit(report_fault(error, as_json=as_json)) from None
    raise SystemExit(code if isinstance(code, int) else 0)


def _usage(error: Any, as_json: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        fail("say which command:", WRONG, as_json=as_json)
        sys.stderr.write(error.ctx.get_help() + "\n")
        return WRONG
    hint = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
    fail(f"{error.format_message()}{hint}", WRONG, as_json=as_json)
    return WRONG
