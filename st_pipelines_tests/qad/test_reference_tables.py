"""Reference data: complete, with flags that are true or false, retired codes inactive and not absent."""

import pytest

from st_pipelines.systems.qad.answers import UntrustedAnswer
from st_pipelines.systems.qad.client import MissingPermission
from st_pipelines.systems.qad.reads import read_reference
from st_pipelines_tests.qad.tenant import Tenant


def test_accounts_carry_their_analysis_flags(qad: Tenant) -> None:
    rows = {row["code"]: row for row in read_reference(qad.client, "gl_accounts").to_pylist()}
    assert len(rows) == len(qad.state("gl_accounts"))
    assert rows["4000"] == {
        "code": "4000", "description": "Service Revenue", "is_active": True, "is_cost_centre_account": True,
        "is_project_account": False, "is_sub_account_account": True, "analysis_limitation": "None",
    }  # fmt: skip
    assert rows["1200"]["is_cost_centre_account"] is False
    assert rows["4999"]["is_active"] is False


@pytest.mark.parametrize(
    ("entity", "codes"),
    [
        ("cost_centers", {"1100": True, "9900": False}),
        ("sub_accounts", {"01": True, "02": True}),
        ("tax_codes", {"TX825": True, "EXEMPT": True}),
        ("credit_terms", {"DUE": True, "N45": True}),
        ("daybooks", {"ARINV": True, "APCRN": True}),
    ],
)
def test_codes_with_whether_they_are_active(qad: Tenant, entity: str, codes: dict[str, bool]) -> None:
    table = read_reference(qad.client, entity)
    held = dict(zip(table["code"].to_pylist(), table["is_active"].to_pylist(), strict=True))
    assert codes.items() <= held.items()
    assert len(held) == table.num_rows


def test_periods_are_per_company_and_open_or_closed(qad: Tenant) -> None:
    rows = read_reference(qad.client, "gl_periods").to_pylist()
    assert {row["company"] for row in rows} == {"10USA_10USACO", "10USA_20USACO"}
    october = next(row for row in rows if row["code"] == "2026-10" and row["company"] == "10USA_10USACO")
    assert (str(october["start_date"]), str(october["end_date"]), october["is_open"]) == (
        "2026-10-01",
        "2026-10-31",
        True,
    )
    assert not next(row for row in rows if row["code"] == "2026-01")["is_open"]


def test_customers_and_suppliers_show_whose_they_are(qad: Tenant) -> None:
    qad.customer()
    qad.vendor()
    (row,) = read_reference(qad.client, "customers").to_pylist()
    assert (row["external_reference"], row["business_relation"], row["currency"]) == (
        "ST:1234567:customer:42",
        "STC42",
        "USD",
    )
    assert read_reference(qad.client, "suppliers")["external_reference"].to_pylist() == ["ST:1234567:vendor:7"]


def test_a_long_list_is_read_over_its_pages_and_each_row_once(qad: Tenant) -> None:
    small = qad.client.profile.paging.model_copy(update={"page_size": 4})
    qad.client.profile = qad.client.profile.model_copy(update={"paging": small})
    whole = read_reference(qad.client, "gl_accounts")
    assert whole.num_rows == len(qad.state("gl_accounts")) > 12
    qad.arm(action="shift_page", count=None, match={"path": "glAccounts"})
    assert read_reference(qad.client, "gl_accounts").equals(whole)
    qad.disarm()
    qad.arm(action="repeat_page", count=None, match={"path": "glAccounts"})
    with pytest.raises(UntrustedAnswer, match="repeats an earlier page"):
        read_reference(qad.client, "gl_accounts")


def test_a_missing_permission_is_named_whichever_envelope_it_comes_in(qad: Tenant) -> None:
    bare = '{"errors": [{"severity": 1, "code": "403", "message": "Access is denied", "fieldName": ""}]}'
    qad.arm(action="status", status=200, count=None, match={"path": "costCentres"}, text=bare)
    with pytest.raises(MissingPermission, match=r"costCentre.*Access is denied.*role"):
        read_reference(qad.client, "cost_centers")


def test_answers_without_the_wrapper_are_understood(qad: Tenant) -> None:
    qad.customer()
    qad.arm(action="no_wrapper", count=None, match={"method": "GET"})
    assert read_reference(qad.client, "customers").num_rows == 1
    assert len(qad.target.find("customer_domain", "10USA_10USACO", ["ST:1234567:customer:42:domain"])) == 1
