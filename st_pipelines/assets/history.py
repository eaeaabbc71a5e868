"""Clears Dagster's own history: runs, with their events and logs, that ended long ago.

Invariant: nothing of ours is lost by it. Ledger, audit trail and reports are kept elsewhere and know the run ids; what
goes is Dagster's report on the work, the materializations of those runs with it. Off until a person switches it on.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from st_pipelines.settings import Settings

ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
RUNS_A_NIGHT = 2000


@dg.op(description="Deletes ended runs older than ST_PIPELINES_KEEP_RUNS_DAYS, the oldest first.")
def delete_old_runs(context: dg.OpExecutionContext) -> None:
    days = Settings().keep_runs_days
    before = datetime.now(UTC) - timedelta(days=days)
    old = context.instance.get_run_records(
        dg.RunsFilter(statuses=list(ENDED), created_before=before), limit=RUNS_A_NIGHT, ascending=True
    )
    for record in old:
        context.instance.delete_run(record.dagster_run.run_id)
    rest = " (the rest tomorrow)" if len(old) == RUNS_A_NIGHT else ""
    context.log.info(f"deleted={len(old)} created_before={before:%Y-%m-%d} keep_runs_days={days}{rest}")
    context.add_output_metadata({"deleted": len(old)})


@dg.job(
    name="dagster_history", run_tags={"dagster/max_retries": "0"},
    description="Deletes Dagster's own record of runs that ended long ago. Ledger, audit trail and reports stay.",
)  # fmt: skip
def history_job() -> None:
    delete_old_runs()


history_schedule = dg.ScheduleDefinition(
    name="dagster_history", job=history_job, cron_schedule="0 3 * * 0", execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Sundays at three: off by default, for the old runs' materializations go with them.",
)  # fmt: skip
