"""``st-pipelines parties``: which customer or vendor of one system is which of the other, and a person's decisions."""

from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text

if TYPE_CHECKING:
    from st_pipelines.alignment.link_rows import Link
    from st_pipelines.integrations.registry import Integration
    from st_pipelines.posting.context import RunContext

app = typer.Typer(no_args_is_help=True, help="Customers and vendors of two systems: links, proposals, decisions.")

Name = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]
Source = Annotated[str, typer.Argument(help="The party on the source's side, e.g. ST:1234567:customer:42.")]
Other = Annotated[str, typer.Argument(help="The record on the other side, e.g. QAD:CUST:customer:C0000007.")]
By = Annotated[str, typer.Option("--by", help="Who decides; it goes into the audit trail.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")]
_PARTY_KINDS = ("business_relation", "linked_relation", "customer", "customer_domain", "supplier")
_ROLES = ("customer", "vendor")
_SHOWN = ("name", "address", "emails", "phones", "tax_id", "active", "modified")


@app.command("list")
@answering
def list_all(
    integration: Name = "",
    state: Annotated[str, typer.Option("--state", help="proposed, linked, separate or ended.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="customer or vendor.")] = "",
) -> Answer:
    """List links and proposals; what waits for a person comes first."""
    from st_pipelines.alignment.link_rows import as_data
    from st_pipelines.alignment.links import every
    from st_pipelines.database.schema import LINK_STATES

    if state and state not in LINK_STATES:
        raise Usage(f"--state is one of {', '.join(LINK_STATES)}")
    if kind and kind not in ("customer", "vendor"):
        raise Usage("--kind is customer or vendor")
    with opened.ledger() as engine:
        found = every(engine, opened.integration(integration).link_book, kind, (state,) if state else ())
    found.sort(key=lambda one: (LINK_STATES.index(one.state), one.source_id, -one.score))
    waiting = sum(one.state == "proposed" for one in found)
    if not found:
        return Answer([], (text("No links."),), CLEAN)
    rows = [(one.state, one.source_id, _name(one, "source"), one.target_id, _name(one, "target"), _why(one),
             one.decided_by) for one in found]  # fmt: skip
    headings = ("state", "source", "name", "other_side", "name", "why", "by")
    title = f"{len(found)} links, {waiting} wait for a person"
    return Answer([as_data(one) for one in found], (table(headings, rows, title),), OPEN if waiting else CLEAN)


@app.command("show")
@answering
def show(party: Annotated[str, typer.Argument(help="A party of either side.")], integration: Name = "") -> Answer:
    """Show everything that is known of one party: each link with both records side by side."""
    from st_pipelines.alignment.link_rows import as_data
    from st_pipelines.alignment.links import every

    with opened.ledger() as engine:
        book = opened.integration(integration).link_book
        found = [one for one in every(engine, book) if party in (one.source_id, one.target_id)]
    if not found:
        raise Usage(f"no link or proposal names {party}; see st-pipelines parties list")
    screen = []
    for one in found:
        title = f"{one.state}: {one.source_id} and {one.target_id} ({_why(one)}; {one.decided_by} {one.reason})"
        screen.append(table(("", "source", "other_side"), _side_by_side(one), title))
    waits = any(one.state == "proposed" for one in found)
    return Answer([as_data(one) for one in found], tuple(screen), OPEN if waits else CLEAN)


@app.command("link")
@answering
def link(source: Source, other: Other, by: By, reason: Reason, integration: Name = "") -> Answer:
    """Say that two records are the same party; the next run uses the one that is there."""
    from st_pipelines.alignment import decisions

    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        made = decisions.link(engine, _context(chosen, by), chosen.link_book, _role(source, other), source, other,
                              by=by, reason=reason)  # fmt: skip
    return Answer({"link": made}, (text(f"{source} and {other} are linked; the next run goes on with them."),))


@app.command("separate")
@answering
def separate(source: Source, other: Other, by: By, reason: Reason, integration: Name = "") -> Answer:
    """Say that two records are different parties; they are never proposed again."""
    from st_pipelines.alignment import decisions

    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        made = decisions.separate(engine, _context(chosen, by), chosen.link_book, _role(source, other), source, other,
                              by=by, reason=reason)  # fmt: skip
    return Answer({"link": made}, (text(f"{source} and {other} are told apart; the next run goes on."),))


@app.command("unlink")
@answering
def unlink(source: Source, by: By, reason: Reason, integration: Name = "") -> Answer:
    """End a party's link. What was posted stays posted; its next change waits until it is linked again."""
    from st_pipelines.alignment import decisions

    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        ended = decisions.unlink(engine, _context(chosen, by), chosen.link_book, _role(source, source), source, by=by,
                                 reason=reason)  # fmt: skip
    return Answer({"link": ended}, (text(f"The link of {source} has ended."),))


@app.command("waiting")
@answering
def waiting(integration: Name = "") -> Answer:
    """List the parties that wait, in both directions, each with the exact reason and what cures it."""
    from st_pipelines.posting.holds import list_holds

    chosen = opened.integration(integration)
    with opened.ledger() as engine:
        held = [("to the target", one) for one in list_holds(engine, chosen.name) if one.kind in _PARTY_KINDS]
        held += [("to the source", one) for one in list_holds(engine, chosen.back)]
    data = [{"posting_id": one.posting_id, "document": one.doc_key, "about": one.label, "direction": way,
             "code": one.code, "reason": one.reason} for way, one in held]  # fmt: skip
    if not held:
        return Answer(data, (text("No party waits."),), CLEAN)
    rows = [(one.posting_id, way, one.doc_key, one.label, one.code, one.reason) for way, one in held]
    headings = ("posting", "direction", "document", "about", "code", "reason")
    return Answer(data, (table(headings, rows, f"{len(held)} wait", ("posting",)),), OPEN)


@app.command("back")
@answering
def back(
    integration: Name = "",
    kind: Annotated[str, typer.Option("--kind", help="customer or vendor; both where nothing is said.")] = "",
) -> Answer:
    """Send what only the other side has, or changed, to the source now; a second time nothing is written."""
    from st_pipelines.integrations.parties_back import send_back

    if kind and kind not in ("customer", "vendor"):
        raise Usage("--kind is customer or vendor")
    run_id = f"cli-{uuid4().hex[:12]}"
    with opened.session(opened.integration(integration).name) as session:
        done = [send_back(session, role, run_id, "command line") for role in ((kind,) if kind else _ROLES)]
    rows = [(one.role, one.read, one.linked, one.in_step, one.sent, one.proposed, len(one.conflicts), one.held,
             one.stopped) for one in done]  # fmt: skip
    headings = ("role", "read", "linked", "in_step", "sent", "doubtful", "conflicts", "held", "stopped")
    waits = any(one.proposed or one.conflicts or one.held or one.stopped for one in done)
    return Answer([as_plain(one) for one in done], (table(headings, rows),), OPEN if waits else CLEAN)


def as_plain(done: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(done)


def _context(integration: "Integration", by: str) -> "RunContext":
    from st_pipelines.posting.context import RunContext

    return RunContext(integration.name, f"cli-{uuid4().hex[:12]}", by)


def _role(source: str, other: str) -> str:
    """``ST:1234567:customer:42`` is a customer. Both must be of one role."""
    roles = {part for name in (source, other) for part in name.split(":")[2:3]}
    if len(roles) != 1 or not roles <= {"customer", "vendor"}:
        raise Usage(f"{source} and {other}: name two customers or two vendors, as st-pipelines parties list shows them")
    return roles.pop()


def _why(one: "Link") -> str:
    said = [f"same {kind}" for kind in one.evidence.get("by", ())]
    said += [f"different {kind}" for kind in one.evidence.get("against", ())]
    if one.evidence.get("linked_to"):
        said.append(f"linked to {one.evidence['linked_to']}")
    if one.score >= 0:
        said.append(f"alike {one.score // 10}.{one.score % 10} %")
    return ", ".join(said) or one.how


def _name(one: "Link", side: str) -> str:
    return str(one.evidence.get(side, {}).get("name", ""))


def _side_by_side(one: "Link") -> list[tuple[object, ...]]:
    source, target = one.evidence.get("source", {}), one.evidence.get("target", {})
    return [(name, _cell(source.get(name)), _cell(target.get(name))) for name in _SHOWN
            if name in source or name in target]  # fmt: skip


def _cell(value: Any) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
