"""Compares source, ledger and target for days of modifications or for a month of business dates.

Invariant: the source side is read from the mapped documents in the store, not from the ledger, so that a document that
was mapped and never planned shows as a variance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from st_pipelines.audit.verify import verify
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.names import names
from st_pipelines.integrations.order_lines import order_lines
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import days_of, stored_documents, stored_partitions
from st_pipelines.integrations.witness import second_witness
from st_pipelines.posting.match_rate import match_rate
from st_pipelines.reconciliation.order_lines import OrderLines
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.reconcile import reconcile
from st_pipelines.reconciliation.result import AuditVerdict, Reconciliation
from st_pipelines.reconciliation.second_witness import SecondWitness
from st_pipelines.reconciliation.sides import Side


@dataclass(frozen=True)
class Reconciled:
    """A reconciliation with the report that was written of it. ``documents`` counts the source's."""

    result: Reconciliation
    currency: str
    report_path: str

    @property
    def is_clean(self) -> bool:
        return self.result.is_clean

    @property
    def variance_minor(self) -> int:
        return self.result.variance_minor.get(self.currency, 0)

    @cached_property
    def documents(self) -> int:
        return sum(flow.documents for flow in self.result.flows)

    @property
    def witness(self) -> SecondWitness | None:
        return self.result.witness

    @property
    def total_rows(self) -> list[dict[str, str]]:
        return self.result.total_rows()

    @property
    def cause_rows(self) -> list[dict[str, str]]:
        return self.result.cause_rows()


@dataclass(frozen=True)
class DayCompared:
    """One business date: document totals in minor units on both sides."""

    documents: int
    source_minor: int
    target_minor: int

    @property
    def variance_minor(self) -> int:
        return self.source_minor - self.target_minor


def reconcile_days(
    session: Session, flow: Flow, days: Sequence[date], run_id: str
) -> tuple[Reconciled, dict[date, DayCompared]]:
    """Every business date that the days' documents touched, compared in one reading of the target. The second value
    has one entry for each of ``days``: its own business date, zero where nothing is dated that day."""
    label = f"{flow.name}_{days[0]}" if len(days) == 1 else f"{flow.name}_{days[0]}_{days[-1]}"
    compared = reconcile_touched(session, flow, [day.isoformat() for day in days], run_id, label)
    by_date = {total.day: total for total in compared.result.days if total.currency == compared.currency}
    none = DayCompared(0, 0, 0)
    return compared, {
        day: DayCompared(found.source_documents, found.source_minor, found.target_minor)
        if (found := by_date.get(day))
        else none
        for day in days
    }


def reconcile_touched(session: Session, flow: Flow, keys: Sequence[str], run_id: str, label: str) -> Reconciled:
    """Every business date that the documents of these partitions touched."""
    documents = list(stored_documents(session, flow, keys))
    touched = Period.of_dates(document.business_date for document in documents)
    return _reconcile(session, [flow], touched, documents, run_id, label)


def reconcile_month(session: Session, month: date, run_id: str) -> Reconciled:
    """The whole calendar month of business dates, whenever its documents were modified."""
    return next(reconcile_months(session, [month], run_id))


def reconcile_months(session: Session, months: Sequence[date], run_id: str) -> Iterator[Reconciled]:
    """Several months, one after the other; order lines, which have no month, are read once."""
    orders: OrderLines | None = None
    for month in months:
        compared = reconcile_period(session, Period.month(month), f"period_{month:%Y-%m}", run_id, orders)
        orders = compared.result.orders
        yield compared


def reconcile_period(
    session: Session, period: Period, label: str, run_id: str, orders: OrderLines | None = None
) -> Reconciled:
    """All documents dated in the period, in one comparison. ``label`` names the report's file. ``orders``: the order
    lines, where they were read just now."""
    flows = [flow for flow in session.road.flows if flow.name in session.integration.flows and flow.reconciled_kinds]
    # All of them, whatever their date: only the newest version tells whether a document still lies in this month.
    stored = {flow.name: stored_partitions(session, flow) for flow in flows}
    documents = [document for flow in flows for document in stored_documents(session, flow, stored[flow.name])]
    days = {name: days_of(keys) for name, keys in stored.items()}
    with second_witness(session, flows, period, days, documents) as witness:
        return _reconcile(session, flows, period, documents, run_id, label, _audit_verdict(session), witness,
                          orders or order_lines(session, documents))  # fmt: skip


def _reconcile(
    session: Session,
    flows: Sequence[Flow],
    period: Period,
    documents: Sequence[MappedDocument],
    run_id: str,
    label: str,
    audit: AuditVerdict | None = None,
    witness: Callable[[Side], SecondWitness] | None = None,
    orders: OrderLines | None = None,
) -> Reconciled:
    integration = session.integration
    result = reconcile(
        session.engine, session.target, integration=integration.name, companies=integration.target.companies,
        period=period, documents=documents, kinds=[kind for flow in flows for kind in flow.reconciled_kinds],
        cost_centers=_cost_centers(session), names=names(session),
        audit=audit, journal=witness, run_id=run_id, orders=orders,
        match=match_rate(session.engine, integration.name) if any(flow.takes_goods for flow in flows) else None,
    )  # fmt: skip
    path = session.settings.home.resolve() / "reports" / integration.name / f"{label}.html"
    return Reconciled(result, integration.options.currency, str(result.write_report(path)))


def _audit_verdict(session: Session) -> AuditVerdict:
    found = verify(session.engine)
    if found.ok:
        return AuditVerdict(
            True, f"{found.events:,} events verified, {found.posted_rows:,} posted rows, head {found.head_hash[:12]}"
        )
    return AuditVerdict(False, f"{len(found.findings)} fault(s), the first: {found.findings[0].text}")


def _cost_centers(session: Session) -> Iterator[tuple[str, str, str]]:
    for row in session.mapping.rows("business_units"):
        yield row["business_unit_id"], f"{row['domain']}_{row['entity']}", row["cost_center"]
