"""A profile that cannot be used is refused before anything runs, with the line that is wrong."""

from pathlib import Path

import pytest

from st_pipelines.systems.qad.profile import Profile
from st_pipelines.systems.qad.profile_file import BrokenProfile, load_profile
from st_pipelines_tests.qad.goods import PROFILE as GOODS_PROFILE
from st_pipelines_tests.qad.samples import PROFILE


def _broken(tmp_path: Path, old: str, new: str) -> tuple[list[str], int]:
    """The faults, and the line where the change was made."""
    text = PROFILE.read_text()
    assert old in text
    line = text[: text.index(old)].count("\n") + 1
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BrokenProfile) as caught:
        load_profile(path)
    return caught.value.faults, line


def test_the_demo_profile_loads_and_says_what_is_assumed(profile: Profile) -> None:
    assert profile.entity("customer").status == "observed"
    assert profile.entity("customerInvoice").status == "assumed"
    assert profile.entity("customerInvoice").may_be_written
    assert not profile.entity("glAccount").may_be_written


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    status: observed", "    stato: observed", "stato"),
        ('control_account: "2000"', "control_account: 2000", "should be a valid string"),
        ("path: /api/erp/customerV2s", "path: api/erp/customerV2s", "should match pattern"),
        ("page_size: 200", "page_size: 0", "greater than 1"),
        ("server_zone: UTC", "server_zone: Mars/Olympus", "unknown time zone"),
        ('"ST{role}{id}"', '"ST{id}"', "{role}"),
        ("charset: utf-8", "charset: klingon-8", "unknown character set"),
        ("probe: period", "probe: costCentre", "needs `identity`"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    faults, line = _broken(tmp_path, old, new)
    assert any(said in fault for fault in faults), faults
    lines = {int(fault.removeprefix(str(tmp_path / "profile.yaml")).split(":")[1]) for fault in faults}
    assert any(abs(named - line) <= 12 for named in lines), (faults, line)


def test_a_setting_written_twice_is_a_fault_and_not_the_last_one_wins(tmp_path: Path) -> None:
    faults, line = _broken(tmp_path, "charset: utf-8", "charset: utf-8\ncharset: cp1252")
    assert any(f":{line + 1}: charset is written twice" in fault for fault in faults)


@pytest.mark.parametrize("gone", ["      customer: customerCode\n", "      bankAccount: bankGLCode\n"])
def test_a_field_that_the_client_needs_is_missed_at_once(tmp_path: Path, gone: str) -> None:
    faults, _ = _broken(tmp_path, gone, "")
    assert any(f"{gone.split(':')[0].strip()} is missing" in fault for fault in faults)


def test_two_logical_names_never_share_a_wire_name(tmp_path: Path) -> None:
    faults, _ = _broken(tmp_path, "businessRelationName2", "businessRelationName1")
    assert any("businessRelationName1" in fault for fault in faults)


def test_the_external_reference_can_not_be_declared_truncatable(tmp_path: Path) -> None:
    faults, _ = _broken(tmp_path, "truncate: [telephone]", "truncate: [telephone, customLong0]")
    assert any("never be truncated" in fault for fault in faults)


def test_a_file_that_is_not_there_or_not_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrokenProfile, match="cannot be read"):
        load_profile(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1,")
    with pytest.raises(BrokenProfile, match="cannot be read"):
        load_profile(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(BrokenProfile, match="expected settings"):
        load_profile(tmp_path / "list.yaml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('    received_account: "2100"', "    #", "entities.supplierInvoice.received_account is missing"),
        ("      matchingLines: ", "      matchedLines: ", "nested.matchingLines: receiver is missing"),
        ("      openQuantity: openInvoiceQuantity", "      #", "entities.receipt.fields: openQuantity is missing"),
        ("      invoiced: quantityInvoiced", "      #", "entities.purchaseOrderLine.fields: invoiced is missing"),
        ("  purchaseOrder:\n", "  purchaseOrders:\n", "entities.purchaseOrder is missing"),
        ('quantity_tolerance: "0"', "quantity_tolerance: 0.5", "should be a valid string"),
        ('quantity_tolerance: "0"', 'quantity_tolerance: "-1"', "should match pattern"),
    ],
)
def test_what_matching_goods_needs_is_missed_as_soon_as_there_is_a_form_for_it(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = GOODS_PROFILE.read_text()
    assert old in text
    (tmp_path / "profile.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(BrokenProfile) as caught:
        load_profile(tmp_path / "profile.yaml")
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def test_a_tenant_that_matches_no_receipts_needs_none_of_it() -> None:
    assert "matched_invoice" not in load_profile(PROFILE).entity("supplierInvoice").forms
