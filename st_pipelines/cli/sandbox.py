"""``st-pipelines sandbox``: the outside systems as local servers, to try everything without credentials."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import Answer, answering, print_json

app = typer.Typer(no_args_is_help=True, help="Local servers that behave like the outside systems.")


@app.callback()
def _group() -> None:
    """Keeps ``sandbox up`` a group of commands."""


@app.command("up")
@answering
def up(
    home: Annotated[Path | None, typer.Option("--home", help="Where its books are kept.")] = None,
    size: Annotated[str, typer.Option("--size", help="small, demo or large")] = "demo",
    seed: Annotated[int, typer.Option("--seed")] = 1,
    port_base: Annotated[int, typer.Option("--port-base", help="Fixed ports from here on; free ones by default.")] = 0,
) -> Answer:
    """Run the sandbox until it is interrupted; prints one JSON line with the addresses as soon as they answer."""
    from st_pipelines.sandbox.server import running_sandbox

    folder = home or opened.settings().home / "sandbox"
    with running_sandbox(folder, size=size, seed=seed, port_base=port_base, ticking=True) as running:
        print_json(running.addresses)
        with suppress(KeyboardInterrupt):
            running.process.wait()
    raise typer.Exit(0)
