"""The asset graph as one readable JSON file. ``make graph`` writes it; a test compares. Review its changes in git."""

import json
from pathlib import Path
from typing import Any

INVENTORY = Path(__file__).with_name("inventory.json")


def inventory() -> dict[str, Any]:
    """Every asset with what a data team relies on, every job, schedule, sensor and check."""
    from st_pipelines.definitions import defs

    graph = defs.resolve_asset_graph()
    repository = defs.get_repository_def()
    assets = {}
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: key.path):
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "depends_on": sorted(parent.to_user_string() for parent in node.parent_keys),
            "group": node.group_name, "owners": sorted(node.owners), "kinds": sorted(node.kinds),
            "layer": node.tags.get("layer", ""), "pools": sorted(node.pools or ()),
            "partitions": type(node.partitions_def).__name__ if node.partitions_def else "",
            "single_run": bool(node.backfill_policy and node.backfill_policy.policy_type.value == "SINGLE_RUN"),
            "checks": sorted(check.name for check in graph.get_check_keys_for_assets({key})),
            "described": bool(node.description),
            "freshness": type(node.freshness_policy).__name__ if node.freshness_policy else "",
        }  # fmt: skip
    return {
        "assets": assets,
        "jobs": sorted(name for name in repository.job_names if not name.startswith("__")),
        "schedules": {
            each.name: [str(each.cron_schedule), each.execution_timezone] for each in repository.schedule_defs
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


if __name__ == "__main__":
    INVENTORY.write_text(json.dumps(inventory(), indent=1, sort_keys=True) + "\n")
