"""Jobs and schedules of one integration. Invariant: everything runs in the integration's time zone
and is safe to run twice (T4). Schedules start stopped: a person switches postings on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from st_pipelines.assets.partitions import run_tags
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Road


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


def group_jobs(integration: Integration, road: Road, daily_keys: Sequence[dg.AssetKey]) -> dict[str, AssetJob]:
    """A job for each group of flows: what they read, and all layers of their own."""
    made = {}
    for name, flows in _groups(integration).items():
        read = {entity for flow in flows for entity in road.flow(flow).reads}
        keys = [key for key in daily_keys if key.path[-1] in (read if key.path[1] == "source" else flows)]
        made[name] = dg.define_asset_job(
            f"{integration.name}_{name}", selection=dg.AssetSelection.assets(*keys),
            run_tags=run_tags(integration, name),
            description=f"As the daily job, for {', '.join(flows)} alone: what may not wait for the others.",
        )  # fmt: skip
    return made


def group_schedules(integration: Integration, job: dict[str, AssetJob]) -> list[dg.ScheduleDefinition]:
    """The day in progress of each group. A tick finds the run before it still under way: then it asks for none, and
    the next one reads what has come meanwhile."""
    about = "The day in progress of {}, more often than the other flows."
    return [
        _for_a_day(
            f"{integration.name}_{name}", about.format(", ".join(flows)), job[name],
            integration.schedules.groups[name].cron, integration.time_zone, days_ago=0, one_at_a_time=True,
        )
        for name, flows in _groups(integration).items()
    ]  # fmt: skip


def layer_job(integration: Integration, layer: str, about: str) -> AssetJob:
    """All of a layer that has no partitions, in one run."""
    return dg.define_asset_job(
        f"{integration.name}_{layer}", selection=dg.AssetSelection.key_prefixes([integration.name, layer]),
        run_tags=run_tags(integration, layer), description=about,
    )  # fmt: skip


def layer_schedule(integration: Integration, job: AssetJob, cron: str, about: str) -> list[dg.ScheduleDefinition]:
    """Started by a person, as all that writes; none where its cron expression is empty."""
    if not cron:
        return []
    return [dg.ScheduleDefinition(
        name=job.name, job=job, cron_schedule=cron, execution_timezone=integration.time_zone,
        default_status=dg.DefaultScheduleStatus.STOPPED, description=about,
    )]  # fmt: skip


def _groups(integration: Integration) -> dict[str, list[str]]:
    """The flows of each group that are switched on; none without any."""
    on = {name: [flow for flow in group.flows if flow in integration.flows]
          for name, group in integration.schedules.groups.items()}  # fmt: skip
    return {name: flows for name, flows in on.items() if flows}


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
    name: str, about: str, job: AssetJob, cron: str, zone: str, *, days_ago: int, monthly: bool = False,
    one_at_a_time: bool = False,
) -> dg.ScheduleDefinition:  # fmt: skip
    """Requests the local day (or its month) that lies ``days_ago`` back. The run key is the tick, so that the same day
    may run again on the next tick: the ledger makes that free."""

    def request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if one_at_a_time and (under_way := _under_way(context, job.name)):
            return dg.SkipReason(f"Run {under_way} is under way; the next one reads what has come meanwhile.")
        tick: datetime = context.scheduled_execution_time.astimezone(ZoneInfo(zone))
        day = (tick - timedelta(days=days_ago)).date()
        key = day.replace(day=1).isoformat() if monthly else day.isoformat()
        return dg.RunRequest(partition_key=key, run_key=f"{key}@{tick.isoformat()}")

    return dg.ScheduleDefinition(
        name=name, description=about, job=job, cron_schedule=cron, execution_timezone=zone, execution_fn=request,
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )  # fmt: skip


def _under_way(context: dg.ScheduleEvaluationContext, job: str) -> str:
    """The run of this job that has not ended; empty where none is."""
    asked = dg.RunsFilter(job_name=job, statuses=list(NOT_FINISHED_STATUSES))
    found = context.instance.get_run_records(asked, limit=1)
    return found[0].dagster_run.run_id if found else ""
