"""The README's tables of what runs by itself, its checks and its settings are what the code has.

A new schedule, sensor, check or setting is one more row there. ``<integration>`` in a name stands for each integration.
"""

import re
from pathlib import Path

from st_pipelines.assets.alerts.sensor import alert_sensors
from st_pipelines.definitions import defs
from st_pipelines.integrations.registry import load_integrations
from st_pipelines.integrations.roads import road_of
from st_pipelines.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
EVERY_CHANNEL = Settings(
    slack_channel="#books", mail_to="a@acme.example", mail_from="b@acme.example", smtp_host="localhost",
    _env_file=None,  # type: ignore[call-arg]
)  # fmt: skip


def rows(first_heading: str) -> list[list[str]]:
    """The table under the header line whose first cell this is; cells without back-ticks."""
    lines = README.splitlines()
    start = next(n for n, line in enumerate(lines) if re.match(rf"\| {first_heading} \|", line))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip().replace("`", "") for cell in line.strip("| ").split(" | ")])
    return table


def test_schedules_and_sensors_start_as_the_readme_says() -> None:
    repository = defs.get_repository_def()
    there = {
        (each.name, kind, each.default_status.value.lower())
        for kind, some in (("schedule", repository.schedule_defs), ("sensor", repository.sensor_defs))
        for each in some
    }  # fmt: skip
    there |= {(each.name, "sensor", each.default_status.value.lower()) for each in alert_sensors(EVERY_CHANNEL, [])}
    every = load_integrations(REPOSITORY / "mappings")
    only = {
        "<integration>_events": [one for one in every if road_of(one).source.events is not None],
        "<integration>_parties": [one for one in every if one.parties is not None],
        "<integration>_codes": [one for one in every if one.codes],
    }
    told = {
        (name.replace("<integration>", integration), kind, starts)
        for name, kind, starts, _ in rows("name")
        for integration in ([one.name for one in only.get(name, every)] if "<integration>" in name else [""])
    }
    told = {one for one in told if "<group>" not in one[0]} | {
        (f"{one.name}_{group}", kind, starts)
        for name, kind, starts, _ in rows("name") if name == "<integration>_<group>"
        for one in every for group in one.schedules.groups
    }  # fmt: skip
    assert told == there, "README.md, «What runs by itself»: one row for each schedule and sensor"


def test_the_checks_are_those_of_the_readme_and_none_blocks() -> None:
    graph = defs.resolve_asset_graph()
    there = {(key.name, key.asset_key.path[1]) for key in graph.asset_check_keys}
    told = {(name, layer) for name, layers, _ in rows("check") for layer in layers.split(", ")}
    assert told == there, "README.md, the table of checks: one row for each, with its layers"
    assert not [key.name for key in graph.asset_check_keys if graph.get_check_spec(key).blocking]


def test_every_schedule_sensor_job_and_check_says_what_it_is_for() -> None:
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    for each in (*repository.schedule_defs, *repository.sensor_defs, *jobs):
        assert each.description, each.name
    for key in graph.asset_check_keys:
        assert graph.get_check_spec(key).description, key


def test_every_setting_is_in_the_readme() -> None:
    told = {name for cells in rows("variable") for name in cells[0].split(", ")}
    missing = {f"ST_PIPELINES_{name.upper()}" for name in Settings.model_fields} - told
    assert not missing, "README.md, «Settings»: one row for each"
