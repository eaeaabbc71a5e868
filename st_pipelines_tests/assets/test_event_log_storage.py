"""Our event log is the stock one, faster: a real instance with it, read by both classes."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

DAILY = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-03-01")
OURS = {"module": "st_pipelines.assets.event_log_storage", "class": "PooledSqliteEventLogStorage"}


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
def days(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    for key in context.partition_keys:
        context.add_asset_metadata({"n": int(key[-2:])}, partition_key=key)
    return dg.MaterializeResult()


@pytest.mark.parametrize("batch", ["0", "1000"])
def test_every_day_of_a_range_is_recorded_and_readable_by_the_stock_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: str
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch)
    logs = tmp_path / "logs"
    overrides = {"event_log_storage": OURS | {"config": {"base_dir": str(logs)}}}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        result = dg.materialize(
            [days], instance=instance,
            tags={
                "dagster/asset_partition_range_start": "2026-01-01",
                "dagster/asset_partition_range_end": "2026-02-10",
            },
        )  # fmt: skip
        assert result.success
        assert len(instance.get_materialized_partitions(days.key)) == 41
        run_events = len(instance.all_logs(result.run_id))
    stock = SqliteEventLogStorage(str(logs))
    assert len(stock.get_materialized_partitions(days.key)) == 41
    assert len(stock.get_logs_for_run(result.run_id)) == run_events


def test_the_repositorys_dagster_yaml_loads(tmp_path: Path) -> None:
    repository = Path(__file__).resolve().parents[2]
    (tmp_path / "dagster.yaml").write_text((repository / "dagster.yaml").read_text())
    program = "import dagster as dg; i = dg.DagsterInstance.get(); print(type(i.event_log_storage).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"DAGSTER_HOME": str(tmp_path), "PATH": "/usr/bin"},
        cwd=repository, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "PooledSqliteEventLogStorage"
    assert (tmp_path / "history" / "runs").is_dir()
