"""``st-pipelines replay``: refused documents tried again, by document, day, run or reason.

Invariant: more than one document is only listed until ``--yes`` is said; what is not refused is told and left alone.
"""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.cli.run import actor
from st_pipelines.reconciliation.amounts import amount, plain

if TYPE_CHECKING:
    from st_pipelines.posting.replay import Chosen, Replayed

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]


@answering
def replay(
    keys: Annotated[list[str] | None, typer.Argument(help="Document keys or posting ids; or use the options.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who asks; it goes into the audit trail.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")] = "",
    first: Annotated[str, typer.Option("--from", help="Refused documents of this day and later ones.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day; without, only the first. Days as in `run`.")] = "",
    run: Annotated[str, typer.Option("--run", help="Refused documents of this run.")] = "",
    code: Annotated[str, typer.Option("--code", help="Refused for this reason code, e.g. closed_period.")] = "",
    flow: Annotated[str, typer.Option("--flow", help="Only of this flow.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do it; more than one document is only listed without.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list, also a single document.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Of what goes to the source: parties, codes.")] = False,
    integration: Integration = "",
) -> Answer:
    """Plan refused documents again, after one look at the target for all of them. The next run sends them."""
    from st_pipelines.integrations.way_back import way_back
    from st_pipelines.posting.replay import choose, replay_all

    if not (keys or first or run or code or flow):
        raise Usage("say which documents: keys, or --from/--to, --run, --code, --flow")
    named = opened.integration(integration)
    name = named.back if back else named.name
    with opened.ledger() as engine:
        chosen = choose(engine, name, keys=keys or (), first=_day(first, "--from"), last=_day(last, "--to"),
                        run_id=run, code=code, flow=flow)  # fmt: skip
    going = [each for each in chosen if each.replayable]
    if not going or dry_run or (len(chosen) > 1 and not yes):
        return _listed(name, chosen, None)
    if not by.strip() or not reason.strip():
        raise Usage("a replay needs the name of who asks and the reason: --by NAME --reason TEXT")
    with opened.session(named.name) as session:
        context = replace(session.context(f"replay-{uuid4().hex[:12]}", actor()), integration=name)
        way = way_back(session) if back else None
        done = replay_all(session.engine, way.target if way else session.target, context, going, by=by, reason=reason)
    outcomes = {each.chosen.posting_id: each for each in done}
    return _listed(name, chosen, outcomes)


def _listed(name: str, chosen: "list[Chosen]", done: "dict[int, Replayed] | None") -> Answer:
    """What was done, or (``done`` None) what would be."""
    rows, data = [], list[dict[str, Any]]()
    for each in chosen:
        outcome = done.get(each.posting_id) if done is not None else None
        said = f"planned again as {', '.join(map(str, outcome.planned))}" if outcome and outcome.planned else (
            outcome.said if outcome else each.why_not or "would be planned again")  # fmt: skip
        rows.append((each.posting_id, each.doc_key, each.label, amount(each.amount_minor, each.currency),
                     each.currency, each.business_date, each.code, each.reason, said))  # fmt: skip
        data.append({
            "posting_id": each.posting_id, "document": each.doc_key, "state": each.state, "currency": each.currency,
            "amount": plain(each.amount_minor, each.currency), "business_date": each.business_date, "code": each.code,
            "reason": each.reason, "planned": list(outcome.planned) if outcome else [], "said": said,
        })  # fmt: skip
    going = [each for each in chosen if each.replayable]
    planned = sum(1 for each in (done or {}).values() if each.planned)
    answer = {"integration": name, "dry_run": done is None, "replayable": len(going), "planned": planned,
              "documents": data}  # fmt: skip
    if not chosen:
        return Answer(answer, (text("No refused document matches; nothing was changed."),), CLEAN)
    headings = ("posting", "document", "about", "amount", "", "date", "code", "reason", "replay")
    if done is not None:
        end = f"{planned} of {len(chosen)} planned again; the next run sends them: st-pipelines run"
    elif going:
        end = f"Nothing was changed. To plan these {len(going)} again: the same with --yes --by NAME --reason TEXT"
    else:
        end = "Nothing was changed."
    again = {each.chosen.posting_id for each in (done or {}).values() if each.planned}
    clean = all(each.state in ("posted", "planned") or each.posting_id in again for each in chosen)
    return Answer(answer, (table(headings, rows, f"{len(chosen)} documents", ("posting", "amount")), text(end)),
                  CLEAN if clean else OPEN)  # fmt: skip


def _day(given: str, option: str) -> str:
    try:
        return date.fromisoformat(given).isoformat() if given else ""
    except ValueError:
        raise Usage(f"{option} {given}: a day is written YYYY-MM-DD") from None
