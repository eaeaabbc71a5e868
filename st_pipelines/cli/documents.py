"""``st-pipelines documents``: one document from its source to the target, with the proof. Reads only."""

from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering

app = typer.Typer(no_args_is_help=True, help="Single documents.")

_SETTLED = ("posted", "superseded")


@app.callback()
def _group() -> None:
    """Keeps ``documents show`` a group of commands."""


@app.command("show")
@answering
def show(
    key: Annotated[str, typer.Argument(help="Document key, external reference, target id or number.")] = "",
    from_target: Annotated[str, typer.Option("--from-target", help="Id or number that it has in the target.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Ask the target what it holds now.")] = False,
) -> Answer:
    """The whole life of one document, from the source's record to the ledger lines in the target and back."""
    from st_pipelines.cli.document_life import lives_of
    from st_pipelines.cli.document_screen import screen
    from st_pipelines.cli.document_story import add_live, add_story

    if bool(key) == bool(from_target):
        raise Usage("name one document: its key or reference, or else --from-target ID")
    with opened.ledger() as engine:
        lives = lives_of(engine, from_target or key, only_target=bool(from_target))
        for life in lives:
            add_story(life, engine)
    if not lives:
        if from_target:
            raise Usage(f"nothing was posted as {from_target!r}; ids look as in the column `in target`")
        raise Usage(f"the ledger knows no document {key!r}; keys look like ST:<tenant>:invoice:<id>")
    for life in lives if live else ():
        add_live(life)
    last = [life["postings"][-1]["state"] for life in lives if life["postings"]]
    parts = tuple(part for life in lives for part in screen(life))
    return Answer(lives, parts, OPEN if any(state not in _SETTLED for state in last) else CLEAN)
