"""Assets that tell the source exist only where the integration wants them, and have the policies of the others."""

from typing import Any

import dagster as dg
import pytest

from st_pipelines.assets.integration import integration_definitions
from st_pipelines.assets.partitions import SINGLE_RUN, source_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import BrokenIntegration, Integration, load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines_tests.conftest import REPOSITORY

DEMO = REPOSITORY / "mappings" / "demo_qad"


def with_options(**options: Any) -> Integration:
    there = load_integration(DEMO)
    return there.model_copy(update={"options": there.options.model_copy(update=options)})


def built(integration: Integration) -> dg.Definitions:
    own = integration_definitions(integration, road_of(integration))
    return dg.Definitions.merge(own, dg.Definitions(resources={"sessions": Sessions()}))


def layer(integration: Integration) -> dict[str, dg.AssetSpec]:
    specs = built(integration).resolve_all_asset_specs()
    return {spec.key.path[2]: spec for spec in specs if spec.key.path[1] == "written_back"}


@pytest.mark.parametrize(
    ("marks", "journal", "there"),
    [(True, True, {"invoices", "bills", "journal_entries"}), (True, False, {"invoices", "bills"}),
     (False, True, {"journal_entries"}), (False, False, set())],
)  # fmt: skip
def test_they_exist_where_they_are_wanted(marks: bool, journal: bool, there: set[str]) -> None:
    assert layer(with_options(mark_exported=marks, journal_sync=journal)).keys() == there


def test_they_come_after_what_they_tell_about_and_share_the_policies_of_their_layer() -> None:
    integration = load_integration(DEMO)
    definitions = built(integration)
    invoices, entries = (layer(integration)[name] for name in ("invoices", "journal_entries"))
    assert [one.asset_key.path for one in invoices.deps] == [["demo_qad", "posted", "invoices"]]
    assert [one.asset_key.path for one in entries.deps] == [["demo_qad", "period", "control_totals"]]
    assert {invoices.group_name, entries.group_name} == {"demo_qad_written_back"}
    graph = definitions.resolve_asset_graph()
    for spec in (invoices, entries):
        node = graph.get(spec.key)
        assert node.backfill_policy == SINGLE_RUN and node.pools == {source_pool(integration)}
    jobs = {name: definitions.resolve_job_def(f"demo_qad_{name}") for name in ("daily", "period")}
    told = {name: {key.path[2] for key in job.asset_layer.executable_asset_keys if key.path[1] == "written_back"}
            for name, job in jobs.items()}  # fmt: skip
    assert told == {"daily": {"invoices", "bills"}, "period": {"journal_entries"}}


def test_off_by_default_and_the_journal_only_beside_its_witness(tmp_path: Any) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    lines = (DEMO / "integration.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.strip().startswith(("mark_exported", "journal_sync"))]
    (folder / "integration.yaml").write_text("\n".join(kept))
    options = load_integration(folder).options
    assert (options.mark_exported, options.journal_sync) == (False, False)
    wrong = [line.replace("second_witness: journal_entries", "second_witness: none") for line in lines]
    (folder / "integration.yaml").write_text("\n".join(wrong))
    with pytest.raises(BrokenIntegration, match="journal_sync needs"):
        load_integration(folder)
