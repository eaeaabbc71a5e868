"""The instance against what is published: staging tables and their labels, transform maps, states, seen columns."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from st_pipelines.sandbox.servicenow.masters import CHOICES
from st_pipelines.sandbox.servicenow.metadata import column_of
from st_pipelines_tests.sandbox_servicenow.api import Api


@pytest.fixture
def published(specs: Path) -> Any:
    folder = specs / "servicenow"
    return lambda name: msgspec.json.decode((folder / name).read_bytes())


def test_staging_tables_have_the_published_labels(api: Api, published: Any) -> None:
    missing, served = {}, 0
    for one in published("s2p_staging_tables.json")["tables"]:
        table, labels = one["table"], {field["label"] for field in one["fields"]}
        held = {row["column_label"] for row in api.rows("sys_dictionary", f"name={table}^elementISNOTEMPTY")}
        if held and table != "sn_shop_invoice":
            served += 1
            missing[table] = labels - held
    assert served >= 14 and {table: labels for table, labels in missing.items() if labels} == {}


def test_transform_maps_lead_where_the_published_ones_do(api: Api, published: Any) -> None:
    maps = {(row["name"], row["source_table"], row["target_table"]) for row in api.rows("sys_transform_map")}
    listed = {tuple(one.values()) for one in published("s2p_transform_maps.json")["transform_maps"]}
    assert len(maps) == 11 and maps <= listed


def test_transform_entries_name_columns_that_exist(api: Api) -> None:
    tables = {row["name"] for row in api.rows("sys_db_object")}
    for entry in api.user("admin").rows("sys_transform_entry", sysparm_fields="map.source_table,map.target_table,"
                                        "source_field,target_field,reference_value_field_name"):  # fmt: skip
        assert {entry["map.source_table"], entry["map.target_table"]} <= tables
        for element in entry["source_field"].split(","):
            api.one("sys_dictionary", f"name={entry['map.source_table']}^element={element}")
        assert api.rows(
            "sys_dictionary", f"element={entry['target_field']}^nameSTARTSWITHsn_^ORname=cmn_cost_center"
        ), entry


def test_states_have_the_published_labels(published: Any) -> None:
    states = published("s2p_states.json")
    assert list(CHOICES["sn_fin_base_invoice", "state"].values()) == states["sn_shop_invoice.state_labels"]
    assert list(CHOICES["sn_shop_order", "status"].values()) == states["sn_shop_purchase_order.status_labels"]
    listed = {one["value"] for one in states["outbound_staging.integration_status"]}
    assert set(CHOICES["sn_spend_intg_outbound_invoice", "integration_status"]) == listed


def test_columns_seen_on_instances_are_there(api: Api, published: Any) -> None:
    absent = {}
    for table, seen in published("s2p_columns_observed.json")["tables"].items():
        columns = set(seen["columns"] if isinstance(seen, dict) else seen)
        if table.startswith("sn_spend_intg") or not api.rows("sys_db_object", f"name={table}"):
            continue
        held, name = set[str](), table
        while name:
            held |= {row["element"] for row in api.rows("sys_dictionary", f"name={name}")}
            (row,) = api.rows("sys_db_object", f"name={name}", sysparm_fields="super_class.name")
            name = row["super_class.name"]
        absent[table] = columns - held
    known = {  # what no part of this product reads or writes
        "sn_fin_supplier": {"onboarded_by", "legal_entities", "purchasing_entities", "shipping_lead",
                            "shipping_estimate", "risk_assessed", "valid_nda"},
        "cmn_cost_center": {"location"},
    }  # fmt: skip
    assert {table: gone for table, gone in absent.items() if gone - known.get(table, set())} == {}


def test_the_labels_of_the_invoice_import_give_the_published_columns(published: Any) -> None:
    """The one family whose columns are published shows that the sandbox's way from label to column is theirs."""
    columns = {one["column"] for one in published("ap_invoice_api_fields.json")["fields"] if "column" in one}
    for label in ("Amount invoiced", "Remit to state/province", "Ship to zip/postal code", "GL account"):
        assert column_of(label, "u_") in columns | {"u_ship_to_zip_or_postal_code"}
