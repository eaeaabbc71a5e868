"""Posting assets ``[integration, posted, flow]``: plan, claim, send, confirm through the ledger, day by day.

Invariant: no retry of any kind is set here. The ledger alone decides what may be sent (L9, R3), so materializing a
posted day again sends nothing. A day with an unknown outcome is not materialized; the next run settles it.
"""

from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import record_finished
from st_pipelines.assets.metadata import amount, plotted, table
from st_pipelines.assets.partitions import SINGLE_RUN, daily, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow

STATES = ("posted", "held", "rejected", "waiting", "planned", "unknown", "superseded")


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
        group_name=integration.name, kinds={integration.target.system}, owners=[integration.owner],
        tags={"layer": "posted"}, code_version="1",
        description=f"{flow.description} Posted to {integration.target.connection} once, through the ledger.",
        check_specs=[
            dg.AssetCheckSpec("every_document_accounted_for", asset=key,
                              description="planned = posted + rejected + superseded + held + unknown + open"),
            dg.AssetCheckSpec("nothing_unknown", asset=key, description="No write has an unsettled outcome."),
        ],
    )  # fmt: skip
    def post(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.post_day import identity_holds, post_day

        session = sessions.session(integration.name)
        finished: dict[str, dict[str, Any]] = {}
        unsettled: list[str] = []
        sent = 0
        try:
            for day_key in context.partition_keys:
                outcome = post_day(
                    session,
                    flow,
                    date.fromisoformat(day_key),
                    context.run_id,
                    actor=f"dagster run {context.run_id}",
                )
                sent += outcome.sent
                context.log.info(
                    f"flow={flow.name} day={day_key} sent={outcome.sent} posted={outcome.counts.get('posted', 0)}"
                )
                if outcome.unsettled:
                    unsettled.append(day_key)
                    continue
                posted = outcome.totals_minor.get("posted", 0)
                finished[day_key] = {
                    "dagster/partition_row_count": sum(outcome.counts.values()), "sent_in_this_run": outcome.sent,
                    **{state: outcome.counts.get(state, 0) for state in STATES},
                    "posted_total": amount(posted, currency), "posted_amount": plotted(posted, currency),
                    "control_totals": table(outcome.control_rows, ("business_unit", "gl_account", "amount")),
                    "audit_position": outcome.audit_position,
                }  # fmt: skip
        except BaseException:
            record_finished(context, finished)
            raise
        if unsettled:
            record_finished(context, finished)
            raise dg.Failure(
                f"{len(unsettled)} day(s) have writes whose outcome is unknown: {', '.join(unsettled)}. "
                "Run them again after the quiet period: they are settled by reading the target back.",
                allow_retries=False,
            )
        for day_key, metadata in finished.items():
            context.add_asset_metadata(metadata, partition_key=day_key)
        broken = identity_holds(session)
        return dg.MaterializeResult(
            metadata={"connection": integration.target.connection, "sent": sent},
            check_results=[
                dg.AssetCheckResult(check_name="every_document_accounted_for", passed=not broken,
                                    description="; ".join(broken) or None),
                dg.AssetCheckResult(check_name="nothing_unknown", passed=True),
            ],
        )  # fmt: skip

    return post
