"""Jobs and schedules of one integration. Invariant: everything runs in the integration's time zone
and is safe to run twice (T4). Schedules start stopped: a person switches postings on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from st_pipelines.assets.partitions import run_tags
from st_pipelines.integrations.registry import Integration


def jobs(
    integration: Integration, daily_keys: Sequence[dg.AssetKey], monthly_keys: Sequence[dg.AssetKey]
) -> dict[str, AssetJob]:
    name = integration.name
    return {
        "daily": dg.define_asset_job(
            f"{name}_daily", selection=dg.AssetSelection.assets(*daily_keys), run_tags=run_tags(integration, "daily"),
            description="Extract, map, post, reconcile and write back days of modifications. Any range of days "
            "is one run.",
        ),
        "reference": dg.define_asset_job(
            f"{name}_reference", selection=dg.AssetSelection.key_prefixes([name, "reference"]),
            run_tags=run_tags(integration, "reference"),
            description="Read cost centers, accounts, terms and the other codes that documents are joined with.",
        ),
        "period": dg.define_asset_job(
            f"{name}_period", selection=dg.AssetSelection.assets(*monthly_keys),
            run_tags=run_tags(integration, "period"),
            description="Reconcile whole months of business dates and write the report.",
        ),
    }  # fmt: skip


def schedules(integration: Integration, job: dict[str, AssetJob]) -> list[dg.ScheduleDefinition]:
    """Those whose cron expression is not empty."""
    crons, zone, name = integration.schedules, integration.time_zone, integration.name
    made = []
    if crons.day_in_progress:
        about = "The day in progress: what was changed today is read, posted, reconciled and written back so far."
        made.append(_for_a_day(f"{name}_day_in_progress", about, job["daily"], crons.day_in_progress, zone, days_ago=0))
    if crons.sealing:
        about = "Seals the day that just ended: all of its changes, whole, whatever ran during the day."
        made.append(_for_a_day(f"{name}_sealing", about, job["daily"], crons.sealing, zone, days_ago=1))
    if crons.period:
        about = "The month of yesterday as the controller signs it: control totals of all sides, causes, report."
        made.append(_for_a_day(f"{name}_period", about, job["period"], crons.period, zone, days_ago=1, monthly=True))
    if crons.reference:
        about = "Cost centers, accounts, terms and the other codes, before the day's documents are joined with them."
        made.append(
            dg.ScheduleDefinition(
                name=f"{name}_reference", description=about, job=job["reference"], cron_schedule=crons.reference,
                execution_timezone=zone, default_status=dg.DefaultScheduleStatus.STOPPED,
            )
        )  # fmt: skip
    return made


def _for_a_day(
    name: str, about: str, job: AssetJob, cron: str, zone: str, *, days_ago: int, monthly: bool = False
) -> dg.ScheduleDefinition:
    """Requests the local day (or its month) that lies ``days_ago`` back. The run key is the tick, so that the same day
    may run again on the next tick: the ledger makes that free."""

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        tick: datetime = context.scheduled_execution_time.astimezone(ZoneInfo(zone))
        day = (tick - timedelta(days=days_ago)).date()
        key = day.replace(day=1).isoformat() if monthly else day.isoformat()
        return dg.RunRequest(partition_key=key, run_key=f"{key}@{tick.isoformat()}")

    return dg.ScheduleDefinition(
        name=name, description=about, job=job, cron_schedule=cron, execution_timezone=zone, execution_fn=request,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )  # fmt: skip
