"""The one screen of the demo, for a controller. Invariant: every number on it was read from the ledger, the source's
mapped documents or the target; nothing is counted while posting."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from st_pipelines.cli.output import table, text
from st_pipelines.documents.money import from_minor
from st_pipelines.integrations.reconcile import Reconciled
from st_pipelines.posting.totals import FlowTotal

MOST_OPEN = 20
SIDES = ("source", "ledger", "target", "variance")


def screen(month: Reconciled, flows: Sequence[FlowTotal], sent: int, seconds: float) -> tuple[RenderableType, ...]:
    """Documents by flow and state, control totals of all sides, what is open, verdict, variance per currency."""
    result = month.result
    audit = result.audit
    return (
        text(f"{result.integration}  {result.period}  {', '.join(result.companies)}", "bold"),
        text(""),
        table(
            ("flow", "state", "documents", "amount"),
            [(row.flow, row.state, f"{row.documents:,}", _money(row.amount_minor, row.currency)) for row in flows],
            title="Documents and amounts", right=("documents", "amount"),
        ),
        text(""),
        table(
            ("business unit", "GL account", "source", "ledger", result.target_system, "variance"),
            [(row["business_unit"], row["gl_account"], *(row[side] for side in SIDES)) for row in month.total_rows],
            title="Control totals, debit positive", right=("source", "ledger", result.target_system, "variance"),
        ),
        text(""),
        *_open(month),
        text(f"{sent:,} writes were sent in {seconds:.0f} s." if sent else
             f"Nothing was sent: everything was already posted ({seconds:.0f} s)."),
        text(f"Audit trail: {audit.text if audit else 'not verified'}"),
        text(result.verdict(), "bold green" if month.is_clean else "bold red"),
        *(text(f"variance {_money(minor, currency)} {currency}") for currency, minor in result.variance_minor.items()),
        text(f"Report: {month.report_path}"),
    )  # fmt: skip


def as_data(month: Reconciled, flows: Sequence[FlowTotal], sent: int, seconds: float) -> Mapping[str, Any]:
    """The same for ``--json``."""
    result = month.result
    return {
        "integration": result.integration, "period": result.period, "clean": month.is_clean, "sent": sent,
        "seconds": round(seconds, 1),
        "variance": {currency: _money(minor, currency) for currency, minor in result.variance_minor.items()},
        "flows": [
            {"flow": row.flow, "state": row.state, "documents": row.documents, "currency": row.currency,
             "amount": str(from_minor(row.amount_minor, row.currency))} for row in flows
        ],
        "control_totals": month.total_rows, "open": month.cause_rows,
        "audit": {"ok": result.audit.ok, "text": result.audit.text} if result.audit else None,
        "report": month.report_path,
    }  # fmt: skip


def _open(month: Reconciled) -> tuple[RenderableType, ...]:
    rows = month.cause_rows
    if not rows:
        return (text("Held, rejected, waiting or unknown: none."),)
    more = [text(f"… and {len(rows) - MOST_OPEN} more in the report.")] if len(rows) > MOST_OPEN else []
    names = ("cause", "document", "amount", "detail", "cure")
    listed = table(names, [tuple(row[name] for name in names) for row in rows[:MOST_OPEN]],
                   title="Not in the books yet", right=("amount",))  # fmt: skip
    return (listed, *more, text(""))


def _money(minor: int, currency: str) -> str:
    return f"{from_minor(minor, currency):,}"
