"""The event job and its sensor: what waits in the inbox becomes one run, and the run says what it did."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_pipelines.assets.events import events_asset, events_job, events_sensor
from st_pipelines.assets.launch import prepare_home
from st_pipelines.assets.resources import Sessions
from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.pending import postpone
from st_pipelines.inbox.storing import store
from st_pipelines.integrations.registry import Integration, load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines_tests.integrations.company import LATE, Company, started

REPOSITORY = Path(__file__).resolve().parents[2]
KEY = dg.AssetKey(["demo_qad", "events", "documents"])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """With its reference data read, and nothing posted."""
    folder = tmp_path_factory.mktemp("event_assets")
    with started(folder / "home") as opened:
        opened.read([LATE])
        yield opened


@pytest.fixture(scope="module")
def integration(company: Company) -> Integration:
    return load_integration(company.mappings / "demo_qad")


@pytest.fixture(scope="module")
def defs(company: Company, integration: Integration) -> Iterator[dg.Definitions]:
    before = dict(os.environ)
    os.environ.update(company.environment())
    road, job = road_of(integration), events_job(integration)
    flows = [flow for flow in road.flows if flow.name in integration.flows]
    yield dg.Definitions(
        assets=[events_asset(integration, flows)], jobs=[job], sensors=[events_sensor(integration, job)],
        resources={"sessions": Sessions()}, executor=dg.in_process_executor,
    )  # fmt: skip
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    home = prepare_home(tmp_path_factory.mktemp("dagster"), REPOSITORY / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(home)) as opened:
        yield opened


def deliver(company: Company, *ids: int) -> None:
    bodies = [json.dumps({"eventType": "invoice.updated", "data": {"id": one}}).encode() for one in ids]
    with company.session() as session:
        store(session.engine, [arrival("demo_servicetitan", body) for body in bodies])


def tick(defs: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    sensor = next(iter(defs.get_repository_def().sensor_defs))
    return sensor(dg.build_sensor_context(instance=instance, definitions=defs))


def run(defs: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("demo_qad_events").execute_in_process(instance=instance, raise_on_error=False)


def new_invoice(company: Company) -> int:
    line = {"type": "Service", "quantity": "1", "price": "80.00"}
    return int(company.business("add_invoice", business_unit_id=101, lines=[line])[0]["id"])


def test_an_empty_inbox_requests_nothing(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    found = tick(defs, instance)
    assert isinstance(found, dg.SkipReason) and "inbox is empty" in (found.skip_message or "")


def test_what_waits_becomes_one_run_that_says_what_it_did(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    deliver(company, new_invoice(company), 999)
    first, again = tick(defs, instance), tick(defs, instance)
    assert len(first.run_requests) == 1
    assert first.run_requests[0].run_key == again.run_requests[0].run_key  # so Dagster starts it once
    result = run(defs, instance)
    assert result.success
    event = instance.get_latest_materialization_event(KEY)
    assert event is not None and event.asset_materialization is not None
    said = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (said["deliveries"], said["done"], said["postponed"], said["sent"]) == (2, 1, 1, 4)  # with its customer
    assert said["variance"] == "0.00 USD" and said["posted_total"].endswith(" USD")
    checks = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert checks == {"variance_is_zero": True, "books_hold_what_was_planned": True, "inbox_is_empty": True}


def test_deliveries_that_were_put_off_are_waited_for(defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
    found = tick(defs, instance)
    assert isinstance(found, dg.SkipReason) and "1 deliveries wait" in (found.skip_message or "")


def test_no_second_run_while_one_is_under_way(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    deliver(company, new_invoice(company))
    job = defs.resolve_job_def("demo_qad_events")
    under_way = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    found = tick(defs, instance)
    assert isinstance(found, dg.SkipReason) and under_way.run_id in (found.skip_message or "")
    instance.report_run_canceled(under_way)
    request = tick(defs, instance).run_requests[0]  # a run that ended without doing it does not block the next one
    assert under_way.run_id in request.run_key


def test_a_run_that_cannot_read_fails_and_puts_its_deliveries_off(
    company: Company, defs: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    company.arm("servicetitan", {"action": "status", "status": 500, "match": {"path": "/v2/tenant/"}, "count": None})
    result = run(defs, instance)
    company.disarm()
    assert not result.success
    waiting = company.rows("SELECT n, attempts, reason FROM inbox_event WHERE state = 'pending' ORDER BY n DESC")
    assert waiting[0].attempts == 1 and "500" in waiting[0].reason
    found = tick(defs, instance)
    assert isinstance(found, dg.SkipReason)
    with company.session() as session:  # nobody waits for the pause in a test
        postpone(session.engine, [row.n for row in waiting], seconds=0, reason="test")
    found = tick(defs, instance)
    assert isinstance(found, dg.SkipReason) and "just failed" in (found.skip_message or "")
    assert run(defs, instance).success
    assert company.rows("SELECT count(*) AS n FROM inbox_event WHERE state = 'done'")[0].n == 2
