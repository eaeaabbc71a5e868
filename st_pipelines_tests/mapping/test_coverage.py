"""Coverage: what the source has and the tables lack, and what the tables say and the target refuses."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from st_pipelines.mapping.coverage import check
from st_pipelines_tests.mapping import given

SOURCE = {
    "business_units": pa.table({"id": [101, 102, 103, 104, 105, 106], "active": [True] * 6,
                                "name": ["HVAC Service", "HVAC Install", "Plumbing Service", "Plumbing Install",
                                         "Electrical Service", "HVAC Milwaukee"]}),
    "payment_types": pa.table({"id": [501, 502], "name": ["Cash", "Check"]}),
    "tax_zones": pa.table({"id": [301], "name": ["Austin TX"], "active": [True]}),
    "payment_terms": pa.table({"name": ["Net 30", "Net 99"], "active": [True, False]}),
}  # fmt: skip
UNITS = "business_unit_id,name,domain,entity,cost_center,sub_account,valid_from,valid_to\n"


def test_the_demo_tables_cover_the_demo_company() -> None:
    assert check(given.demo(), given.reference(), SOURCE, given.OPTIONS, date(2026, 10, 5)) == []


def test_active_records_of_the_source_without_a_row() -> None:
    more: dict[str, pa.Table] = {
        "business_units": pa.table({"id": [107, 108], "name": ["Solar Pilot", "Closed"], "active": [True, False]}),
        "payment_types": pa.table({"id": [599], "name": ["Crypto"]}),
        "tax_zones": pa.table({"id": [399], "name": ["Elsewhere"], "active": [True]}),
        "payment_terms": pa.table({"name": ["Net 90"], "active": [True]}),
    }
    found = check(given.demo(), given.reference(), more)
    assert [(one.file, one.code, one.key, one.severity) for one in found] == [
        ("business_units.csv", "business_unit.no_row", "107", "gap"),
        ("payment_types.csv", "payment_type.no_row", "599", "gap"),
        ("tax_zones.csv", "tax_zone.no_row", "399", "gap"),
        ("terms.csv", "terms.no_row", "customer Net 90", "gap"),
        ("terms.csv", "terms.no_row", "vendor Net 90", "gap"),
    ]
    assert "Add a row with business_unit_id 107 and its name, domain, entity" in found[0].cure


def test_a_row_that_is_not_valid_on_the_day_does_not_cover(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, business_units=UNITS + "101,HVAC Service,10USA,10USACO,1100,01,,2026-09-30\n")
    one = {"business_units": SOURCE["business_units"].slice(0, 1)}
    assert check(mapping, given.reference(), one) == []
    (found,) = check(mapping, given.reference(), one, on=date(2026, 10, 1))
    assert (found.key, "2026-10-01" in found.message) == ("101", True)


def test_a_changed_name_is_told_with_the_line() -> None:
    renamed = {"business_units": pa.table({"id": [103], "name": ["Plumbing"], "active": [True]})}
    (found,) = check(given.demo(), given.reference(), renamed)
    assert (found.file, found.line, found.column, found.severity) == ("business_units.csv", 4, "name", "fault")
    assert str(found).startswith("business_units.csv:4: name: 103 is called 'Plumbing' in the source")


@pytest.mark.parametrize(
    ("live", "place", "code"),
    [
        ({"gl_accounts": given.accounts(a4100="inactive")}, ("invoice_accounts.csv", 4, "gl_account"),
         "gl_account.inactive"),
        ({"gl_accounts": given.accounts(a5200="no_cc")}, ("charge_accounts.csv", 3, "gl_account"),
         "gl_account.analysis"),
        ({"gl_accounts": given.accounts(a1020="inactive")}, ("payment_types.csv", 4, "bank_account"),
         "gl_account.inactive"),
        ({"gl_accounts": given.accounts(a2200="sub")}, ("tax_zones.csv", 2, "gl_account"), "gl_account.analysis"),
        ({"gl_accounts": given.accounts(a2000="inactive")}, ("integration.yaml", 0, "control_accounts.payable"),
         "gl_account.inactive"),
        ({"gl_accounts": given.accounts(a6900="project")}, ("business_units.csv", 2, "cost_center"),
         "gl_account.analysis"),
        ({"cost_centers": given.codes("1200", "2100", "2200", "3100", "4100", inactive=["1100"])},
         ("business_units.csv", 2, "cost_center"), "cost_center.inactive"),
        ({"sub_accounts": given.codes("01")}, ("business_units.csv", 7, "sub_account"), "sub_account.unknown"),
        ({"tax_codes": given.codes("TX825", "EXEMPT")}, ("tax_zones.csv", 3, "tax_code"), "tax_code.unknown"),
        ({"credit_terms": given.codes("DUE", "N15", "N30")}, ("terms.csv", 5, "credit_terms"), "credit_terms.unknown"),
    ],
)  # fmt: skip
def test_a_code_that_the_target_refuses_is_told_with_its_cell(live: Any, place: Any, code: str) -> None:
    found = check(given.demo(), given.reference(**live), SOURCE, given.OPTIONS)
    assert (*place, code) in [(one.file, one.line, one.column, one.code) for one in found]
    assert all(one.severity == "fault" and one.cure.endswith(".") for one in found)


def test_a_row_for_a_unit_that_is_not_mapped(tmp_path: Path) -> None:
    header = "business_unit_id,charge,gl_account\n"
    mapping = given.tables(tmp_path, charge_accounts=header + "109,tax,5300\n,tax,5300\n,freight,5200\n,other,5400\n")
    (found,) = check(mapping, given.reference())
    assert (found.file, found.line, found.code, found.key) == ("charge_accounts.csv", 2, "business_unit.no_row", "109")


def test_a_unit_outside_the_domain_of_the_masters(tmp_path: Path) -> None:
    mapping = given.tables(tmp_path, business_units=UNITS + "101,HVAC Service,20EUR,1,1100,01,,\n")
    codes = [one.code for one in check(mapping, given.reference(), options=given.OPTIONS)]
    assert codes == ["company.other_domain"]
