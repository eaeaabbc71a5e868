"""Runs the jobs of an integration in this process, against the Dagster instance of ``DAGSTER_HOME``.

Invariant: the run is an ordinary Dagster run, visible and repeatable in the UI; nothing here decides what is posted.
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg

PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


_ERRORS_ONLY = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def steps_of(definitions: dg.Definitions, job: str) -> int:
    """How many steps a run of the job has."""
    return len(definitions.resolve_job_def(job).graph.node_dict)


def before_days(definitions: dg.Definitions, integration: str) -> list[str]:
    """The jobs that come before the days: codes are brought to one where the integration wants that, then those that
    documents are joined with are read."""
    there = definitions.get_repository_def().job_names
    return [job for job in (f"{integration}_codes", f"{integration}_reference") if job in there]


def prepare_home(home: Path, template: Path) -> Path:
    """Creates ``DAGSTER_HOME`` with its ``dagster.yaml``. Keeps an existing one, which a person may have changed."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(template, home / "dagster.yaml")
    return home


def make_storage() -> None:
    """Has Dagster make its databases under ``DAGSTER_HOME``. It does so when it is first opened, and two processes that
    open it first at once spoil them."""
    with dg.DagsterInstance.get() as instance:
        instance.get_runs(limit=1)
        instance.all_asset_keys()
        instance.all_instigator_state()


def run_job(
    definitions: dg.Definitions, job: str, first: date | None = None, last: date | None = None, *,
    heard: Callable[[dg.EventLogEntry], None] | None = None,
) -> str:  # fmt: skip
    """Executes one job over a range of partitions. Gives the run id; raises ``RunFailed``.

    ``heard`` is given every event of the run; the console then shows errors only, for somebody else tells the rest."""
    tags = {}
    if first is not None:
        tags = {RANGE_START: first.isoformat(), RANGE_END: (last or first).isoformat()}
        if last is None or last == first:
            tags = {PARTITION: first.isoformat()}
    with dg.DagsterInstance.get() as instance:
        run_id = str(uuid4())
        if heard is not None:
            instance.add_event_listener(run_id, heard)
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance, tags=tags, raise_on_error=False, run_id=run_id,
            run_config={} if heard is None else _ERRORS_ONLY,
        )  # fmt: skip
        if not result.success:
            raise RunFailed(job, result.run_id, _first_error(result))
        return result.run_id


class RunFailed(RuntimeError):
    """A run failed; carries its id and its first error."""

    def __init__(self, job: str, run_id: str, error: str) -> None:
        super().__init__(f"{job}: run {run_id} failed: {error}")
        self.run_id = run_id


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    for entry in result.all_events:
        if entry.is_step_failure:
            error = entry.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return f"{entry.step_key}: {error.message.strip() if error else 'no message'}"
    return "see the run in the Dagster UI"
