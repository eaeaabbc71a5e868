"""``st-pipelines holds``: what was stopped before sending, why, and a named person's decision about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.reconciliation.amounts import amount, plain

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from st_pipelines.posting.context import RunContext
    from st_pipelines.posting.holds import HeldPosting

app = typer.Typer(no_args_is_help=True, help="Held documents: the exact reason, and what a person decides.")

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]
Keys = Annotated[list[str], typer.Argument(help="Document keys, or posting ids.")]
By = Annotated[str, typer.Option("--by", help="Who decides; it goes into the audit trail.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")]


@app.command("list")
@answering
def list_all(
    integration: Integration = "",
    flow: Annotated[str, typer.Option("--flow")] = "",
    code: Annotated[str, typer.Option("--code", help="Only this reason, e.g. gl_account.no_row.")] = "",
) -> Answer:
    """List what is held, the most money first."""
    from st_pipelines.cli.document_life import instant
    from st_pipelines.posting.holds import list_holds

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        held = list_holds(engine, name, flow=flow, code=code)
    data = [
        {"posting_id": h.posting_id, "document": h.doc_key, "flow": h.flow, "kind": h.kind, "op": h.op,
         "about": h.label, "company": h.company, "currency": h.currency, "amount": plain(h.amount_minor, h.currency),
         "business_date": h.business_date, "code": h.code, "reason": h.reason, "held_since": instant(h.held_since),
         "may_have_been_sent": h.may_have_been_sent, "releasable": h.releasable}
        for h in held
    ]  # fmt: skip
    if not held:
        return Answer(data, (text("Nothing is held."),), CLEAN)
    rows = [
        (h.posting_id, h.doc_key, h.label, amount(h.amount_minor, h.currency), h.currency, h.business_date, h.code,
         h.reason, "release or dismiss" if h.releasable else "fix the mapping, run again")
        for h in held
    ]  # fmt: skip
    headings = ("posting", "document", "about", "amount", "", "date", "code", "reason", "what to do")
    return Answer(data, (table(headings, rows, f"{len(held)} held", ("posting", "amount")),), OPEN)


@app.command("release")
@answering
def release(keys: Keys, by: By, reason: Reason, integration: Integration = "") -> Answer:
    """Send held documents after all. What the mapping holds cannot be released: fix the mapping and run again."""
    from st_pipelines.posting.holds import release as put_back

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        released = put_back(engine, _context(name, by), _ids(engine, name, keys), by=by, reason=reason)
    return Answer({"released": released}, (text(f"{len(released)} released; the next run sends them."),))


@app.command("adopt")
@answering
def adopt(
    key: Annotated[str, typer.Argument(help="Document key, or posting id.")],
    by: By,
    reason: Reason,
    target_id: Annotated[str, typer.Option("--target-id", help="The id that it has in the target.")],
    number: Annotated[str, typer.Option("--number", help="The number that a person sees there.")] = "",
    integration: Integration = "",
) -> Answer:
    """Record a held document as posted: a person found it in the target. The next reconciliation compares it."""
    from st_pipelines.posting.holds import adopt as record

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        ids = _ids(engine, name, [key])
        if len(ids) != 1:
            raise Usage(f"{key}: {len(ids)} postings are held; name one by its posting id")
        record(engine, _context(name, by), ids[0], target_id=target_id, target_number=number, by=by, reason=reason)
    return Answer({"adopted": ids[0]}, (text(f"Posting {ids[0]} is recorded as posted under {target_id}."),))


@app.command("dismiss")
@answering
def dismiss(keys: Keys, by: By, reason: Reason, integration: Integration = "") -> Answer:
    """Never send held documents; they stay on record as rejected by a person."""
    from st_pipelines.posting.holds import dismiss as reject

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        ids = _ids(engine, name, keys)
        reject(engine, _context(name, by), ids, by=by, reason=reason)
    return Answer({"dismissed": ids}, (text(f"{len(ids)} dismissed."),))


def _context(integration: str, by: str) -> "RunContext":
    from st_pipelines.posting.context import RunContext

    return RunContext(integration, f"cli-{uuid4().hex[:12]}", by)


def _ids(engine: "Engine", integration: str, keys: Sequence[str]) -> list[int]:
    """Held postings of these keys. A key without one is an error, so that a typing mistake decides nothing."""
    from st_pipelines.posting.holds import list_holds

    held: dict[str, list[HeldPosting]] = {}
    for one in list_holds(engine, integration):
        held.setdefault(one.doc_key, []).append(one)
        held.setdefault(str(one.posting_id), []).append(one)
    unknown = [key for key in keys if key not in held]
    if unknown:
        raise Usage(f"not held in {integration}: {', '.join(unknown)}; see st-pipelines holds list")
    found: dict[int, Any] = {one.posting_id: one for key in keys for one in held[key]}
    return sorted(found)
