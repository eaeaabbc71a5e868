"""What the head of the report shows beside the totals: documents by flow and state, and day by day.

Invariant: every source document is counted in exactly one state, so that the states add up to the documents.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from st_pipelines.reconciliation.documents import Stand, Triple
from st_pipelines.reconciliation.sides import Side

STATES = (
    "posted", "not_planned", "planned", "waiting", "held", "rejected", "unknown", "void_pending", "voided",
    "nothing_to_post", "not_eligible", "not_in_source",
)  # fmt: skip


@dataclass(frozen=True)
class FlowState:
    """Documents of one flow in one state; ``amount_minor`` sums their totals, credit memos and refunds negative."""

    flow: str
    state: str
    currency: str
    documents: int
    amount_minor: int


@dataclass(frozen=True)
class DayTotal:
    """All documents of one business date on the source and on the target side."""

    day: date
    currency: str
    source_documents: int
    source_minor: int
    target_documents: int
    target_minor: int


def flow_states(triples: Iterable[Triple]) -> tuple[FlowState, ...]:
    """In the order of ``STATES`` within each flow; documents that only the target knows are not among them."""
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for triple in triples:
        shown = triple.source or triple.ledger
        if shown is None:
            continue
        total = sums[shown.row["flow"], _state(triple.source, triple.ledger), shown.row["currency"]]
        total[0] += 1
        total[1] += shown.row["total_minor"] or 0
    order = {state: place for place, state in enumerate(STATES)}
    return tuple(
        FlowState(flow, state, currency, documents, minor)
        for (flow, state, currency), (documents, minor) in sorted(
            sums.items(), key=lambda item: (item[0][0], order.get(item[0][1], len(order)), item[0])
        )
    )


def day_totals(source: Side, target: Side) -> tuple[DayTotal, ...]:
    """Sums of document totals by business date; undated documents are left to the list of variances."""
    sums: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for offset, side in ((0, source), (2, target)):
        for row in side.documents.select(["business_date", "currency", "stands", "total_minor"]).to_pylist():
            if row["stands"] and row["business_date"] is not None:
                total = sums[row["business_date"], row["currency"]]
                total[offset] += 1
                total[offset + 1] += row["total_minor"] or 0
    return tuple(DayTotal(day, currency, *numbers) for (day, currency), numbers in sorted(sums.items()))


def _state(source: Stand | None, ledger: Stand | None) -> str:
    stands = ledger is not None and ledger.stands
    if source is None:
        return "not_in_source"
    disposition = source.row["state"]
    if disposition == "void":
        return "void_pending" if stands else "voided"
    if disposition != "ready":
        return str(disposition)
    if ledger is None:
        return "not_planned"
    if stands and ledger.row["state"] == "posted":
        return "posted"
    return {"sending": "unknown", "posted": "not_planned", "superseded": "not_planned"}.get(
        ledger.row["state"], str(ledger.row["state"])
    )
