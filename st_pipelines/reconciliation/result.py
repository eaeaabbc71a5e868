"""The outcome of a reconciliation. Invariant: it is clean only when no document has a variance and nothing is open.

``variance_minor`` adds up documents, not totals: two errors that cancel each other in a control total still count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from st_pipelines.posting.match_rate import MatchRate
from st_pipelines.reconciliation.amounts import amount, money
from st_pipelines.reconciliation.causes import CAUSES, ORDER
from st_pipelines.reconciliation.control_totals import CodingTotal, ControlTotal, as_rows, folded
from st_pipelines.reconciliation.order_lines import OrderLines
from st_pipelines.reconciliation.overview import DayTotal, FlowState
from st_pipelines.reconciliation.second_witness import SecondWitness
from st_pipelines.reconciliation.variances import Variance

_MARKDOWN_ROWS = 40


@dataclass(frozen=True)
class AuditVerdict:
    """What verifying the audit trail said; ``text`` is one sentence with the number of events or the first bad one."""

    ok: bool
    text: str


@dataclass(frozen=True)
class CauseTotal:
    cause: str
    currency: str
    documents: int
    amount_minor: int


@dataclass(frozen=True)
class Reconciliation:
    """``totals`` has schema ``control_totals.CONTROL_TOTALS``; ``causes`` has one entry per document and cause.
    ``names`` maps ``account:<code>`` and ``unit:<id>`` to what a person calls them. ``notes`` are limits of this
    reconciliation that the reader must know. ``orders``: purchase order lines of both systems, where both keep some.
    ``match``: how invoices of orders clear, where they take goods. ``coding``: the
    same money as ``totals`` by GL account and cost center."""

    integration: str
    companies: tuple[str, ...]
    target_system: str
    period: str
    made_at: datetime
    run_id: str
    totals: pa.Table
    causes: tuple[Variance, ...]
    flows: tuple[FlowState, ...] = ()
    days: tuple[DayTotal, ...] = ()
    audit: AuditVerdict | None = None
    witness: SecondWitness | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    orders: OrderLines | None = None
    match: MatchRate | None = None
    coding: tuple[CodingTotal, ...] = ()

    @property
    def rows(self) -> tuple[ControlTotal, ...]:
        """Control totals per business unit, GL account, currency and business date."""
        return as_rows(self.totals)

    @property
    def currencies(self) -> tuple[str, ...]:
        seen = (
            set(self.totals["currency"].to_pylist())
            | {v.currency for v in self.causes}
            | {f.currency for f in self.flows}
        )
        return tuple(sorted(seen))

    @property
    def variance_minor(self) -> dict[str, int]:
        """By currency, never negative: the amount of all documents that are missing, wrong or unexplained."""
        sums = dict.fromkeys(self.currencies, 0)
        for variance in self.causes:
            sums[variance.currency] += variance.amount_minor
        return sums

    @property
    def net_variance_minor(self) -> dict[str, int]:
        """By currency: what the totals per unit and account show, the larger of debits and credits that differ.
        Less than the variance where differences cancel each other."""
        debit, credit = dict.fromkeys(self.currencies, 0), dict.fromkeys(self.currencies, 0)
        for row in folded(self.totals, ("currency", "business_unit", "gl_account")).to_pylist():
            side = debit if row["variance_minor"] > 0 else credit
            side[row["currency"]] += abs(row["variance_minor"])
        return {currency: max(debit[currency], credit[currency]) for currency in debit}

    @property
    def is_clean(self) -> bool:
        return not self.causes and not any(self.variance_minor.values())

    @property
    def has_alarm(self) -> bool:
        """The books may be wrong, not merely incomplete."""
        broken_trail = self.audit is not None and not self.audit.ok
        return broken_trail or self._target_is_wrong or self.is_contradicted

    @property
    def is_contradicted(self) -> bool:
        """The source's own journal has other figures than ours. It is no variance of the target: both may repeat one
        misunderstanding of the source, and that is what only a person can settle."""
        return self.witness is not None and self.witness.contradicts

    @property
    def _target_is_wrong(self) -> bool:
        return any(CAUSES[variance.cause].alarm for variance in self.causes)

    @property
    def documents(self) -> tuple[int, int]:
        """How many documents the source and the target have in these books, dated ones."""
        return sum(day.source_documents for day in self.days), sum(day.target_documents for day in self.days)

    @property
    def held(self) -> tuple[Variance, ...]:
        return tuple(variance for variance in self.causes if variance.cause == "held")

    @property
    def cause_totals(self) -> tuple[CauseTotal, ...]:
        sums: dict[tuple[str, str], list[int]] = {}
        for variance in self.causes:
            total = sums.setdefault((variance.cause, variance.currency), [0, 0])
            total[0] += 1
            total[1] += variance.amount_minor
        ordered = sorted(sums.items(), key=lambda item: (ORDER[item[0][0]], item[0][1]))
        return tuple(CauseTotal(cause, currency, *numbers) for (cause, currency), numbers in ordered)

    def total_rows(self) -> list[dict[str, str]]:
        """Control totals over all dates of the period as text, for tables: business_unit, gl_account, currency, source,
        ledger, target, variance."""
        table = folded(self.totals, ("currency", "business_unit", "gl_account"))
        return [
            {
                "business_unit": self.called("unit", row["business_unit"]),
                "gl_account": self.called("account", row["gl_account"]),
                "currency": row["currency"],
                **{
                    name: amount(row[f"{name}_minor"], row["currency"])
                    for name in ("source", "ledger", "target", "variance")
                },
            }
            for row in table.to_pylist()
        ]

    def cause_rows(self) -> list[dict[str, str]]:
        """One row a variance as text, for tables: cause, document, amount, detail, cure."""
        return [
            {
                "cause": CAUSES[v.cause].title, "document": v.doc_key, "amount": money(v.amount_minor, v.currency),
                "detail": v.detail, "cure": v.cure,
            }
            for v in self.causes
        ]  # fmt: skip

    def called(self, what: str, code: str) -> str:
        """``4000 Service Revenue``; a missing account is said to be missing."""
        if not code:
            return "not mapped" if what == "account" else "none"
        name = self.names.get(f"{what}:{code}", "")
        return f"{code} {name}".rstrip()

    def verdict(self) -> str:
        """The one sentence that a controller reads first."""
        if self.audit is not None and not self.audit.ok:
            return f"The audit trail is broken: {self.audit.text}"
        if self.witness is not None and self.witness.contradicts:
            return f"{self._verdict_on_books()} But {self.witness.verdict()}."
        return self._verdict_on_books()

    def _verdict_on_books(self) -> str:
        if self.is_clean:
            return "The books agree."
        documents = len({variance.doc_key for variance in self.causes})
        what = (
            ", ".join(money(minor, currency) for currency, minor in self.variance_minor.items() if minor) or "no amount"
        )
        one = "1 document" if documents == 1 else f"{documents} documents"
        if self._target_is_wrong:
            return f"The books do not agree: {what} in {one}."
        return f"Nothing is wrong in the target, but {what} in {one} is not there yet."

    def to_markdown(self) -> str:
        """For Dagster metadata: verdict, causes, totals by business unit and account. Names are escaped."""
        lines = [f"**{_cell(self.verdict())}**", ""]
        variance = ", ".join(money(minor, currency) for currency, minor in self.variance_minor.items()) or "0"
        lines += [f"Variance {variance} · {_cell(self.period)} · {_cell(', '.join(self.companies))}", ""]
        if self.witness is not None:
            lines += [f"Second witness: {_cell(self.witness.verdict())}", ""]
        if self.causes:
            lines += _table(("Cause", "Documents", "Amount"), [
                (CAUSES[t.cause].title, str(t.documents), money(t.amount_minor, t.currency)) for t in self.cause_totals
            ])  # fmt: skip
            lines += _table(
                ("Cause", "Document", "Amount", "Detail", "Cure"), [tuple(row.values()) for row in self.cause_rows()]
            )
        headings = ("Business unit", "GL account", "Currency", "Source", "Ledger", "Target", "Variance")
        lines += _table(headings, [tuple(row.values()) for row in self.total_rows()])
        return "\n".join(lines)

    def write_report(self, path: Path) -> Path:
        """The report as one self-contained HTML file, readable by the owner only; replaces an older one whole."""
        from st_pipelines.reconciliation.report import write_report

        return write_report(self, path)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    shown = ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows[:_MARKDOWN_ROWS]]
    more = [f"\n… and {len(rows) - _MARKDOWN_ROWS} more in the report"] if len(rows) > _MARKDOWN_ROWS else []
    return ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings), *shown, *more, ""]


def _cell(text: str) -> str:
    """Text of the outside world inside a table: no markup, no new cell, no new line."""
    safe = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`")
    return safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[").replace("*", "\\*")
