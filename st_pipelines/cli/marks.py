"""``st-pipelines marks``: what the source was not told yet about posted documents, and a person's wish to ask again."""

from datetime import date
from typing import Annotated
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text

app = typer.Typer(no_args_is_help=True, help="What the source was told about documents that stand in the books.")

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]


@app.command("list")
@answering
def list_all(integration: Integration = "", flow: Annotated[str, typer.Option("--flow")] = "") -> Answer:
    """List documents that are posted and not marked as exported in the source, with its own words."""
    from st_pipelines.cli.document_life import instant
    from st_pipelines.posting.told import open_marks, totals

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        left, counted = open_marks(engine, name, flow), totals(engine, name, flow)
    data = {
        "integration": name, "documents": dict(counted),
        "open": [
            {"document": one.doc_key, "flow": one.flow, "about": one.label, "told_as": one.external_id,
             "state": one.state, "reason": one.reason, "attempts": one.attempts, "asked_at": instant(one.asked_at),
             "asked_again_after": instant(one.not_before or None)}
            for one in left
        ],
    }  # fmt: skip
    said = text(f"{counted['marked']} documents are marked as exported.")
    if not left:
        return Answer(data, (said,), CLEAN)
    rows = [
        (one.doc_key, one.label, one.external_id, one.state, one.attempts, one.reason, instant(one.not_before or None))
        for one in left
    ]  # fmt: skip
    headings = ("document", "about", "told as", "state", "attempts", "reason", "asked again after")
    return Answer(data, (said, table(headings, rows, f"{len(left)} not marked", ("attempts",))), OPEN)


@app.command("journal")
@answering
def journal(
    month: Annotated[str, typer.Option("--month", help="YYYY-MM, of posting dates.")],
    integration: Integration = "",
) -> Answer:
    """Tell the source's journal entries of a month whether their documents stand in the books."""
    from st_pipelines.cli.run import actor
    from st_pipelines.integrations.journal_sync import rows, tell_journal

    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Usage(f"--month {month}: expected YYYY-MM") from None
    chosen = opened.integration(integration)
    if not chosen.options.journal_sync:
        raise Usage(f"{chosen.name}: options.journal_sync in integration.yaml is off")
    with opened.session(chosen.name) as session:
        told = tell_journal(session, first, f"cli-{uuid4().hex[:12]}", actor())
    left = rows([told])
    data = {"integration": chosen.name, "month": month, "entries": dict(told.counts), "stopped": told.stopped,
            "not_synced": left}  # fmt: skip
    counted = ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(told.counts.items()))
    screen = [text(f"Journal entries: {counted or 'none'}.")]
    headings = ("entry", "outcome", "documents", "message")
    parts = [table(headings, [tuple(row.values()) for row in left], right=("entry", "documents"))] if left else []
    stopped = [text(f"stopped early: {told.stopped}", "bold red")] if told.stopped else []
    return Answer(data, (*screen, *parts, *stopped), OPEN if left or told.stopped else CLEAN)


@app.command("again")
@answering
def again(
    keys: Annotated[list[str], typer.Argument(help="Document keys of refused marks.")],
    by: Annotated[str, typer.Option("--by", help="Who decides; it goes into the audit trail.")],
    reason: Annotated[str, typer.Option("--reason", help="What was cured; it goes into the audit trail.")],
    integration: Integration = "",
) -> Answer:
    """Let the next run ask about refused documents at once, without waiting for their pause to end."""
    from st_pipelines.posting.context import RunContext
    from st_pipelines.posting.told import open_marks
    from st_pipelines.posting.write_back import ask_again

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        flow_of = {one.doc_key: one.flow for one in open_marks(engine, name) if one.state == "refused"}
        unknown = sorted(set(keys) - flow_of.keys())
        if unknown:
            raise Usage(f"not refused in {name}: {', '.join(unknown)}; see st-pipelines marks list")
        context = RunContext(name, f"cli-{uuid4().hex[:12]}", by)
        for flow in sorted({flow_of[key] for key in keys}):
            ask_again(engine, context, flow, [key for key in keys if flow_of[key] == flow], by=by, why=reason)
    return Answer({"asked_again": sorted(keys)}, (text(f"{len(keys)} will be asked about by the next run."),))
