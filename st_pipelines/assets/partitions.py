"""Partitions, backfill policy, pools and job tags. Invariant: every daily asset of an integration has the same
partitions and the same policy, so that a backfill of any length is one run (dagster.md §6)."""

import warnings
from datetime import timedelta

import dagster as dg

from st_pipelines.integrations.registry import Integration

warnings.filterwarnings("ignore", message=r".*backfill_policy.*", category=dg.BetaWarning)

SINGLE_RUN = dg.BackfillPolicy.single_run()


def daily(integration: Integration) -> dg.DailyPartitionsDefinition:
    """A partition is a local day of *modifications*; the day in progress counts, so that it can be posted hourly."""
    end = (integration.last_day + timedelta(days=1)).isoformat() if integration.last_day else None
    return dg.DailyPartitionsDefinition(
        start_date=integration.first_day.isoformat(),
        end_date=end,
        timezone=integration.time_zone,
        end_offset=0 if end else 1,
    )


def monthly(integration: Integration) -> dg.MonthlyPartitionsDefinition:
    """A partition is a month of *business dates*, what a controller signs."""
    return dg.MonthlyPartitionsDefinition(
        start_date=integration.first_day.replace(day=1).isoformat(),
        timezone=integration.time_zone,
        end_offset=1,
    )


def group(integration: Integration, layer: str) -> str:
    """One group a layer: collapsed, the lineage of an integration reads as six boxes from source to period (ADR 8)."""
    return f"{integration.name}_{layer}"


def sealed_by_morning(integration: Integration) -> dg.FreshnessPolicy:
    """Yesterday must be reconciled between midnight and eight, in the integration's time zone."""
    return dg.FreshnessPolicy.cron("0 8 * * *", timedelta(hours=8), integration.time_zone)


def read_every_day() -> dg.FreshnessPolicy:
    """Reference data older than a day warns; older than two it fails: accounts may have been closed meanwhile."""
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=48), warn_window=timedelta(hours=26))


def source_pool(integration: Integration) -> str:
    return f"{integration.source.connection}__{integration.source.system}"


def target_pool(integration: Integration) -> str:
    return f"{integration.target.connection}__{integration.target.system}"


def run_tags(integration: Integration, layer: str) -> dict[str, str]:
    """Tags of every run. Of each lane one run goes at a time: all jobs of an integration are in one, only events have a
    lane of their own beside it. A failed run is never started again by itself."""
    return {
        "st_pipelines/integration": integration.name,
        "st_pipelines/lane": f"{integration.name}.events" if layer == "events" else integration.name,
        "st_pipelines/job": layer,
        "dagster/max_retries": "0",
    }
