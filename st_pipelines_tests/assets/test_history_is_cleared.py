"""Dagster's own history is cleared of old runs and of nothing else; the job is off until a person switches it on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.runs.schema import RunsTable

from st_pipelines.assets.history import history_job


@dg.asset
def account_list() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("ST_PIPELINES_KEEP_RUNS_DAYS", "30")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as opened:
        yield opened


def ran(instance: dg.DagsterInstance, days_ago: int) -> str:
    """A run that ended well, made to look as old as said."""
    run_id = dg.materialize([account_list], instance=instance).run_id
    _change(instance, run_id, create_timestamp=datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days_ago))
    return run_id


def _change(instance: dg.DagsterInstance, run_id: str, **values: object) -> None:
    storage = instance.run_storage
    with storage.connect() as connection:  # type: ignore[attr-defined]
        connection.execute(RunsTable.update().where(RunsTable.c.run_id == run_id).values(**values))


def test_old_runs_go_and_young_ones_stay(instance: dg.DagsterInstance) -> None:
    old, older, young = ran(instance, 31), ran(instance, 400), ran(instance, 29)
    done = history_job.execute_in_process(instance=instance)
    assert done.success
    left = {run.run_id for run in instance.get_runs()}
    assert {old, older} & left == set()
    assert left == {young, done.run_id}
    assert not instance.all_logs(old)
    assert instance.all_logs(young)


def test_a_run_that_has_not_ended_is_left_alone(instance: dg.DagsterInstance) -> None:
    run_id = ran(instance, 100)
    _change(instance, run_id, status=dg.DagsterRunStatus.STARTED.value)
    assert history_job.execute_in_process(instance=instance).success
    assert run_id in {run.run_id for run in instance.get_runs()}
