"""Schedules request the right local day, in the integration's zone, and may request it again on the next tick."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_pipelines.assets.integration import integration_definitions
from st_pipelines.definitions import defs
from st_pipelines.integrations.registry import load_integrations
from st_pipelines.integrations.roads import road_of

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"


def tick(schedule: str, at: datetime) -> dg.RunRequest:
    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=defs.get_repository_def())
    data: Any = defs.resolve_schedule_def(schedule).evaluate_tick(context)
    assert len(data.run_requests) == 1
    return data.run_requests[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("schedule", "at", "partition"),
    [
        # 05:30 UTC is half past midnight in Chicago in summer: the day that just ended.
        ("demo_qad_sealing", datetime(2026, 10, 6, 5, 30, tzinfo=UTC), "2026-10-05"),
        # After the clocks went back, half past midnight is 06:30 UTC.
        ("demo_qad_sealing", datetime(2026, 11, 2, 6, 30, tzinfo=UTC), "2026-11-01"),
        # Late in the evening in Chicago it is already tomorrow in UTC.
        ("demo_qad_day_in_progress", datetime(2026, 10, 6, 1, 0, tzinfo=UTC), "2026-10-05"),
        ("demo_qad_period", datetime(2026, 11, 1, 11, 0, tzinfo=UTC), "2026-10-01"),
    ],
)
def test_a_tick_requests_the_local_day(schedule: str, at: datetime, partition: str) -> None:
    assert tick(schedule, at).partition_key == partition


def test_two_ticks_of_one_day_are_two_runs() -> None:
    first = tick("demo_qad_day_in_progress", datetime(2026, 10, 6, 15, 0, tzinfo=UTC))
    second = tick("demo_qad_day_in_progress", datetime(2026, 10, 6, 15, 30, tzinfo=UTC))
    assert first.partition_key == second.partition_key
    assert first.run_key != second.run_key


def test_a_group_of_flows_runs_with_what_it_reads_and_waits_for_its_run_before() -> None:
    job = defs.resolve_job_def("demo_servicenow_goods")
    read = {key.path[-1] for key in job.asset_layer.selected_asset_keys if key.path[1] == "source"}
    posted = {key.path[-1] for key in job.asset_layer.selected_asset_keys if key.path[1] == "posted"}
    assert read == {"purchase_orders", "receipts"}
    assert posted == {"purchase_orders", "purchase_order_lines", "receipts"}
    at = datetime(2026, 10, 6, 15, 5, tzinfo=UTC)
    with dg.instance_for_test() as instance:
        first = group_tick(instance, at)
        assert first.run_requests[0].partition_key == "2026-10-06"
        run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        assert run.run_id in group_tick(instance, at).skip_message
        instance.report_run_failed(run)
        assert group_tick(instance, at).run_requests


def test_a_flow_that_is_off_is_left_out_of_its_group_and_a_group_of_none_is_no_schedule() -> None:
    demo = next(one for one in load_integrations(MAPPINGS) if one.name == "demo_servicenow")
    for flows, names in ((("suppliers", "receipts"), ["demo_servicenow_goods"]), (("suppliers",), [])):
        some = demo.model_copy(update={"flows": flows})
        made = integration_definitions(some, road_of(some))
        assert [one.name for one in made.schedules or () if one.name.endswith("_goods")] == names


def group_tick(instance: dg.DagsterInstance, at: datetime) -> Any:
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=defs.get_repository_def()
    )
    return defs.resolve_schedule_def("demo_servicenow_goods").evaluate_tick(context)


def test_postings_are_never_started_again_by_dagster() -> None:
    job = defs.resolve_job_def("demo_qad_daily")
    assert job.run_tags["dagster/max_retries"] == "0"
    assert not any(node.definition.retry_policy for node in job.nodes)


def test_schedules_start_stopped() -> None:
    schedules = defs.get_repository_def().schedule_defs
    assert schedules
    assert all(each.default_status is dg.DefaultScheduleStatus.STOPPED for each in schedules)
