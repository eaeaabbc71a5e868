"""Reconciliation: daily ``[integration, reconciled, flow]``, monthly ``[integration, period, control_totals]``.

Invariant: green only when the variance is zero. A daily partition is a day of modifications: it reconciles every
business date that its documents touched. The monthly one covers whole periods and is what a controller signs.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.metadata import amount, plotted, table
from st_pipelines.assets.order_lines import (
    match_metadata,
    order_check,
    order_description,
    order_metadata,
    order_verdict,
)
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group, monthly, sealed_by_morning, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow, Road

TOTALS = ("business_unit", "gl_account", "source", "ledger", "target", "variance")
WITNESS = ("document", "reason", "amount", "detail", "cure")
WITNESS_CHECK = "source_ledger_agrees"
CAUSES = ("cause", "document", "amount", "detail", "cure")
OPEN_REPORT = "Open the report: it lists each variance with its cause and its cure. docs/runbooks/variance-not-zero.md"


def reconciled_asset(integration: Integration, flow: Flow) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "reconciled", flow.name])
    currency = integration.options.currency

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "posted", flow.name])],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, pool=target_pool(integration),
        group_name=group(integration, "reconciled"), kinds={integration.target.system}, owners=[integration.owner],
        tags={"layer": "reconciled"}, code_version="1", freshness_policy=sealed_by_morning(integration),
        check_specs=[_variance_check(key)],
        description=f"Proof that the books agree: control totals of {flow.name} in the source, in the ledger and read "
        f"back from {integration.target.system}, for every business date that the day's documents touched.",
    )  # fmt: skip
    def reconcile(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.reconcile import reconcile_days

        days = [date.fromisoformat(day) for day in context.partition_keys]
        whole, by_day = reconcile_days(sessions.session(integration.name), flow, days, context.run.run_id)
        for day, one in by_day.items():
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": one.documents,
                    "source_total": amount(one.source_minor, currency),
                    "target_total": amount(one.target_minor, currency),
                    "variance": amount(one.variance_minor, currency),
                    "variance_amount": plotted(one.variance_minor, currency),
                    **match_metadata(whole.result),
                },
                partition_key=day.isoformat(),
            )
        return _result(whole)

    return reconcile


def period_asset(integration: Integration, road: Road, flows: Sequence[Flow]) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "period", "control_totals"])

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "reconciled", flow.name]) for flow in flows],
        partitions_def=monthly(integration), backfill_policy=SINGLE_RUN, pool=target_pool(integration),
        group_name=group(integration, "period"), kinds={integration.target.system}, owners=[integration.owner],
        tags={"layer": "period"}, code_version="1",
        check_specs=[*_period_checks(integration, key), *order_check(key, road)],
        description="The month as the controller signs it: control totals per business unit and GL account on all "
        f"sides, each variance with its cause, and the report to open.{order_description(road)}",
    )  # fmt: skip
    def close_period(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.reconcile import reconcile_months

        session = sessions.session(integration.name)
        months = [date.fromisoformat(month) for month in context.partition_keys]
        results = []
        for month, result in zip(months, reconcile_months(session, months, context.run.run_id), strict=True):
            results.append(result)
            context.add_asset_metadata(
                {
                    "variance": amount(result.variance_minor, result.currency),
                    "variance_amount": plotted(result.variance_minor, result.currency),
                    "documents": result.documents,
                    "report": dg.MetadataValue.path(result.report_path),
                    "control_totals": table(result.total_rows, TOTALS),
                    "second_witness": result.witness.verdict() if result.witness else "not asked",
                    **order_metadata(result.result.orders),
                    **match_metadata(result.result),
                },
                partition_key=month.isoformat(),
            )
        witnesses = [result.witness for result in results if result.witness is not None]
        return _result(results[-1], clean=all(result.is_clean for result in results), witnesses=witnesses)

    return close_period


def _variance_check(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        "variance_is_zero", asset=key, description="Source and target agree to the cent, account by account."
    )


def _period_checks(integration: Integration, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    if integration.options.second_witness == "none":
        return [_variance_check(key)]
    about = f"{integration.source.system}'s own journal has the same figures, account by account. No variance of the "
    about += "target: what it contradicts is how we understand the source."
    return [_variance_check(key), dg.AssetCheckSpec(WITNESS_CHECK, asset=key, description=about)]


def _witness_result(witnesses: Sequence[Any]) -> dg.AssetCheckResult:
    """Passed where each month's journal was heard and contradicts nothing; what is explained is listed."""
    weakest = min(witnesses, key=lambda one: (not one.contradicts, one.heard, one.agrees))
    rows = [
        {"document": one.doc_key, "reason": one.reason, "amount": amount(one.amount_minor, one.currency),
         "detail": one.detail, "cure": one.cure}
        for witness in witnesses for one in witness.disagreements
    ]  # fmt: skip
    return dg.AssetCheckResult(
        check_name=WITNESS_CHECK, passed=all(one.heard and not one.contradicts for one in witnesses),
        severity=dg.AssetCheckSeverity.WARN, description=weakest.verdict(),
        metadata={"disagreements": table(rows, WITNESS)},
    )  # fmt: skip


def _result(result: Any, *, clean: bool | None = None, witnesses: Sequence[Any] = ()) -> dg.MaterializeResult:
    orders = result.result.orders
    passed = result.is_clean if clean is None else clean
    return dg.MaterializeResult(
        metadata={
            "verdict": result.result.verdict(),
            "variance": amount(result.variance_minor, result.currency),
            "report": dg.MetadataValue.path(result.report_path),
            "control_totals": table(result.total_rows, TOTALS),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="variance_is_zero", passed=passed,
                description=None if passed else OPEN_REPORT,
                metadata={
                    "variance": amount(result.variance_minor, result.currency),
                    "variance_amount": plotted(result.variance_minor, result.currency),
                    "variances": len(result.cause_rows), "causes": table(result.cause_rows, CAUSES),
                },
            ),
            *([_witness_result(witnesses)] if witnesses else ()),
            *(order_verdict(orders) if orders else ()),
        ],
    )  # fmt: skip
