"""Posting assets ``[integration, posted, flow]``: plan, claim, send, confirm through the ledger, day by day.

Invariant: no retry of any kind is set here. The ledger alone decides what may be sent (L9, R3), so materializing a
posted day again sends nothing. A day with an unknown outcome is not materialized; the next run settles it.
"""

from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import require_all
from st_pipelines.assets.metadata import amount, plotted, table
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow


def posted_asset(integration: Integration, flow: Flow) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "posted", flow.name])
    currency = integration.options.currency

    @dg.asset(
        key=key,
        deps=[
            dg.AssetKey([integration.name, "mapped", flow.name]),
            *(dg.AssetKey([integration.name, "posted", other]) for other in flow.after),
        ],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, pool=target_pool(integration),
        group_name=group(integration, "posted"), kinds={integration.target.system}, owners=[integration.owner],
        tags={"layer": "posted"}, code_version="1",
        description=f"{flow.description} Posted to {integration.target.connection} once, through the ledger.",
        check_specs=[
            dg.AssetCheckSpec("every_document_accounted_for", asset=key,
                              description="planned = posted + rejected + superseded + held + unknown + open"),
            dg.AssetCheckSpec("books_hold_what_was_planned", asset=key,
                              description="Each document that was posted reads back as it was planned."),
        ],
    )  # fmt: skip
    def post(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.post_days import audit_position, broken_identity, post_days

        session = sessions.session(integration.name)
        days = [date.fromisoformat(key) for key in context.partition_keys]
        summary, outcomes = post_days(session, flow, days, context.run_id, actor=f"dagster run {context.run_id}")
        context.log.info(f"flow={flow.name} days={len(days)} sent={summary.sent} stopped={summary.stopped or 'no'}")
        finished = {each.day.isoformat(): _metadata(each, currency) for each in outcomes if not each.unsettled}
        unsettled = [each.day.isoformat() for each in outcomes if each.unsettled]
        require_all(context, finished, _what_to_do(unsettled, summary.stopped))
        broken = broken_identity(session)
        return dg.MaterializeResult(
            metadata={
                "connection": integration.target.connection, "sent": summary.sent, "adopted": summary.adopted,
                "settled_by_read_back": summary.settled, "audit_position": audit_position(session),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="every_document_accounted_for", passed=not broken, description="; ".join(broken) or None
                ),
                dg.AssetCheckResult(
                    check_name="books_hold_what_was_planned", passed=not summary.differing,
                    description="Differs from the plan: " + ", ".join(summary.differing) if summary.differing else None,
                ),
            ],
        )  # fmt: skip

    return post


def _metadata(day: Any, currency: str) -> dict[str, Any]:
    posted = day.totals_minor.get("posted", 0)
    return {
        "dagster/partition_row_count": sum(day.counts.values()),
        **dict(sorted(day.counts.items())),
        "posted_total": amount(posted, currency), "posted_amount": plotted(posted, currency),
        "control_totals": table(day.control_rows, ("business_unit", "gl_account", "amount")),
    }  # fmt: skip


def _what_to_do(unsettled: list[str], stopped: str) -> str:
    if stopped:
        return f"Posting stopped: {stopped}. Nothing was lost; run these days again once it is mended."
    if not unsettled:
        return ""
    return (
        f"{len(unsettled)} day(s) have writes whose outcome is unknown: {', '.join(unsettled)}. "
        "Run them again after the quiet period: they are settled by reading the target back."
    )
