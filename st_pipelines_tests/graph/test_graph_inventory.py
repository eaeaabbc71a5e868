"""The asset graph is what was last agreed, and every asset carries what the house requires."""

import json

from st_pipelines_tests.graph.inventory import INVENTORY, inventory


def test_the_graph_is_the_stored_one() -> None:
    assert inventory() == json.loads(INVENTORY.read_text()), "the asset graph changed: look, then `make graph`"


def test_every_asset_has_an_owner_kinds_a_layer_and_a_description() -> None:
    for name, asset in inventory()["assets"].items():
        assert asset["owners"], name
        assert 1 <= len(asset["kinds"]) <= 3, name
        assert asset["layer"], name
        assert asset["described"], name
        assert asset["group"] == "_".join(name.split("/")[:2]), name


def test_every_partitioned_asset_backfills_in_one_run() -> None:
    for name, asset in inventory()["assets"].items():
        assert asset["single_run"] == bool(asset["partitions"]), name


def test_money_moves_and_comparisons_are_checked() -> None:
    for name, asset in inventory()["assets"].items():
        if asset["layer"] in ("mapped", "posted", "reconciled", "period"):
            assert asset["checks"], name
