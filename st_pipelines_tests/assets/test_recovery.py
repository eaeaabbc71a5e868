"""The target goes down while days are posted, and comes back: the sensor runs the affected days, and only then."""

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_pipelines.assets.launch import PARTITION, RANGE_END, RANGE_START
from st_pipelines.assets.recovery import LONGEST_PAUSE, evaluate, recovery_sensor
from st_pipelines.definitions import defs
from st_pipelines.integrations.outage import left_open
from st_pipelines.integrations.registry import load_integration
from st_pipelines_tests.integrations.company import MONTH, Company, started
from st_pipelines_tests.integrations.conftest import read_month

__all__ = ["read_month"]
NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
DOWN = {"action": "status", "status": 503, "count": None}


@pytest.fixture(scope="module")
def company(read_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with started(tmp_path_factory.mktemp("recovery") / "home", copied_from=read_month) as opened:
        yield opened


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


class Ticks:
    """The sensor's ticks, with the cursor kept between them."""

    def __init__(self, company: Company, instance: dg.DagsterInstance) -> None:
        self.company, self.instance, self.cursor = company, instance, None
        self.integration = load_integration(company.mappings / "demo_qad")

    def at(self, now: datetime) -> tuple[dict[str, str], str]:
        """Tags of the run that was requested, and the reason where none was."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        with self.company.session() as session:
            result: Any = evaluate(context, session, self.integration, now)
        if isinstance(result, dg.SkipReason):
            return {}, str(result.skip_message)
        self.cursor = result.cursor
        requests = result.run_requests or []
        reason = result.skip_reason
        return (dict(requests[0].tags) if requests else {}), str(reason.skip_message if reason else "")


def interrupt(company: Company, days: Sequence[date]) -> None:
    """Posts until the first request is on its way, then the process dies with all the rest still planned."""
    process = company.poster(days)
    while process.poll() is None:
        if company.rows("SELECT count(*) FROM posting WHERE state = 'sending'")[0][0]:
            break
        time.sleep(0.002)  # nothing to wait on: the ledger is another process's
    process.kill()
    process.communicate()


def test_an_outage_heals_itself(company: Company, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(company, instance)
    assert ticks.at(NOW) == ({}, "Nothing is open.")
    company.post(MONTH[:3])
    assert ticks.at(NOW) == ({}, "Nothing is open.")  # what is held or waits is no matter for a run

    interrupt(company, MONTH[3:6])
    company.arm("qad", DOWN)
    with company.session() as session:
        open_ = left_open(session)
    assert open_.postings and set(open_.days) <= {day.isoformat() for day in MONTH[3:6]}

    tags, said = ticks.at(NOW)
    assert not tags and "waits for demo_qad to answer" in said and "09:02:00" in said
    tags, said = ticks.at(NOW + timedelta(minutes=1))
    assert not tags and "tried 1 times, the next time at 09:02:00" in said
    for minute in range(2, 300, 2):
        ticks.at(NOW + timedelta(minutes=minute))
    asked = ticks.at(NOW + timedelta(minutes=300))[1]
    assert "waits for" in asked or "the next time" in asked
    later = NOW + timedelta(minutes=300) + LONGEST_PAUSE

    company.disarm()
    running = instance.create_run_for_job(
        defs.resolve_job_def("demo_qad_daily"), status=dg.DagsterRunStatus.STARTED,
        tags={"st_pipelines/integration": "demo_qad"},
    )  # fmt: skip
    assert f"run {running.run_id} is under way" in ticks.at(later)[1]
    instance.report_run_canceled(running)

    tags, said = ticks.at(later)
    days = [tags.get(RANGE_START, tags.get(PARTITION)), tags.get(RANGE_END, tags.get(PARTITION))]
    assert days == [open_.days[0], open_.days[-1]] and not said
    assert "the next time" in ticks.at(later + timedelta(seconds=61))[1]  # not twice while the first may still run

    company.settle([day for day in MONTH if days[0] <= day.isoformat() <= str(days[1])])
    assert ticks.at(later + 2 * LONGEST_PAUSE) == ({}, "Nothing is open.")
    assert ticks.cursor == '{"tries":0,"until":0.0}'


def test_a_restored_ledger_is_not_run_again(company: Company, instance: dg.DagsterInstance) -> None:
    mark = company.settings.high_water_mark
    kept = mark.read_bytes()
    interrupt(company, MONTH[6:10])
    mark.unlink()
    try:
        tags, said = Ticks(company, instance).at(NOW)
    finally:
        mark.write_bytes(kept)
    assert not tags and "database recover" in said


def test_the_sensor_is_part_of_the_integration_and_starts_stopped(
    company: Company, instance: dg.DagsterInstance
) -> None:
    assert defs.resolve_sensor_def("demo_qad_recovery").default_status is dg.DefaultSensorStatus.STOPPED
    made = recovery_sensor(load_integration(company.mappings / "demo_qad"), defs.resolve_job_def("demo_qad_daily"))  # type: ignore[arg-type]
    before = dict(os.environ)
    os.environ.update(company.environment())
    try:
        from st_pipelines.assets.resources import Sessions

        with dg.build_sensor_context(
            instance=instance, resources={"sessions": Sessions()}, definitions=defs
        ) as context:
            ticked = made.evaluate_tick(context)
        assert ticked.run_requests or ticked.skip_message
    finally:
        os.environ.clear()
        os.environ.update(before)
