"""The alignment asset: counts of where the parties stand, and a check that is red while a pair waits and says what to
do."""

import dagster as dg
import pytest

from st_pipelines.assets.parties import parties_asset
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines.sandbox.business.generate import generate
from st_pipelines.sandbox.qad.known_parties import chosen
from st_pipelines_tests.integrations.company import DEMO, Company


def materialize(company: Company, monkeypatch: pytest.MonkeyPatch) -> dg.ExecuteInProcessResult:
    for name, value in company.environment().items():
        if name.startswith("ST_PIPELINES_") and value:
            monkeypatch.setenv(name, value)
    integration = load_integration(DEMO)
    asset = parties_asset(integration, road_of(integration).flow("customers"), "customer")
    return dg.materialize([asset], resources={"sessions": Sessions()}, instance=dg.DagsterInstance.ephemeral())


def test_it_counts_sends_back_and_is_red_while_a_pair_waits(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    result = materialize(company, monkeypatch)
    (event,) = result.get_asset_materialization_events()
    said = {name: value.value for name, value in event.materialization.metadata.items()}
    assert said["created"] > 10 and said["created_in_source"] == said["sent_to_source"] == 3
    assert said["linked"] >= 1 and said["proposed"] >= 1
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed and "st-pipelines parties list" in (check.description or "")
    again = materialize(company, monkeypatch)
    (event,) = again.get_asset_materialization_events()
    assert event.materialization.metadata["sent_to_source"].value == 0


def test_it_is_green_when_a_person_has_decided(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = company.rows("SELECT source_id, target_id FROM party_link WHERE state = 'proposed'")
    assert {row.source_id for row in rows} <= {
        f"ST:1234567:customer:{one.id}" for one in chosen(generate(1, "small", "2026-10")).values()
    }
    for row in rows:
        code, said = company.said(
            "parties", "separate", row.source_id, row.target_id, "--by", "Ann", "--reason", "different people"
        )
        assert code == 0, said
    (check,) = materialize(company, monkeypatch).get_asset_check_evaluations()
    assert check.passed, check.description
