"""The one screen of the demo, for a controller. Invariant: every number on it was read from the ledger, the source's
mapped documents or the target; nothing is counted while posting."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from st_pipelines.cli.order_screen import as_match, as_orders, coding_screen, match_screen, order_screen
from st_pipelines.cli.output import table, text
from st_pipelines.documents.money import from_minor
from st_pipelines.reconciliation.amounts import amount, money
from st_pipelines.reconciliation.control_totals import folded
from st_pipelines.reconciliation.second_witness import SecondWitness

if TYPE_CHECKING:
    from st_pipelines.cli.demo_figures import Figures, Proof
    from st_pipelines.integrations.reconcile import Reconciled

MOST_OPEN, MOST_UNITS = 20, 8
SIDES = ("source", "target", "variance")


def screen(shown: "Figures") -> tuple[RenderableType, ...]:
    """Of each integration documents by flow and state, control totals of all sides, what is open, verdict; then the
    purchase orders, and the variance of all per currency."""
    parts = [part for proof in shown.proofs for part in _integration(proof)]
    compared = [proof.month.result.orders for proof in shown.proofs if proof.month.result.orders is not None]
    parts += [text(f"{orders.verdict()}.") for orders in compared[:-1]]
    for orders in compared[-1:]:
        parts += order_screen(orders)
    took = f"{shown.seconds:.0f} s, {shown.cpu_seconds:.0f} s of it CPU"
    parts.append(text(f"{shown.sent:,} writes were sent in {took}." if shown.sent else
                      f"Nothing was sent: everything was already posted ({took})."))  # fmt: skip
    parts += [text(f"variance {money(minor, currency)}") for currency, minor in shown.variance_minor.items()]
    parts += [text(f"Report: {proof.month.report_path}") for proof in shown.proofs]
    return tuple(parts)


def _integration(proof: "Proof") -> Iterator[RenderableType]:
    month, told = proof.month, proof.told
    result = month.result
    yield text(f"{result.integration}  {result.period}  {', '.join(result.companies)}", "bold")
    yield text("")
    yield table(
        ("flow", "state", "documents", "amount"),
        [(row.flow, row.state, f"{row.documents:,}", money(row.amount_minor, row.currency))
         for row in proof.flows],
        title="Documents and amounts", right=("documents", "amount"),
    )  # fmt: skip
    yield text("")
    yield from control_totals(month)
    yield text("")
    if result.match is not None:
        yield from coding_screen(result)
        yield text("")
    yield from _open(month)
    if result.match is not None:
        yield from match_screen(result.match)
    if told:
        yield text(f"The source was told about {told['marked']:,} documents ({told['refused']:,} refused).")
    yield text(f"Audit trail: {result.audit.text if result.audit else 'not verified'}")
    yield from _second_witness(result.witness)
    yield text(result.verdict(), "bold green" if month.is_clean and not result.has_alarm else "bold red")
    yield text("")


def as_data(shown: "Figures") -> Mapping[str, Any]:
    """The same for ``--json``: the first integration's figures, ``clean``, ``sent`` and ``variance`` of all, and where
    there are several each by itself under ``integrations``."""
    each = [_as_data(proof) for proof in shown.proofs]
    return {
        **each[0], "clean": shown.is_clean, "sent": shown.sent, "seconds": round(shown.seconds, 1),
        "cpu_seconds": round(shown.cpu_seconds, 1), "variance": _by_currency(shown.variance_minor),
        **({"integrations": each} if len(each) > 1 else {}),
    }  # fmt: skip


def _as_data(proof: "Proof") -> dict[str, Any]:
    month, result = proof.month, proof.month.result
    return {
        "integration": result.integration, "period": result.period, "clean": month.is_clean, "told": dict(proof.told),
        "variance": _by_currency(result.variance_minor),
        "flows": [
            {"flow": row.flow, "state": row.state, "documents": row.documents, "currency": row.currency,
             "amount": str(from_minor(row.amount_minor, row.currency))} for row in proof.flows
        ],
        "control_totals": month.total_rows, "open": month.cause_rows,
        "order_lines": as_orders(result.orders), "match": as_match(result.match),
        "audit": {"ok": result.audit.ok, "text": result.audit.text} if result.audit else None,
        "second_witness": as_witness(result.witness), "report": month.report_path,
    }  # fmt: skip


def _by_currency(sums: Mapping[str, int]) -> dict[str, str]:
    return {currency: amount(minor, currency) for currency, minor in sums.items()}


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


def control_totals(month: "Reconciled") -> tuple[RenderableType, ...]:
    """A matrix per currency: GL accounts by business units as the source says they must be, then the sums of both
    sides. A cell that the target does not confirm shows both amounts. Where there are many business units (a purchase
    order is one) the sums alone, and the units that differ."""
    rows = folded(month.result.totals, ("currency", "business_unit", "gl_account")).to_pylist()
    if len({row["business_unit"] for row in rows}) > MOST_UNITS:
        return tuple(_sums_alone(month, rows))
    made: list[RenderableType] = []
    for currency in month.result.currencies:
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


def _sums_alone(month: "Reconciled", rows: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    sums = ("source", month.result.target_system, "variance")
    totals = folded(month.result.totals, ("currency", "gl_account")).to_pylist()
    shown = [(month.result.called("account", row["gl_account"]), row["currency"],
              *(amount(row[f"{side}_minor"], row["currency"]) for side in SIDES)) for row in totals]  # fmt: skip
    of = f"{len({row['business_unit'] for row in rows}):,} units"
    yield table(("control total", "currency", *sums), shown, f"Control totals over {of}, debit positive", sums)
    differing = sorted((row for row in rows if row["variance_minor"]), key=lambda row: -abs(row["variance_minor"]))
    if differing:
        worst = [(month.result.called("unit", row["business_unit"]), month.result.called("account", row["gl_account"]),
                  row["currency"], *(amount(row[f"{side}_minor"], row["currency"]) for side in SIDES))
                 for row in differing[:MOST_UNITS]]  # fmt: skip
        title = f"The largest of {len(differing):,} that differ"
        yield table(("unit", "control total", "currency", *sums), worst, title, sums)


def _cell(row: Mapping[str, Any] | None, currency: str) -> str:
    if row is None:
        return ""
    source, target = amount(row["source_minor"], currency), amount(row["target_minor"], currency)
    return source if source == target else f"{source} ≠ {target}"


def _sum(cells: Mapping[tuple[str, str], Mapping[str, Any]], account: str, column: str, currency: str) -> str:
    return amount(sum(row[column] for (one, _), row in cells.items() if one == account), currency)


def _open(month: "Reconciled") -> tuple[RenderableType, ...]:
    rows = month.cause_rows
    if not rows:
        return (text("Held, rejected, waiting or unknown: none."),)
    more = [text(f"… and {len(rows) - MOST_OPEN} more in the report.")] if len(rows) > MOST_OPEN else []
    names = ("cause", "document", "amount", "detail", "cure")
    listed = table(names, [tuple(row[name] for name in names) for row in rows[:MOST_OPEN]],
                   title="Not in the books yet", right=("amount",))  # fmt: skip
    return (listed, *more, text(""))
