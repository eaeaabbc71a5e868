"""``integration.yaml``: what is refused, and that the refusal names file and field."""

import re
from pathlib import Path

import pytest
import yaml

from st_pipelines.integrations.registry import BrokenIntegration, load_integration, load_integrations
from st_pipelines.integrations.roads import road_of
from st_pipelines.mapping.columns import FINANCIAL
from st_pipelines.mapping.tables import MappingErrors, load_mapping

DEMO = Path(__file__).resolve().parents[2] / "mappings" / "demo_qad"


def written(folder: Path, **changes: object) -> Path:
    """The demo's file with changes; ``a__b`` reaches into ``a``; ``None`` takes a field out."""
    content = yaml.safe_load((DEMO / "integration.yaml").read_text())
    for name, value in changes.items():
        place = content
        *parents, last = name.split("__")
        for parent in parents:
            place = place[parent]
        if value is None:
            del place[last]
        else:
            place[last] = value
    target = folder / "acme"
    target.mkdir(exist_ok=True)
    (target / "integration.yaml").write_text(yaml.safe_dump(content))
    return target


def test_the_demo_integration_is_sound_and_has_a_road() -> None:
    integration = load_integration(DEMO)
    assert {flow.name for flow in road_of(integration).flows} == set(integration.flows)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"options__rounding__limit": 0.05}, "options.rounding.limit"),
        ({"options__rounding__limit": "1e3"}, "options.rounding.limit"),
        ({"options__currency": "usd"}, "options.currency"),
        ({"options__currencies": ["CAD", "mxn"]}, "options.currencies.1"),
        ({"options__control_accounts__receivable": None}, "options.control_accounts.receivable"),
        ({"options__surprise": 1}, "options.surprise"),
        ({"target__companies": []}, "target.companies"),
        ({"owner": "somebody"}, "owner"),
        ({"source__system": "salesforce"}, "source.system"),
        ({"last_day": "2020-01-01"}, "last_day"),
        ({"schedules__groups": {"often": {"flows": ["timesheets"], "cron": "*/5 * * * *"}}}, "schedules.groups.often"),
        ({"schedules__groups": {"daily": {"flows": ["bills"], "cron": "*/5 * * * *"}}}, "daily runs under this name"),
        ({"schedules__groups": {"often": {"flows": [], "cron": "*/5 * * * *"}}}, "schedules.groups.often.flows"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    folder = written(tmp_path, **changes)
    with pytest.raises(BrokenIntegration, match=r"integration\.yaml") as refused:
        load_integration(folder)
    assert named in str(refused.value)


def test_an_amount_that_yaml_would_read_as_a_float_must_be_quoted(tmp_path: Path) -> None:
    with pytest.raises(BrokenIntegration, match="quotes"):
        load_integration(written(tmp_path, options__run_limits__amount=5000.0))


def test_one_unreadable_integration_stops_all_of_them(tmp_path: Path) -> None:
    written(tmp_path)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "integration.yaml").write_text("source: [unclosed")
    with pytest.raises(BrokenIntegration, match="broken"):
        load_integrations(tmp_path)


def test_a_missing_mappings_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenIntegration, match="ST_PIPELINES_MAPPINGS"):
        load_integrations(tmp_path / "nowhere")


def test_an_unknown_flow_is_refused(tmp_path: Path) -> None:
    integration = load_integration(written(tmp_path, flows=["invoices", "timesheets"]))
    with pytest.raises(BrokenIntegration, match="timesheets"):
        road_of(integration)


@pytest.mark.parametrize("name", ["email", "phone", "address"])
def test_a_field_that_the_source_lets_nobody_change_is_the_sources_to_say(tmp_path: Path, name: str) -> None:
    broken = load_integration(written(tmp_path, **{f"parties__customer__fields__{name}": "last_change"}))
    with pytest.raises(BrokenIntegration, match=f"parties.customer.fields.{name}"):
        road_of(broken)
    one_way = load_integration(
        written(tmp_path, **{f"parties__customer__fields__{name}": "last_change", "parties__both_ways": False})
    )
    assert road_of(one_way)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"options__rounding": None}, "options.rounding: Field required"),
        ({"source__tenant": None}, "source.tenant: Field required"),
        ({"target__profile": None}, "target.profile: Field required"),
        ({"source__profile": "x.yaml"}, "source.profile: servicetitan has none"),
        ({"target__system": "oracle"}, "target.system: there is no road from servicetitan to oracle"),
    ],
)
def test_what_may_and_must_be_set_follows_from_the_road(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    with pytest.raises(BrokenIntegration, match=re.escape(named)):
        load_integration(written(tmp_path, **changes))


def test_a_mapping_table_that_no_flow_reads_is_refused_not_ignored(tmp_path: Path) -> None:
    for path in DEMO.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(MappingErrors, match=r"terms\.csv:1:1: this integration does not use this table"):
        load_mapping(tmp_path, [name for name in FINANCIAL if name != "terms"])
