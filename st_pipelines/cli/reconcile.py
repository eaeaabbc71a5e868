"""``st-pipelines reconcile``: compares source, ledger and target for a month and writes the report."""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.demo_screen import as_witness
from st_pipelines.cli.order_screen import as_match, as_orders, match_screen, order_screen
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.reconciliation.amounts import money, plain

if TYPE_CHECKING:
    from st_pipelines.reconciliation.result import Reconciliation

_SHOWN = 40  # documents on the screen; the report, the CSV and --json have all


@answering
def reconcile(
    month: Annotated[str, typer.Option("--month", help="Business month, e.g. 2026-10.")],
    name: Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")] = "",
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Also write totals.csv, variances.csv and order_lines.csv here.")
    ] = None,
) -> Answer:
    """Read the target back and compare a month: control totals, each variance with its cause, the report to open."""
    from st_pipelines.integrations.reconcile import reconcile_month
    from st_pipelines.reconciliation.export import order_lines_csv, totals_csv, variances_csv

    first = _month(month)
    with opened.session(opened.integration(name).name) as session:
        compared = reconcile_month(session, first, f"cli-{uuid4().hex[:12]}")
    result = compared.result
    files = {"report": str(compared.report_path)}
    if csv is not None:
        csv.mkdir(parents=True, exist_ok=True)
        made = {"totals.csv": totals_csv(result), "variances.csv": variances_csv(result)}
        if result.orders is not None:
            made["order_lines.csv"] = order_lines_csv(result.orders)
        for file, content in made.items():
            (csv / file).write_text(content, encoding="utf-8", newline="")
            files[file] = str(csv / file)
    code = CLEAN if result.is_clean and not result.has_alarm else OPEN
    return Answer(_data(result, files), _screen(result, files), code)


def _month(given: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", given):
        raise Usage(f"--month {given}: expected year and month, e.g. 2026-10")
    return date.fromisoformat(f"{given}-01")


def _data(result: "Reconciliation", files: Mapping[str, str]) -> dict[str, Any]:
    return {
        "integration": result.integration, "companies": list(result.companies), "target": result.target_system,
        "period": result.period, "made_at": result.made_at, "run_id": result.run_id, "clean": result.is_clean,
        "alarm": result.has_alarm, "verdict": result.verdict(), "notes": list(result.notes),
        "variance": {currency: plain(minor, currency) for currency, minor in result.variance_minor.items()},
        "documents": {"source": result.documents[0], "target": result.documents[1]},
        "second_witness": as_witness(result.witness),
        "audit": None if result.audit is None else {"ok": result.audit.ok, "text": result.audit.text},
        "flows": [
            {"flow": f.flow, "state": f.state, "currency": f.currency, "documents": f.documents,
             "amount": plain(f.amount_minor, f.currency)}
            for f in result.flows
        ],
        "control_totals": [
            {"business_unit": r.business_unit, "gl_account": r.gl_account, "currency": r.currency,
             "business_date": r.business_date, "source_documents": r.source_documents,
             "ledger_documents": r.ledger_documents, "target_documents": r.target_documents,
             **{side: plain(getattr(r, f"{side}_minor"), r.currency)
                for side in ("source", "ledger", "target", "variance")}}
            for r in result.rows
        ],
        "causes": [
            {"cause": t.cause, "currency": t.currency, "documents": t.documents,
             "amount": plain(t.amount_minor, t.currency)}
            for t in result.cause_totals
        ],
        "variances": [
            {"cause": v.cause, "document": v.doc_key, "flow": v.flow, "label": v.label, "currency": v.currency,
             "amount": plain(v.amount_minor, v.currency), "target_id": v.target_id, "number": v.number,
             "business_date": v.business_date, "code": v.code, "detail": v.detail, "cure": v.cure}
            for v in result.causes
        ],
        "order_lines": as_orders(result.orders), "match": as_match(result.match), "files": dict(files),
    }  # fmt: skip


def _screen(result: "Reconciliation", files: Mapping[str, str]) -> tuple[RenderableType, ...]:
    columns = ("business_unit", "gl_account", "currency", "source", "ledger", "target", "variance")
    totals = [tuple(row.values()) for row in result.total_rows()]
    flows = [(f.flow, f.state.replace("_", " "), f.documents, money(f.amount_minor, f.currency)) for f in result.flows]
    parts: list[RenderableType] = [
        text(f"{result.integration}, {result.period}, {', '.join(result.companies)}", "bold"),
        table(("flow", "state", "documents", "amount"), flows, "Documents", ("documents", "amount")),
        table(columns, totals, "Control totals", ("source", "ledger", "target", "variance")),
    ]
    if result.causes:
        rows = [tuple(row.values()) for row in result.cause_rows()[:_SHOWN]]
        more = f", the first {_SHOWN} of {len(result.causes)}" if len(result.causes) > _SHOWN else ""
        parts.append(table(("cause", "document", "amount", "detail", "cure"), rows, f"Variances{more}", ("amount",)))
    if result.match is not None:
        parts += match_screen(result.match)
    if result.orders is not None:
        parts += order_screen(result.orders)
    parts.append(text(f"Audit trail: {result.audit.text if result.audit else 'not verified'}"))
    if result.witness is not None:
        style = "bold red" if result.witness.contradicts else ""
        parts.append(text(f"Second witness: {result.witness.verdict()}", style))
    parts.append(text(result.verdict(), "bold green" if result.is_clean and not result.has_alarm else "bold red"))
    parts += [text(f"variance {money(minor, currency)}") for currency, minor in result.variance_minor.items()]
    parts += [text(note) for note in result.notes]
    parts.append(text("Report: " + files["report"]))
    return tuple(parts)
