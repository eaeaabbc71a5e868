"""``st-pipelines holds``: what was stopped before sending, why, and a named person's decision about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from st_pipelines.cli import holds_screen as screen
from st_pipelines.cli import opened, waits
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.reconciliation.amounts import amount

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from st_pipelines.posting.context import RunContext
    from st_pipelines.posting.holds import HeldPosting
    from st_pipelines.posting.waiting import Wait

app = typer.Typer(no_args_is_help=True, help="Held documents: the exact reason, and what a person decides.")

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]
Keys = Annotated[list[str] | None, typer.Argument(help="Document keys or posting ids; or use --code.")]
By = Annotated[str, typer.Option("--by", help="Who decides; it goes into the audit trail.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")]
Code = Annotated[str, typer.Option("--code", help="Everything held for this reason, e.g. run_limit.")]
OfFlow = Annotated[str, typer.Option("--flow", help="Only of this flow.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; more than one document is only listed without.")]


@app.command("list")
@answering
def list_all(
    integration: Integration = "",
    flow: OfFlow = "",
    code: Annotated[str, typer.Option("--code", help="Only this reason, e.g. gl_account.no_row.")] = "",
    by_cause: Annotated[bool, typer.Option("--by-cause", help="Only the causes, with counts and sums.")] = False,
) -> Answer:
    """List what is held: each cause with the one thing that cures it, then each document, the most money first; below
    it, what waits for something that does not come."""
    from st_pipelines.cli.hold_cures import causes
    from st_pipelines.posting.holds import list_holds

    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        held = list_holds(engine, chosen.name, flow=flow, code=code)
        waiting = [] if code else _waits(engine, chosen.name, flow)
    groups = causes(held, chosen.name, chosen.folder)
    data = screen.causes_data(groups) if by_cause else screen.holds_data(held, chosen.name, chosen.folder)
    below = waits.screen(waiting, chosen)
    if not held:
        return Answer(data, (text("Nothing is held."), *below), OPEN if waits.overdue(waiting, chosen) else CLEAN)
    parts = screen.causes_screen(groups)
    return Answer(data, parts if by_cause else (*parts, screen.holds_screen(groups), *below), OPEN)


@app.command("waiting")
@answering
def list_waiting(integration: Integration = "", flow: OfFlow = "") -> Answer:
    """List what waits for another document or for a receipt, since when, and why that one does not come."""
    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        waiting = _waits(engine, chosen.name, flow)
    shown = waits.screen(waiting, chosen) or [text("Nothing waits.")]
    return Answer(waits.data(waiting, chosen), tuple(shown), OPEN if waits.overdue(waiting, chosen) else CLEAN)


@app.command("release")
@answering
def release(
    keys: Keys = None, by: By = "", reason: Reason = "", code: Code = "", flow: OfFlow = "", yes: Yes = False,
    integration: Integration = "",
) -> Answer:  # fmt: skip
    """Send held documents after all. What the mapping holds cannot be released: fix the mapping and run again."""
    from st_pipelines.posting.holds import release as put_back

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        chosen = _chosen(engine, name, keys or (), code, flow)
        if len(chosen) > 1 and not yes:
            return _only_listed(chosen, "release")
        released = put_back(engine, _context(name, by), [each.posting_id for each in chosen], by=by, reason=reason)
    said = f"{len(released)} released; the next run sends them, after a look at the target."
    return Answer({"released": released}, (text(said),))


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
def dismiss(
    keys: Keys = None, by: By = "", reason: Reason = "", code: Code = "", flow: OfFlow = "", yes: Yes = False,
    integration: Integration = "",
) -> Answer:  # fmt: skip
    """Never send held documents; they stay on record as rejected by a person, and can be replayed."""
    from st_pipelines.posting.holds import dismiss as reject

    name = opened.integration(integration).name
    with opened.ledger() as engine:
        chosen = _chosen(engine, name, keys or (), code, flow)
        if len(chosen) > 1 and not yes:
            return _only_listed(chosen, "dismiss")
        ids = sorted(each.posting_id for each in chosen)
        reject(engine, _context(name, by), ids, by=by, reason=reason)
    return Answer({"dismissed": ids}, (text(f"{len(ids)} dismissed."),))


def _only_listed(chosen: "Sequence[HeldPosting]", what: str) -> Answer:
    """What would be decided; nothing was."""
    done = {"release": "released", "dismiss": "dismissed"}[what]
    data = {"dry_run": True, done: [], f"would_be_{done}": [each.posting_id for each in chosen]}
    rows = [(each.posting_id, each.doc_key, each.label, amount(each.amount_minor, each.currency), each.currency,
             each.business_date, each.code, "" if each.releasable or what == "dismiss" else "fix the mapping")
            for each in chosen]  # fmt: skip
    headings = ("posting", "document", "about", "amount", "", "date", "code", "cannot be")
    end = f"Nothing was decided. To {what} these {len(chosen)}: the same command with --yes"
    return Answer(data, (table(headings, rows, "", ("posting", "amount")), text(end)), OPEN)


def _waits(engine: "Engine", integration: str, flow: str) -> "list[Wait]":
    from st_pipelines.posting.waiting import waits as all_waits

    return [wait for wait in all_waits(engine, integration) if not flow or wait.flow == flow]


def _context(integration: str, by: str) -> "RunContext":
    from st_pipelines.posting.context import RunContext

    return RunContext(integration, f"cli-{uuid4().hex[:12]}", by)


def _ids(engine: "Engine", integration: str, keys: Sequence[str]) -> list[int]:
    return sorted(each.posting_id for each in _chosen(engine, integration, keys, "", ""))


def _chosen(engine: "Engine", integration: str, keys: Sequence[str], code: str, flow: str) -> "list[HeldPosting]":
    """Held postings of these keys, or of a code, the most money first. A key without one is an error, so that a typing
    mistake decides nothing."""
    from st_pipelines.posting.holds import list_holds

    if bool(keys) == bool(code or flow):
        raise Usage("say which: document keys or posting ids, or else --code (and --flow)")
    held = list_holds(engine, integration, flow=flow, code=code)
    names = {name for each in held for name in (each.doc_key, str(each.posting_id))}
    unknown = [key for key in keys if key not in names]
    if unknown or not held:
        raise Usage(f"not held in {integration}: {', '.join(unknown) or code or flow}; see st-pipelines holds list")
    return [each for each in held if not keys or {each.doc_key, str(each.posting_id)} & set(keys)]
