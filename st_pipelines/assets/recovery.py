"""The sensor ``<integration>_recovery``: runs again by itself what failed only because the target was down.

Invariant: it never decides about a document. It requests an ordinary daily run of the affected days; the ledger settles
what is unknown, sends what is planned, and leaves alone what is rejected or held. Waits longer after each request that
left something open, an hour at most. Starts stopped, as the schedules do: a person switches postings on.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from st_pipelines.assets.launch import PARTITION, RANGE_END, RANGE_START
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration

EVERY_S = 60
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=2), timedelta(hours=1)


class Pause(msgspec.Struct, frozen=True):
    """The sensor's cursor: how often in a row it has asked for a run or for an answer in vain, and until when it waits.
    ``until``: seconds since 1970 UTC."""

    tries: int = 0
    until: float = 0.0

    def longer(self, now: datetime) -> "Pause":
        wait = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.tries, 10))
        return Pause(self.tries + 1, (now + wait).timestamp())


def recovery_sensor(integration: Integration, daily: AssetJob) -> dg.SensorDefinition:
    """Looks into the ledger each minute; asks the target only when something is open and no run is under way."""

    @dg.sensor(
        name=f"{integration.name}_recovery", job=daily, minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"When {integration.target.connection} was down and answers again, runs the days that were left "
        "open: postings that were never sent, and those whose outcome nobody knows. Never what is rejected or held.",
    )  # fmt: skip
    def after_an_outage(context: dg.SensorEvaluationContext, sessions: Sessions) -> Any:
        return evaluate(context, sessions.session(integration.name), integration, datetime.now(UTC))

    return after_an_outage


def evaluate(context: dg.SensorEvaluationContext, session: Any, integration: Integration, now: datetime) -> Any:
    """One look. A run is requested, or the reason for waiting is given."""
    from st_pipelines.integrations.outage import left_open, no_answer

    pause = msgspec.json.decode(context.cursor, type=Pause) if context.cursor else Pause()
    open_ = left_open(session)
    if not open_.days:
        wait = f"; the next can be settled in {open_.later_s:.0f} s" if open_.later else ""
        return dg.SensorResult(skip_reason=f"{open_}{wait}.", cursor=_cursor(pause if open_.later else Pause()))
    run = _under_way(context.instance, integration)
    if run:
        return dg.SkipReason(f"{open_}; run {run} is under way.")
    if now.timestamp() < pause.until:
        until = datetime.fromtimestamp(pause.until, UTC).strftime("%H:%M:%S")
        return dg.SkipReason(f"{open_}; tried {pause.tries} times, the next time at {until} UTC.")
    fault, longer = no_answer(session, open_.companies), pause.longer(now)
    if fault:
        until = datetime.fromtimestamp(longer.until, UTC).strftime("%H:%M:%S")
        said = f"{open_}; waits for {integration.target.connection} to answer, asked again at {until} UTC: {fault}"
        return dg.SensorResult(skip_reason=said, cursor=_cursor(longer))
    context.log.info(f"{open_}; {integration.target.connection} answers: running them again")
    request = dg.RunRequest(run_key=f"recovery@{now.isoformat()}", tags=_days(open_.days))
    return dg.SensorResult([request], cursor=_cursor(longer))


def _days(days: Sequence[str]) -> dict[str, str]:
    """One run of all of them: between the first and the last day a run changes nothing that is done."""
    if len(days) == 1:
        return {PARTITION: days[0]}
    return {RANGE_START: days[0], RANGE_END: days[-1]}


def _under_way(instance: dg.DagsterInstance, integration: Integration) -> str:
    """A run of this integration that has not ended, a backfill by hand among them; empty = none."""
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        keys = {key.path[0] for key in run.asset_selection or ()}
        if run.tags.get("st_pipelines/integration") == integration.name or integration.name in keys:
            return str(run.run_id)
    return ""


def _cursor(pause: Pause) -> str:
    return msgspec.json.encode(pause).decode()
