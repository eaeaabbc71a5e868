"""What a flow that takes goods looks like now: invoices that wait, by age, and how many were matched at first try.
Invariant: read from the ledger; the same figures as in the month's report (``posting/match_rate.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.posting.match_rate import MatchRate, match_rate, matched_by_day, waits_for_goods
from st_pipelines.posting.waiting import Wait

__all__ = ["GoodsReport", "MatchRate", "goods_report"]


@dataclass(frozen=True)
class GoodsReport:
    """``rate``: of the flow's whole life, with the waits of now by age; ``by_day``: of each day that has matched ones.
    ``overdue``: waits longer than ``options.longest_wait_hours``, the longest first."""

    rate: MatchRate
    by_day: Mapping[str, MatchRate]
    overdue: Sequence[Wait]


def goods_report(session: Session, flow: Flow) -> GoodsReport:
    name, after = session.integration.name, session.integration.options.longest_wait_hours
    late = [wait for wait in waits_for_goods(session.engine, name, flow.name) if wait.is_overdue(after)]
    return GoodsReport(
        match_rate(session.engine, name, flow.name), matched_by_day(session.engine, name, flow.name), late
    )
