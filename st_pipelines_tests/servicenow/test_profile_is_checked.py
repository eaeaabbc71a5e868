"""A profile with a fault does not load, and each fault has its line."""

from pathlib import Path
from typing import Any

import pytest

from st_pipelines.systems.servicenow.profile import ProfileFault
from st_pipelines.systems.servicenow.profile_file import BrokenProfile, load_profile
from st_pipelines_tests.servicenow.samples import PROFILE, demo_profile


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = PROFILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "servicenow_profile.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [("language: en  ", "langauge: en  ", "langauge: Extra inputs are not permitted"),
     ("profile_version: 1", "profile_version: 2", "profile_version: Input should be 1"),
     ("currency: USD", "currency: usd", "currency: String should match pattern"),
     ("instance_name: demo", "instance_name: demo.service-now.com", "is the instance's name alone"),
     ("  road: primary", "  road: both", "invoices.road: Input should be 'primary' or 'outbound'"),
     ("    table: sn_fin_supplier\n", "    table: sn_fin_supplier^ORx\n",
      "tables.suppliers.table: String should match"),
     ("      number: erp_company_code\n", "", "assumed: no column number"),
     ("      tax: tax_amount\n      order: purchase_order.erp_number\n      legal_entity",
      "      order: purchase_order.erp_number\n      legal_entity", "tables.invoices.columns: tax is missing"),
     ("state: {approved: Approved, ", "state: {", "tables.invoices.choices: state needs the label of approved"),
     ("    lands_in: receipts", "    lands_in: reciepts", "staging.receipts.lands_in: no table named reciepts"),
     ("    key: [code, source]", "    key: [code, sauce]", "key: no column sauce"),
     ("      status: status\n      amount", "      status: total_amount\n      amount",
      "total_amount stands for two names"),
     ("  gl_accounts:\n    table: sn_fin", "  gl_acounts:\n    table: sn_fin",
      "tables.gl_acounts: not a table that is used"),
     ("    external_id: number", "    external_id: supplier",
      "external_id: supplier is no column of the table itself")],
)  # fmt: skip
def test_a_fault_is_named(old: str, new: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(BrokenProfile) as caught:
        load_profile(changed(tmp_path, old, new))
    assert any(fault in one for one in caught.value.faults), caught.value.faults


def test_a_fault_has_its_line_and_a_doubled_setting_is_one(tmp_path: Path) -> None:
    path = changed(tmp_path, "language: en ", "currency: EUR\nlanguage: en ")
    line = 1 + path.read_text(encoding="utf-8").splitlines().index("currency: EUR")
    with pytest.raises(BrokenProfile, match=rf"servicenow_profile.yaml:{line}: currency is written twice"):
        load_profile(path)


def test_the_road_that_is_taken_has_its_tables(tmp_path: Path) -> None:
    text = PROFILE.read_text(encoding="utf-8").replace("road: primary", "road: outbound", 1)
    path = tmp_path / "servicenow_profile.yaml"
    path.write_text(text.replace("  outbound_invoices:", "  outbound_invoice:", 1), encoding="utf-8")
    with pytest.raises(BrokenProfile, match=r"outbound_invoices is missing, which invoices\.road outbound reads"):
        load_profile(path)


@pytest.mark.parametrize("ask", [
    lambda profile: profile.table("nothing"), lambda profile: profile.into("nothing"),
    lambda profile: profile.table("invoices").column("nothing"),
    lambda profile: profile.table("invoices").label("state", "nothing"),
])  # fmt: skip
def test_what_the_profile_has_not_is_never_defaulted(ask: Any) -> None:
    with pytest.raises(ProfileFault, match="nothing"):
        ask(demo_profile())


def test_every_name_that_was_not_seen_is_marked_as_assumed(specs: Path) -> None:
    """Against the published list of column names seen on instances: what is not in it must stand in ``assumed``."""
    import json

    seen = json.loads((specs / "servicenow" / "s2p_columns_observed.json").read_text(encoding="utf-8"))["tables"]
    profile = demo_profile()
    for name, table in profile.tables.items():
        known = seen.get(table.table, [])
        columns = set(known["columns"] if isinstance(known, dict) else known) if not name.startswith("outbound") else ()
        unmarked = {ours for ours, path in table.columns.items()
                    if path.partition(".")[0] not in columns and ours not in table.assumed}  # fmt: skip
        assert not unmarked, f"{name}: {unmarked}"
    for name, staging in profile.staging.items():
        assert staging.columns.keys() == staging.assumed, name
