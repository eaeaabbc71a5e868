"""The one screen of the demo, for a controller. Invariant: every number on it was read from the ledger, the source's
mapped documents or the target; nothing is counted while posting."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from st_pipelines.cli.output import table, text
from st_pipelines.documents.money import from_minor
from st_pipelines.integrations.reconcile import Reconciled
from st_pipelines.posting.totals import FlowTotal
from st_pipelines.reconciliation.control_totals import folded
from st_pipelines.reconciliation.second_witness import SecondWitness

MOST_OPEN = 20
SIDES = ("source", "target", "variance")


def screen(
    month: Reconciled, flows: Sequence[FlowTotal], sent: int, seconds: float, told: Mapping[str, int]
) -> tuple[RenderableType, ...]:
    """Documents by flow and state, control totals of all sides, what is open, verdict, variance per currency.

    ``told``: documents by what ServiceTitan said when it was told about them; empty = it is not told."""
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
        *control_totals(month),
        text(""),
        *_open(month),
        text(f"{sent:,} writes were sent in {seconds:.0f} s." if sent else
             f"Nothing was sent: everything was already posted ({seconds:.0f} s)."),
        *([text(f"ServiceTitan was told about {told['marked']:,} documents ({told['refused']:,} refused).")]
          if told else ()),
        text(f"Audit trail: {audit.text if audit else 'not verified'}"),
        *_second_witness(result.witness),
        text(result.verdict(), "bold green" if month.is_clean and not result.has_alarm else "bold red"),
        *(text(f"variance {_money(minor, currency)} {currency}") for currency, minor in result.variance_minor.items()),
        text(f"Report: {month.report_path}"),
    )  # fmt: skip


def as_data(
    month: Reconciled, flows: Sequence[FlowTotal], sent: int, seconds: float, told: Mapping[str, int]
) -> Mapping[str, Any]:
    """The same for ``--json``."""
    result = month.result
    return {
        "integration": result.integration, "period": result.period, "clean": month.is_clean, "sent": sent,
        "told": dict(told), "seconds": round(seconds, 1),
        "variance": {currency: _money(minor, currency) for currency, minor in result.variance_minor.items()},
        "flows": [
            {"flow": row.flow, "state": row.state, "documents": row.documents, "currency": row.currency,
             "amount": str(from_minor(row.amount_minor, row.currency))} for row in flows
        ],
        "control_totals": month.total_rows, "open": month.cause_rows,
        "audit": {"ok": result.audit.ok, "text": result.audit.text} if result.audit else None,
        "second_witness": as_witness(result.witness), "report": month.report_path,
    }  # fmt: skip


def as_witness(witness: SecondWitness | None) -> Mapping[str, Any] | None:
    """For ``--json``; ``None`` where the integration wants no second witness."""
    if witness is None:
        return None
    return {
        "heard": witness.heard, "agrees": witness.agrees, "contradicts": witness.contradicts,
        "accounts": witness.account_count, "text": witness.verdict(), "notes": list(witness.notes),
        "disagreements": [
            {"document": one.doc_key, "reason": one.reason, "contradicts": one.contradicts, "currency": one.currency,
             "amount": str(from_minor(one.amount_minor, one.currency)), "detail": one.detail, "cure": one.cure}
            for one in witness.disagreements
        ],
    }  # fmt: skip


def _second_witness(witness: SecondWitness | None) -> tuple[RenderableType, ...]:
    if witness is None:
        return ()
    return (text(f"Second witness: {witness.verdict()}", "bold red" if witness.contradicts else ""),)


def control_totals(month: Reconciled) -> tuple[RenderableType, ...]:
    """A matrix per currency: GL accounts by business units as the source says they must be, then the sums of both
    sides. A cell that the target does not confirm shows both amounts."""
    made: list[RenderableType] = []
    for currency in month.result.currencies:
        rows = folded(month.result.totals, ("currency", "business_unit", "gl_account")).to_pylist()
        cells = {(row["gl_account"], row["business_unit"]): row for row in rows if row["currency"] == currency}
        if not cells:
            continue
        units = sorted({unit for _, unit in cells})
        sums = ("source", month.result.target_system, "variance")
        body = [
            (
                month.result.called("account", account),
                *(_cell(cells.get((account, unit)), currency) for unit in units),
                *(_sum(cells, account, f"{side}_minor", currency) for side in SIDES),
            )
            for account in sorted({account for account, _ in cells})
        ]
        made.append(
            table(
                ("GL account", *(month.result.called("unit", unit) for unit in units), *sums), body,
                title=f"Control totals per business unit and GL account, {currency}, debit positive",
                right=(*(month.result.called("unit", unit) for unit in units), *sums),
            )
        )  # fmt: skip
    return tuple(made)


def _cell(row: Mapping[str, Any] | None, currency: str) -> str:
    if row is None:
        return ""
    source, target = _money(row["source_minor"], currency), _money(row["target_minor"], currency)
    return source if source == target else f"{source} ≠ {target}"


def _sum(cells: Mapping[tuple[str, str], Mapping[str, Any]], account: str, column: str, currency: str) -> str:
    return _money(sum(row[column] for (one, _), row in cells.items() if one == account), currency)


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
