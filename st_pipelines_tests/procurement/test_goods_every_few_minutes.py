"""The group of flows that runs every few minutes, as Dagster runs it: new goods arrive by it alone, in the day in
progress, and a tick that finds nothing new asks little and writes nothing."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from st_pipelines.assets.integration import integration_definitions
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines_tests.procurement.buyer import Buyer, buyer

TODAY = "2026-11-02"  # where the sandbox's clock stands
MOST = 3 * 3  # requests of orders, lines and receipts where nothing is new


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buyer]:
    with buyer(tmp_path) as made:
        made.run()
        monkeypatch.setenv("ST_PIPELINES_HOME", str(tmp_path))
        monkeypatch.setenv("ST_PIPELINES_MAPPINGS", str(made.folder.parent))
        yield made


def reads(company: Buyer, system: str) -> int:
    return sum(one["method"] == "GET" for one in company.log(system) if "/api/" in one["path"])


def test_new_goods_arrive_by_the_group_alone_and_a_tick_without_any_is_cheap(company: Buyer) -> None:
    integration = load_integration(company.folder)
    defs = dg.Definitions.merge(
        integration_definitions(integration, road_of(integration)),
        dg.Definitions(resources={"sessions": Sessions()}, executor=dg.in_process_executor),
    )
    job = defs.resolve_job_def("demo_servicenow_goods")
    line = next(row for row in company.state("qad", "purchase_order_lines") if row["quantityReceived"] >= 2)
    company.act("qad", action="receive", purchase_order=line["purchaseOrderNumber"],
                line=int(line["purchaseOrderLine"]), quantity="1")  # fmt: skip
    before = company.writes("servicenow")
    with dg.instance_for_test() as instance:
        assert job.execute_in_process(instance=instance, partition_key=TODAY).success
        assert company.writes("servicenow") == before + 1
        assert company.received_in_servicenow() == company.received_in_qad()
        asked = reads(company, "qad")
        assert job.execute_in_process(instance=instance, partition_key=TODAY).success
    assert company.writes("servicenow") == before + 1
    assert reads(company, "qad") - asked <= MOST
