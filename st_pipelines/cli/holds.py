"""``st-pipelines holds``: what was stopped before sending, why, and the release by a named person."""

from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, answering, table, text
from st_pipelines.reconciliation.amounts import amount

app = typer.Typer(no_args_is_help=True, help="Held documents: the exact reason, and what a person must do.")


@app.command("list")
@answering
def list_all(
    name: Annotated[str, typer.Option("--integration", help="One integration; all by default.")] = "",
    code: Annotated[str, typer.Option("--code", help="Only holds with this code, e.g. gl_account.no_row.")] = "",
) -> Answer:
    """List what is held, the oldest first."""
    from st_pipelines.cli.held import held_postings

    if name:
        opened.integration(name)
    with opened.ledger() as engine:
        held = held_postings(engine, name, code)
    rows = [(h["document"], h["label"], amount(h["amount_minor"], h["currency"]), h["currency"], h["business_date"],
             h["code"], h["reason"]) for h in held]  # fmt: skip
    headings = ("document", "about", "amount", "currency", "date", "code", "reason")
    data = [{name: value for name, value in h.items() if name != "amount_minor"} for h in held]
    if not held:
        return Answer(data, (text("Nothing is held."),), CLEAN)
    return Answer(data, (table(headings, rows, f"{len(held)} held", ("amount",)),), OPEN)
