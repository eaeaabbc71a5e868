"""``deploy/dagster.yaml`` keeps runs, events and schedules in PostgreSQL; a range of days is recorded there."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DAILY = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-02-01")


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run())
def days(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult()


def test_the_production_instance_loads_and_records(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dagster.yaml").write_text((REPOSITORY / "deploy" / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", postgres_url)
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
        tags = {"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-31"}
        assert dg.materialize([days], instance=instance, tags=tags).success
        assert len(instance.get_materialized_partitions(days.key)) == 31
