"""The one screen of the demo, for a controller. Invariant: every number on it was read from the ledger, the source's
mapped documents or the target; nothing is counted while posting."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from st_pipelines.documents.money import from_minor
from st_pipelines.integrations.reconcile import Reconciled
from st_pipelines.posting.totals import FlowTotal


def money(minor: int, currency: str) -> str:
    return f"{from_minor(minor, currency):,}"


def show(
    console: Console, months: Sequence[Reconciled], flows: Sequence[FlowTotal], sent: int, elapsed_s: float
) -> None:
    """Documents by flow and state, control totals of all sides, variance per currency, holds, audit, report."""
    for month in months:
        console.print(
            f"\n[bold]{month.result.integration}[/bold]  {month.result.period}  {', '.join(month.result.companies)}"
        )
        console.print(_documents(flows))
        console.print(_control_totals(month))
        _holds(console, month)
    console.print()
    if sent:
        console.print(f"{sent} writes were sent in this run ({elapsed_s:.0f} s).")
    else:
        console.print(f"Nothing was sent in this run: everything was already posted ({elapsed_s:.0f} s).")
    for month in months:
        audit = month.result.audit
        console.print(f"Audit trail: {audit.text if audit else 'not verified'}")
        console.print(f"{month.result.verdict()}", style="bold green" if month.is_clean else "bold red")
        for currency, minor in month.result.variance_minor.items():
            console.print(f"variance {money(minor, currency)} {currency}", highlight=False)
        console.print(f"Report: {month.report_path}", soft_wrap=True, highlight=False)


def _documents(flows: Sequence[FlowTotal]) -> Table:
    table = Table("flow", "state", title="Documents and amounts", title_justify="left", min_width=70)
    for heading in ("documents", "amount"):
        table.add_column(heading, justify="right")
    for row in flows:
        table.add_row(
            row.flow, row.state.replace("_", " "), f"{row.documents:,}", money(row.amount_minor, row.currency)
        )
    return table


def _control_totals(month: Reconciled) -> Table:
    table = Table(
        "business unit", "GL account", title="Control totals (debit positive)", title_justify="left", min_width=70
    )
    for heading in ("source", "ledger", month.result.target_system, "variance"):
        table.add_column(heading, justify="right")
    for row in month.total_rows:
        table.add_row(
            *(row[name] for name in ("business_unit", "gl_account", "source", "ledger", "target", "variance"))
        )
    return table


def _holds(console: Console, month: Reconciled) -> None:
    if not month.cause_rows:
        console.print("Held: none.")
        return
    table = Table(
        "cause", "document", "amount", "detail", "what to do", title="Not in the books yet", title_justify="left"
    )
    for row in month.cause_rows[:20]:
        table.add_row(*(row[name] for name in ("cause", "document", "amount", "detail", "cure")))
    console.print(table)
    if len(month.cause_rows) > 20:
        console.print(f"… and {len(month.cause_rows) - 20} more in the report.")
