"""Goods on posted assets: a check for invoices that wait too long, and numbers that plot. Invariant: waiting is a
warning, never a failure; nothing is done about it here."""

from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from st_pipelines.integrations.goods_report import GoodsReport

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
        metadata={"overdue": len(report.overdue), "waiting": len(report.waiting), **report.by_age},
        description=f"{'; '.join(said)}{f'; and {more} more' if more > 0 else ''}. {_CURE}" if said else None,
    )  # fmt: skip


def goods_metadata(report: "GoodsReport", day: str) -> dict[str, Any]:
    """``day``: a partition. The rates are percentages; a day without a matched invoice has none of its own."""
    shown: dict[str, Any] = dict(report.by_age)
    for name, rate in (("first_try_match_rate", report.rates.get(day)), ("first_try_match_rate_so_far", report.rate)):
        if rate is not None and (tenths := rate.tenths_of_a_percent) is not None:
            shown[name] = dg.MetadataValue.float(tenths / 10)
    shown["matched_invoices"] = report.rates[day].answered if day in report.rates else 0
    return shown
