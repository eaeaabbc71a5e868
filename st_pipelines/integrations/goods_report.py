"""What a flow that takes goods looks like now: invoices that wait, by age, and how many went through at first try.
Invariant: read from the ledger, and only what waits for goods is counted; what waits for a supplier is another matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from st_pipelines.documents.bill import COVERED
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.posting.first_try import MatchRate, match_rates, overall
from st_pipelines.posting.waiting import Wait, waits

# By hours waited; the last has no end.
AGES = (("waiting_under_1_day", 24), ("waiting_1_to_3_days", 72), ("waiting_3_to_7_days", 168))
OLDEST = "waiting_over_7_days"


@dataclass(frozen=True)
class GoodsReport:
    """``waiting``: the longest wait first; ``overdue``: of these, longer than ``options.longest_wait_hours``."""

    waiting: Sequence[Wait]
    overdue: Sequence[Wait]
    rates: Mapping[str, MatchRate]

    @property
    def by_age(self) -> dict[str, int]:
        """Every age, also those with nothing in them, so that a plot has no gaps."""
        counts = {**{name: 0 for name, _ in AGES}, OLDEST: 0}
        for wait in self.waiting:
            counts[next((name for name, hours in AGES if wait.age_hours < hours), OLDEST)] += 1
        return counts

    @property
    def rate(self) -> MatchRate:
        return overall(self.rates)


def goods_report(session: Session, flow: Flow) -> GoodsReport:
    waiting = [wait for wait in waits(session.engine, session.integration.name)
               if wait.flow == flow.name and wait.needs.endswith(COVERED)]  # fmt: skip
    after = session.integration.options.longest_wait_hours
    late = [wait for wait in waiting if wait.is_overdue(after)]
    return GoodsReport(waiting, late, match_rates(session.engine, session.integration.name, flow.name))
