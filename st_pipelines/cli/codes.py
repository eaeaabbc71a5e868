"""``st-pipelines codes``: lists of codes that two systems keep, what differs, and one pass that brings them to one."""

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.cli.run import actor

if TYPE_CHECKING:
    from st_pipelines.integrations.align_codes import CodesDone
    from st_pipelines.integrations.session import Session

app = typer.Typer(no_args_is_help=True, help="Cost centers, GL accounts and payment terms that two systems keep.")

Name = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]
OfList = Annotated[str, typer.Option("--list", help="cost_centers, gl_accounts or payment_terms; all by default.")]


@app.command("show")
@answering
def show(integration: Name = "", name: OfList = "") -> Answer:
    """Compare both systems now and name each difference with what to do. Writes nothing."""
    from st_pipelines.integrations.align_codes import compare_codes

    with opened.session(opened.integration(integration).name) as session:
        return _answer([compare_codes(session, one) for one in _lists(session, name)])


@app.command("align")
@answering
def align(integration: Name = "", name: OfList = "") -> Answer:
    """Write to each side what the other has the say of; a second time nothing is written."""
    from st_pipelines.integrations.align_codes import align_codes

    run_id = f"cli-{uuid4().hex[:12]}"
    with opened.session(opened.integration(integration).name) as session:
        return _answer([align_codes(session, one, run_id, actor()) for one in _lists(session, name)])


def _lists(session: "Session", name: str) -> list[str]:
    named = [one for one in session.integration.codes if not name or one == name]
    if not named:
        raise Usage(f"{session.integration.name}: integration.yaml names no list {name or 'under codes'}")
    return [str(one) for one in named]


def _answer(done: "list[CodesDone]") -> Answer:
    data = [
        {"list": one.name, "in_use": list(one.active), "on_both_sides": one.pairs, "sent": one.sent,
         "sent_back": one.sent_back, "held": one.held, "stopped": one.stopped, "differing": list(one.differing),
         "differences": [{"code": each.code, "source": each.source, "target": each.target, "to_do": each.to_do}
                         for each in one.differences]}
        for one in done
    ]  # fmt: skip
    counts = [(one.name, *one.active, one.pairs, one.sent, one.sent_back, one.held, one.stopped) for one in done]
    apart = [(one.name, each.code, each.source, each.target, each.to_do) for one in done for each in one.differences]
    headings = ("list", "in_use_here", "in_use_there", "on_both", "sent", "sent_back", "held", "stopped")
    screen: list[RenderableType] = [table(headings, counts, "Codes", headings[1:-1])]
    screen.append(
        table(("list", "code", "source", "target", "to_do"), apart, f"{len(apart)} differ")
        if apart
        else text("Both sides hold the same codes.")
    )
    clean = not (apart or any(one.held or one.stopped or one.differing for one in done))
    return Answer(data, tuple(screen), CLEAN if clean else OPEN)
