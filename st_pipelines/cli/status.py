"""``st-pipelines status``: where every document stands, what waits for what, and whether the ledger adds up."""

from typing import Annotated

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, answering, table, text
from st_pipelines.reconciliation.amounts import money, plain

_OPEN_STATES = ("held", "rejected", "unknown", "sending", "waiting", "planned")
_NAMED = 20  # what is waited for most


@answering
def status(
    integration: Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")] = "",
) -> Answer:
    """Documents and amounts by flow and state. Asks no outside system."""
    from st_pipelines.posting.totals import check_identity, flow_totals, waiting

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        totals, waits = flow_totals(engine, name), waiting(engine, name, limit=_NAMED)
        identity = check_identity(engine, name)
    open_documents = sum(row.documents for row in totals if row.state in _OPEN_STATES)
    data = {
        "integration": name, "open": open_documents, "ledger_adds_up": identity.holds, "breaks": list(identity.breaks),
        "documents": [
            {"flow": row.flow, "state": row.state, "documents": row.documents, "currency": row.currency,
             "amount": plain(row.amount_minor, row.currency)}
            for row in totals
        ],
        "waiting_for": [{"needs": one.needs, "which_is": one.because, "postings": one.count} for one in waits],
    }  # fmt: skip
    rows = [(t.flow, t.state.replace("_", " "), t.documents, money(t.amount_minor, t.currency)) for t in totals]
    parts: list[RenderableType] = [
        table(("flow", "state", "documents", "amount"), rows, name, ("documents", "amount")) if rows else
        text(f"{name}: nothing was planned yet.")
    ]  # fmt: skip
    if waits:
        shown = [(one.needs, one.because or "never seen", one.count) for one in waits]
        parts.append(table(("waited for", "which is", "postings"), shown, "Waiting", ("postings",)))
    parts += [text(f"The ledger does not add up: {fault}", "bold red") for fault in identity.breaks]
    return Answer(data, tuple(parts), OPEN if open_documents or not identity.holds else CLEAN)
