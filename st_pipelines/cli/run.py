"""``st-pipelines run``, ``plan`` and ``apply``: days posted by hand, or shown first and then posted exactly so."""

import getpass
import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, CouldNotRun, Usage, answering, table, text
from st_pipelines.cli.waits import data as wait_data
from st_pipelines.cli.waits import overdue
from st_pipelines.cli.waits import screen as wait_screen
from st_pipelines.reconciliation.amounts import amount, money, plain

if TYPE_CHECKING:
    from st_pipelines.cli.dry_run import DryRun
    from st_pipelines.cli.one_pass import Pass
    from st_pipelines.integrations.align_codes import CodesDone
    from st_pipelines.integrations.road import Flow
    from st_pipelines.integrations.session import Session
    from st_pipelines.integrations.write_back import WriteBack

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]
Flows = Annotated[list[str] | None, typer.Option("--flow", help="Only this flow; may be given again.")]
First = Annotated[str, typer.Option("--from", help="First day of modification, YYYY-MM-DD.")]
Last = Annotated[str, typer.Option("--to", help="Last day, included; the first day by default.")]

_SHOWN = 50
# States with nothing left to do. What waits goes out by itself, and is a problem only where it waits for too long.
_DONE = ("posted", "ready", "nothing_to_post", "not_eligible", "void", "voided", "waiting")


@answering
def run(first: First, last: Last = "", integration: Integration = "", flow: Flows = None) -> Answer:
    """Read, map and post some days in this process, without Dagster. Days that are posted already cost a look."""
    from st_pipelines.cli.one_pass import align, post, read_days, tell

    days = _days(first, last)
    with opened.session(opened.integration(integration).name) as session:
        flows, run_id = _flows(session, flow), f"cli-{uuid4().hex[:12]}"
        codes = [] if flow else align(session, run_id, actor(), _say)
        read_days(session, flows, days, run_id, _say)
        done = post(session, flows, days, run_id, actor(), _say)
        told = tell(session, flows, days, run_id, actor(), _say)
        return _ran(session, done, told, run_id, codes)


@answering
def plan(
    first: First, last: Last = "", integration: Integration = "", flow: Flows = None,
    payloads: Annotated[bool, typer.Option("--payloads", help="Show the exact bodies and field differences.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the plan here, for `apply`.")] = None,
) -> Answer:  # fmt: skip
    """Dry run: read and map, then show what would be written, the change of the control totals, and a digest."""
    from st_pipelines.cli.dry_run import dry_run
    from st_pipelines.cli.one_pass import read_days

    days = _days(first, last)
    with opened.session(opened.integration(integration).name) as session:
        flows = _flows(session, flow)
        read_days(session, flows, days, f"plan-{uuid4().hex[:12]}", _say)
        found = dry_run(session, flows, days, payloads=payloads)
        data = _plan_data(session, flows, days, found)
    if out is not None:
        out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    held = any(one.state == "held" for one in found.planned)
    return Answer(data, _plan_screen(found, payloads, out), OPEN if held else CLEAN)


@answering
def apply(plan_file: Annotated[Path, typer.Argument(metavar="PLAN", help="File written by plan --out.")]) -> Answer:
    """Post exactly what a plan shows, or stop where source, mapping or ledger moved since."""
    from st_pipelines.cli.dry_run import dry_run
    from st_pipelines.cli.one_pass import post, read_days, tell

    given = _read_plan(plan_file)
    days = _days(given["from"], given["to"])
    with opened.session(opened.integration(given["integration"]).name) as session:
        flows, run_id = _flows(session, given["flows"]), f"apply-{uuid4().hex[:12]}"
        read_days(session, flows, days, run_id, _say)
        now = dry_run(session, flows, days)
        if now.digest != given["digest"]:
            raise CouldNotRun(
                f"the source, the mapping or the ledger moved since this plan: {_moved(given, now)}. "
                "Nothing was posted; plan again and look at it"
            )
        by = f"{actor()} by plan {now.digest[:12]}"
        done = post(session, flows, days, run_id, by, _say)
        return _ran(session, done, tell(session, flows, days, run_id, by, _say), run_id)


def actor() -> str:
    """Who the audit trail names: the operating system's user."""
    return f"{getpass.getuser()} (uid {os.getuid()})"


def _say(progress: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{progress}")
        sys.stderr.flush()


def _days(first: str, last: str) -> list[date]:
    from st_pipelines.cli.one_pass import days_between

    try:
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise Usage(f"--from {first} --to {last or first}: expected days as YYYY-MM-DD") from None
    if end < start:
        raise Usage(f"--to {end} lies before --from {start}")
    return days_between(start, end)


def _flows(session: "Session", names: Sequence[str] | None) -> "list[Flow]":
    from st_pipelines.cli.one_pass import chosen_flows

    try:
        flows = chosen_flows(session, names or ())
    except KeyError as error:
        raise Usage(str(error.args[0])) from None
    if not flows:
        raise Usage(f"{session.integration.name} has none of these flows switched on: {', '.join(names or ())}")
    return flows


def _ran(session: "Session", done: "Pass", told: "Sequence[WriteBack]", run_id: str,
         codes: "Sequence[CodesDone]" = ()) -> Answer:  # fmt: skip
    from st_pipelines.posting.waiting import waits

    sums: dict[tuple[str, str, str], list[int]] = {}
    for day in done.days:
        for (state, currency), (documents, minor) in day.sums.items():
            total = sums.setdefault((day.flow, state, currency), [0, 0])
            total[0] += documents
            total[1] += minor
    rows = [(*key, n, minor) for key, (n, minor) in sums.items()]
    source, marked = session.integration.source.system, sum(one.told for one in told)
    not_told = [f"{one.flow}: {why}" for one in told for why in one.not_told]
    flows = {day.flow for day in done.days}
    waiting = [wait for wait in waits(session.engine, session.integration.name) if wait.flow in flows]
    late = overdue(waiting, session.integration)
    open_states = [state for _, state, _, n, _ in rows if n and state not in _DONE]
    apart = [(one.name, each) for one in codes for each in one.differences]
    stopped = [*(f"{one.name}: {one.stopped}" for one in codes if one.stopped), *done.stopped]
    differing = [*(key for one in codes for key in one.differing), *done.differing]
    sent = done.sent + sum(one.sent + one.sent_back for one in codes)
    clean = not (differing or stopped or not_told or open_states or late or apart)
    data = {
        "integration": session.integration.name, "run_id": run_id, "sent": sent, "clean": clean,
        "stopped": stopped, "differing": differing, "told": marked, "not_told": not_told,
        "documents": [
            {"flow": flow, "state": state, "documents": n, "amount": plain(minor, currency), "currency": currency}
            for flow, state, currency, n, minor in rows
        ],
        "waiting": wait_data(waiting, session.integration),
        "codes": [{"list": name, "code": each.code, "source": each.source, "target": each.target, "to_do": each.to_do}
                  for name, each in apart],
    }  # fmt: skip
    shown = [(flow, state, n, money(minor, currency)) for flow, state, currency, n, minor in rows]
    said = f"{sent} writes were sent in run {run_id}." if sent else "Nothing was sent."
    screen: tuple[RenderableType, ...] = (
        table(("flow", "state", "documents", "amount"), shown, right=("documents", "amount")),
        *wait_screen(waiting, session.integration), text(said),
        *(text(f"stopped early: {why}", "bold red") for why in stopped),
        *(text(f"differs from its plan in the target: {key}", "bold red") for key in differing),
        *(text(f"{name} {each.code}: {each.source or '-'}; {each.target or '-'}. {each.to_do}", "bold red")
          for name, each in apart),
        *((text(f"{source} was told about {marked} documents."),) if told else ()),
        *(text(f"not told to {source}: {why}", "bold red") for why in not_told),
    )  # fmt: skip
    return Answer(data, screen, CLEAN if clean else OPEN)


def _plan_data(session: "Session", flows: "Sequence[Flow]", days: Sequence[date], found: "DryRun") -> dict[str, Any]:
    from st_pipelines.cli.dry_run import control_rows

    return {
        "integration": session.integration.name, "flows": [flow.name for flow in flows], "from": days[0].isoformat(),
        "to": days[-1].isoformat(), "mapping_version": found.mapping_version, "digest": found.digest,
        "unchanged": found.unchanged, "queued": [list(row) for row in found.queued],
        "writes": [
            {"flow": p.flow, "kind": p.kind, "document": p.doc_key, "op": p.op, "reference": p.external_ref,
             "company": p.company, "currency": p.currency, "amount": plain(p.amount_minor, p.currency),
             "business_date": p.business_date, "state": p.state, "reason": p.reason, "content": p.content_sha256,
             "label": p.label, "payload": p.payload, "payload_fault": p.payload_fault,
             "differences": list(p.differences)}
            for p in found.planned
        ],
        "control_totals_change": [
            {"business_unit": unit, "gl_account": account, "currency": currency, "business_date": day.isoformat(),
             "amount": plain(minor, currency)}
            for unit, account, currency, day, minor in control_rows(found)
        ],
    }  # fmt: skip


def _plan_screen(found: "DryRun", payloads: bool, out: Path | None) -> tuple[RenderableType, ...]:
    from st_pipelines.cli.dry_run import control_rows

    counts: dict[tuple[str, str, str, str], list[int]] = {}
    for p in found.planned:
        total = counts.setdefault((p.flow, p.op, p.state, p.currency), [0, 0])
        total[0] += 1
        total[1] += p.amount_minor
    rows = [(flow, op, state, n, money(minor, currency)) for (flow, op, state, currency), (n, minor) in counts.items()]
    change: dict[tuple[str, str, str], int] = {}
    for unit, account, currency, _, minor in control_rows(found):
        change[unit, account, currency] = change.get((unit, account, currency), 0) + minor
    totals = [(unit, account, amount(minor, currency), currency) for (unit, account, currency), minor in change.items()]
    held = [(p.doc_key, p.label, p.reason) for p in found.planned if p.state == "held"]
    parts: list[RenderableType] = [
        table(("flow", "write", "state", "documents", "amount"), rows, "Would be written", ("documents", "amount")),
        table(("business unit", "GL account", "change", ""), totals, "Change of the control totals", ("change",)),
    ]
    if held:
        parts.append(table(("document", "about", "reason"), held[:_SHOWN], f"Held: {len(held)}"))
    if payloads:
        bodies = [(p.doc_key, p.op, p.payload or p.payload_fault, "; ".join(p.differences)) for p in found.planned]
        parts.append(table(("document", "write", "payload", "differs from the target"), bodies))
    parts.append(text(f"{found.unchanged} documents are unchanged, {len(found.queued)} writes are planned already."))
    parts.append(text(f"Plan digest {found.digest}"))
    parts.append(
        text(
            f"Post exactly this: st-pipelines apply {out}"
            if out
            else "Nothing was written. Keep a plan with --out FILE."
        )
    )
    return tuple(parts)


def _read_plan(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Usage(f"{path}: not a plan as `st-pipelines plan --out` writes it ({error})") from None
    names: Mapping[str, type] = {
        "integration": str,
        "flows": list,
        "from": str,
        "to": str,
        "digest": str,
        "writes": list,
    }
    wrong = [
        name for name, kind in names.items() if not isinstance(given, dict) or not isinstance(given.get(name), kind)
    ]
    if wrong:
        raise Usage(f"{path}: not a plan as `st-pipelines plan --out` writes it ({', '.join(wrong)} missing)")
    return dict(given)


def _moved(given: Mapping[str, Any], now: "DryRun") -> str:
    """The first few writes that are new, gone or changed."""
    before = {(w["document"], w["op"]): w.get("content") for w in given["writes"] if isinstance(w, dict)}
    after = {(p.doc_key, p.op): p.content_sha256 for p in now.planned}
    keys = sorted({document for (document, _), _ in before.items() ^ after.items()})
    if not keys:
        return "the queue or the mapping version is another one"
    return ", ".join(keys[:5]) + (f" and {len(keys) - 5} more" if len(keys) > 5 else "")
