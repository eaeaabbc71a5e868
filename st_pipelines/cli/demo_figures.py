"""The numbers that the demo shows at its end. Invariant: every one was read from the ledger, the source's mapped
documents or the target; nothing is counted while posting."""

import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from st_pipelines.cli.demo_company import DemoCompany, months_of
from st_pipelines.integrations.reconcile import Reconciled, reconcile_month, reconcile_period
from st_pipelines.integrations.session import Session
from st_pipelines.posting.told import totals
from st_pipelines.posting.totals import FlowTotal, flow_totals, writes_sent
from st_pipelines.reconciliation.period import Period


@dataclass(frozen=True)
class Proof:
    """One integration. ``told``: documents by what the source said when it was told about them; empty = it is not."""

    month: Reconciled
    flows: Sequence[FlowTotal]
    told: Mapping[str, int]


@dataclass(frozen=True)
class Figures:
    """``cpu_seconds``: of this process and of those that it started and that ended."""

    proofs: Sequence[Proof]
    sent: int
    seconds: float
    cpu_seconds: float

    @property
    def is_clean(self) -> bool:
        """Everything agrees, and where order lines are compared each of them does."""
        return all(
            one.month.is_clean and not one.month.result.has_alarm
            and (one.month.result.orders is None or not one.month.result.orders.differing)
            for one in self.proofs
        )  # fmt: skip

    @property
    def variance_minor(self) -> Mapping[str, int]:
        """By currency, of all integrations together."""
        sums: dict[str, int] = {}
        for proof in self.proofs:
            for currency, minor in proof.month.result.variance_minor.items():
                sums[currency] = sums.get(currency, 0) + minor
        return dict(sorted(sums.items()))


@dataclass
class Stopwatch:
    """What a demo sends and takes, from when it is made."""

    company: DemoCompany
    began: float = field(default_factory=time.monotonic)
    cpu_began: float = field(default_factory=lambda: _cpu_seconds())
    before: int = field(init=False)

    def __post_init__(self) -> None:
        self.before = _writes(self.company)

    def figures(self, last: date) -> Figures:
        """Compares everything dated from the company's first month to ``last``."""
        proofs = [_proof(Session(one, self.company.settings), months_of(self.company)[0], last)
                  for one in self.company.integrations]  # fmt: skip
        sent, seconds = _writes(self.company) - self.before, time.monotonic() - self.began
        return Figures(proofs, sent, seconds, _cpu_seconds() - self.cpu_began)


def _proof(opened: Session, first: date, last: date) -> Proof:
    with opened as session:
        if (first.year, first.month) == (last.year, last.month):
            month = reconcile_month(session, first, run_id="demo")
        else:
            period = Period.between(first, last)
            month = reconcile_period(session, period, f"period_{first:%Y-%m}_{last:%Y-%m}", "demo")
        name, is_told = session.integration.name, session.integration.options.mark_exported
        return Proof(month, flow_totals(session.engine, name), totals(session.engine, name) if is_told else {})


def _writes(company: DemoCompany) -> int:
    sent = 0
    for one in company.integrations:
        with Session(one, company.settings) as session:
            sent += writes_sent(session.engine, one.name)
    return sent


def _cpu_seconds() -> float:
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in uses)
