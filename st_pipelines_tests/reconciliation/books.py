"""A small set of books for the tests: source documents, what the ledger has of them, and what the target holds.

Nothing is imitated of the code under test: the three sides are written down separately and damaged separately.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument
from st_pipelines.documents.money import from_minor
from st_pipelines.posting.target import Found
from st_pipelines.reconciliation.control_totals import control_totals
from st_pipelines.reconciliation.documents import triples
from st_pipelines.reconciliation.sides import Side, side
from st_pipelines.reconciliation.source_side import source_side
from st_pipelines.reconciliation.target_side import target_side
from st_pipelines.reconciliation.variances import Variance, explain

COMPANY = "10USA_10USACO"
DAY = date(2026, 10, 5)
CENTERS = {"101": "1100", "102": "1200"}
BACK = {(COMPANY, center): unit for unit, center in CENTERS.items()}


def document(number: int, minor: int = 10_000, *, unit: str = "101", account: str = "4000", day: date = DAY,
             currency: str = "USD", disposition: str = "ready", hold: Hold | None = None, label: str = "",
             modified: int = 0) -> MappedDocument:  # fmt: skip
    """One invoice: receivable debit, revenue credit."""
    control = (ControlLine(unit, "1200", "", minor), ControlLine(unit, account, CENTERS[unit], -minor))
    return MappedDocument(
        flow="invoices", kind="customer_invoice", doc_key=f"ST:1:invoice:{number}", company=COMPANY, business_date=day,
        currency=currency, total=from_minor(minor, currency), disposition=disposition, source_sha256=f"{modified}" * 64,
        modified_on=datetime(2026, 10, 5, 12, modified, tzinfo=UTC), hold=hold, label=label,
        control=() if disposition in ("void", "not_eligible", "nothing_to_post") else control,
    )  # fmt: skip


def as_found(one: MappedDocument, target_id: str = "", **changes: object) -> Found:
    """The document as a target returns it: no business units, the cost center only where the account takes one."""
    found = Found(
        kind=one.kind, company=one.company, external_ref=one.doc_key, target_id=target_id or f"V{one.doc_key[-6:]}",
        number="INV", business_date=one.business_date, currency=one.currency, total=Decimal(one.total),
        control=tuple(ControlLine("", line.gl_account, line.cost_center, line.amount_minor) for line in one.control),
    )  # fmt: skip
    return replace(found, **changes)  # type: ignore[arg-type]


@dataclass
class Books:
    """``ledger``: document and its state; what is ``posted`` stands. ``target``: whatever is found there."""

    source: list[MappedDocument] = field(default_factory=list)
    ledger: list[tuple[MappedDocument, str, dict[str, str]]] = field(default_factory=list)
    target: list[Found] = field(default_factory=list)

    def post(self, one: MappedDocument) -> Found:
        """Source, ledger and target agree about it."""
        self.source.append(one)
        self.ledger.append((one, "posted", {}))
        self.target.append(as_found(one))
        return self.target[-1]

    def sides(self) -> tuple[Side, Side, Side]:
        source, ledger = source_side(self.source), self._ledger()
        return source, ledger, target_side(self.target, {}, BACK, ledger, source)

    def totals(self) -> pa.Table:
        return control_totals(*self.sides())

    def variances(self) -> tuple[Variance, ...]:
        return explain(triples(*self.sides()), self.totals())

    def _ledger(self) -> Side:
        rows, lines = [], []
        for one, state, more in self.ledger:
            stands = state == "posted" and more.get("op") != "void"
            key = one.doc_key
            rows.append({
                "doc_key": key, "reference": key, "copy_id": f"V{key[-6:]}", "kind": one.kind, "flow": one.flow,
                "company": one.company, "currency": one.currency, "business_date": one.business_date, "state": state,
                "total_minor": one.control[0].amount_minor if stands else 0, "stands": stands, "op": "create", **more,
            })  # fmt: skip
            if stands:
                lines += [
                    {"doc_key": key, "copy_id": f"V{key[-6:]}", "company": one.company, "currency": one.currency,
                     "business_date": one.business_date, "business_unit": line.business_unit,
                     "gl_account": line.gl_account, "cost_center": line.cost_center, "amount_minor": line.amount_minor}
                    for line in one.control
                ]  # fmt: skip
        return side(rows, lines)
