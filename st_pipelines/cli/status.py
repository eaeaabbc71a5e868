"""``st-pipelines status``: where every document stands, what waits for what, and whether the ledger adds up."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, answering, table, text
from st_pipelines.cli.waits import data, overdue, screen
from st_pipelines.reconciliation.amounts import money, plain

if TYPE_CHECKING:
    from sqlalchemy import Engine

_OPEN_STATES = ("held", "rejected", "unknown", "sending", "planned")  # and what has waited for too long


@answering
def status(
    integration: Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")] = "",
) -> Answer:
    """Documents and amounts by flow and state. Asks no outside system."""
    from st_pipelines.posting import told
    from st_pipelines.posting.totals import check_identity, flow_totals
    from st_pipelines.posting.waiting import waits

    chosen = opened.integration(integration)
    name, source = chosen.name, chosen.source.system
    with opened.ledger() as engine:
        marks = told.totals(engine, name) if chosen.options.mark_exported else {}
        totals, waiting = flow_totals(engine, name), waits(engine, name)
        identity, stopped = check_identity(engine, name), _nothing_may_be_sent(engine)
    late = len({wait.posting_id for wait in overdue(waiting, chosen)})
    open_documents = late + sum(row.documents for row in totals if row.state in _OPEN_STATES)
    shown = {
        "integration": name, "nothing_is_sent": stopped,
        "open": open_documents, "ledger_adds_up": identity.holds, "breaks": list(identity.breaks),
        "documents": [
            {"flow": row.flow, "state": row.state, "documents": row.documents, "currency": row.currency,
             "amount": plain(row.amount_minor, row.currency)}
            for row in totals
        ],
        "told_to_source": dict(marks), "waiting": data(waiting, chosen),
    }  # fmt: skip
    rows = [(t.flow, t.state.replace("_", " "), t.documents, money(t.amount_minor, t.currency)) for t in totals]
    parts: list[RenderableType] = [
        table(("flow", "state", "documents", "amount"), rows, name, ("documents", "amount")) if rows else
        text(f"{name}: nothing was planned yet.")
    ]  # fmt: skip
    parts += screen(waiting, chosen)
    parts += [text(f"Nothing is sent: {stopped}", "bold red")] if stopped else []
    if marks:
        left = ", ".join(f"{marks[state]:,} {state}" for state in ("due", "refused", "unknown") if marks[state])
        parts.append(text(f"{source} was told about {marks['marked']:,} documents" + (f"; {left}." if left else ".")))
    parts += [text(f"The ledger does not add up: {fault}", "bold red") for fault in identity.breaks]
    return Answer(shown, tuple(parts), OPEN if open_documents or stopped or not identity.holds else CLEAN)


def _nothing_may_be_sent(engine: "Engine") -> str:
    """Why nothing may be sent from this ledger; empty = it may."""
    from st_pipelines.credentials.keyring import KeyFault

    try:
        return opened.mark().look(engine).fault
    except KeyFault as fault:
        return str(fault)
