"""Goods on posted assets: a check for invoices that wait too long, and numbers that plot. Invariant: waiting is a
warning, never a failure; nothing is done about it here."""

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from st_pipelines.integrations.goods_report import GoodsReport, MatchRate

CHECK = "goods_come_in_time"
_SHOWN = 5
_CURE = (
    "Each goes out by itself once its goods are received in the books. Ask who receives them, or the supplier; "
    "st-pipelines holds waiting has all of them. docs/runbooks/document-that-waits.md"
)


def goods_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK, asset=key, description="No invoice waits for its goods longer than `longest_wait_hours`."
    )


def goods_result(report: "GoodsReport") -> dg.AssetCheckResult:
    """Names the oldest with their order lines."""
    said = [f"{wait.label or wait.doc_key} for {wait.age_hours // 24} days ({wait.reason.why})"
            for wait in report.overdue[:_SHOWN]]  # fmt: skip
    more = len(report.overdue) - len(said)
    return dg.AssetCheckResult(
        check_name=CHECK, passed=not report.overdue, severity=dg.AssetCheckSeverity.WARN,
        metadata={"overdue": len(report.overdue), **waits_by_age(report.rate)},
        description=f"{'; '.join(said)}{f'; and {more} more' if more > 0 else ''}. {_CURE}" if said else None,
    )  # fmt: skip


def goods_metadata(report: "GoodsReport", day: str) -> dict[str, Any]:
    """``day``: a partition. Its own rate plots its quality; a day without a matched invoice has none."""
    own = report.by_day.get(day)
    shown: dict[str, Any] = {"invoices_matched": own.matched if own else 0, **waits_by_age(report.rate)}
    if own is not None:
        shown |= rate_percent("first_try_match_percent", own)
    return shown | rate_percent("first_try_match_percent_so_far", report.rate)


def waits_by_age(rate: "MatchRate") -> dict[str, int]:
    """Numbers that plot, with names that stay."""
    ages = {f"waiting_for_goods_{one.age.replace(' ', '_')}": one.documents for one in rate.waiting}
    return {"waiting_for_goods": rate.waits, **ages}


def rate_percent(name: str, rate: "MatchRate") -> dict[str, Any]:
    """Nothing where nothing was matched yet: a rate of none is no rate."""
    return {} if rate.percent is None else {name: dg.MetadataValue.float(float(rate.percent))}
