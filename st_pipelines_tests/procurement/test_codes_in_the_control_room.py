"""Codes as Dagster, the command line and ``integration.yaml`` show them; once on PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from st_pipelines.assets.integration import integration_definitions
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import BrokenIntegration, load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines_tests.cli.command import CommandLine
from st_pipelines_tests.procurement.buyer import DEMO, Buyer, buyer
from st_pipelines_tests.procurement.codes import aligned, in_qad, in_servicenow, keep, put, writes


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    with buyer(tmp_path_factory.mktemp("room")) as company:
        aligned(company)
        yield company


def environment(company: Buyer) -> dict[str, str]:
    return {"ST_PIPELINES_HOME": str(company.home), "ST_PIPELINES_DATABASE_URL": company.settings.ledger_url,
            "ST_PIPELINES_MAPPINGS": str(company.folder.parent)}  # fmt: skip


def test_the_assets_count_both_sides_and_their_checks_say_what_differs_and_what_to_do(
    done: Buyer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(done).items():
        monkeypatch.setenv(name, value)
    keep(done, "gl_accounts", "5600", name="Waste")
    put(done, "gl_accounts", "7777", name="Wishful Account")
    integration = load_integration(done.folder)
    definitions = dg.Definitions.merge(
        integration_definitions(integration, road_of(integration)), dg.Definitions(resources={"sessions": Sessions()})
    )
    with dg.instance_for_test() as instance:
        result = definitions.resolve_job_def("demo_servicenow_codes").execute_in_process(instance=instance)
    assert result.success
    found = _metadata(result)
    accounts = found["gl_accounts"]
    assert accounts["sent_to_servicenow"].value == 1 and accounts["different"].value == 1
    assert accounts["in_use_servicenow"].value == accounts["in_use_qad"].value + 1
    checks = {(one.asset_key.path[2], one.check_name): one for one in result.get_asset_check_evaluations()}
    failed = checks["gl_accounts", "both_sides_hold_the_same_codes"]
    assert not failed.passed and "7777" in str(failed.description) and "create_in_source" in str(failed.description)
    assert checks["cost_centers", "both_sides_hold_the_same_codes"].passed
    assert all(one.passed for (_, name), one in checks.items() if name == "no_code_waits_for_a_person")
    put(done, "gl_accounts", "7777", active=False)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    events = [one for one in result.all_events if one.is_step_materialization]
    return {one.asset_key.path[2]: one.step_materialization_data.materialization.metadata
            for one in events if one.asset_key}  # fmt: skip


def test_the_command_shows_differences_without_writing_and_aligns_when_told(done: Buyer) -> None:
    command = CommandLine(done.home, environment(done))
    keep(done, "cost_centers", "7300", name="Paint Shop")
    before = writes(done)
    shown = command.here("codes", "show", "--list", "cost_centers", "--json")
    assert (shown.code, writes(done)) == (1, before)
    ((difference,),) = [one["differences"] for one in shown.json]
    assert (difference["code"], difference["target"]) == ("7300", "") and "Paint Shop" in difference["source"]
    made = command.here("codes", "align", "--json")
    assert (made.code, sum(one["sent"] for one in made.json)) == (0, 1)
    again = command.here("codes", "align", "--json")
    assert (again.code, sum(one["sent"] + one["sent_back"] for one in again.json)) == (0, 0)
    assert command.here("codes", "show", "--list", "colours").code == 2


def test_what_qad_refuses_is_named_and_planned_again_by_a_person(done: Buyer) -> None:
    command = CommandLine(done.home, environment(done))
    put(done, "cost_centers", "7400", name="Foundry")
    done.arm("qad", match={"method": "POST", "path": "costCentres$"}, action="refuse", code="9", field="description",
             text="Foundries are closed", count=1)  # fmt: skip
    refused = command.here("codes", "align", "--list", "cost_centers", "--json")
    ((difference,),) = [one["differences"] for one in refused.json]
    assert "Foundries are closed" in difference["to_do"]
    key = "SN:demo:cost_center:7400"
    assert f"st-pipelines replay {key} --back" in difference["to_do"]
    asked = command.here("replay", key, "--back", "--by", "Ada", "--reason", "it is open again", "--json")
    assert asked.code == 0, asked
    assert command.here("codes", "align", "--list", "cost_centers", "--json").code == 0
    assert in_qad(done, "cost_centers")["7400"] == ("Foundry", True)


@pytest.mark.parametrize(("codes", "said"), [
    ({"payment_terms": {"create_in_source": True}}, "codes.payment_terms.create_in_source: qad takes none"),
    ({"payment_terms": {"fields": {"name": "target"}}}, "codes.payment_terms.fields.name: qad takes none"),
    ({"cost_centers": {"fields": {"colour": "source"}}}, "codes.cost_centers.fields.colour"),
    ({"cost_centers": {"fields": {"name": "last_change"}}}, "codes.cost_centers.fields.name"),
    ({"projects": {}}, "codes.projects"),
])  # fmt: skip
def test_a_rule_that_cannot_be_kept_is_refused_by_its_name(tmp_path: Path, codes: Any, said: str) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    content = yaml.safe_load((DEMO / "integration.yaml").read_text())
    (folder / "integration.yaml").write_text(yaml.safe_dump(content | {"codes": codes}))
    with pytest.raises(BrokenIntegration, match=said.replace(".", r"\.")):
        load_integration(folder)


def test_a_road_without_lists_of_codes_refuses_them(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    content = yaml.safe_load((DEMO.parent / "demo_qad" / "integration.yaml").read_text())
    (folder / "integration.yaml").write_text(yaml.safe_dump(content | {"codes": {"cost_centers": {}}}))
    with pytest.raises(BrokenIntegration, match="not a list that goes from servicetitan to qad"):
        load_integration(folder)


def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with buyer(tmp_path, database_url=postgres_url) as company:
        put(company, "cost_centers", "8800", name="Robotics")
        first = aligned(company)
        assert first["cost_centers"].sent_back == 1
        before = writes(company)
        put(company, "gl_accounts", "4000", name="Stuff")
        aligned(company)
        assert in_servicenow(company, "gl_accounts") == in_qad(company, "gl_accounts")
        assert writes(company) == {"qad": before["qad"], "servicenow": before["servicenow"] + 1}
