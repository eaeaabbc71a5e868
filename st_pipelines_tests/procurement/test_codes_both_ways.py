"""Cost centers, GL accounts and payment terms of both systems become one list, and then rest."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from st_pipelines.cli.one_pass import days_between
from st_pipelines_tests.procurement.buyer import Buyer, buyer
from st_pipelines_tests.procurement.codes import LISTS, aligned, in_qad, in_servicenow, keep, put, rows, writes


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    with buyer(tmp_path_factory.mktemp("codes")) as company:
        aligned(company)
        yield company


@pytest.mark.parametrize("name", LISTS)
def test_every_code_arrives_with_its_name_and_whether_it_is_in_use(done: Buyer, name: str) -> None:
    assert in_servicenow(done, name) == in_qad(done, name)
    assert in_servicenow(done, name)


def test_two_more_rounds_write_nothing(done: Buyer) -> None:
    before = writes(done)
    for _ in range(2):
        assert [(one.sent, one.sent_back, one.differences) for one in aligned(done).values()] == [(0, 0, [])] * 4
    assert writes(done) == before


def test_a_legal_entity_that_servicenow_lacks_is_made_there_and_orders_of_its_site_go_out(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        there = next(row for row in rows(company, "legal_entities") if row["erp_company_code"] == "20USACO")
        company.act("servicenow", action="delete", table="sn_fin_legal_entity", sys_id=there["sys_id"])
        assert not company.run(days_between(date(2026, 9, 1), date(2026, 9, 30))).stopped
        assert in_servicenow(company, "legal_entities") == in_qad(company, "legal_entities")
        orders = {row["legal_entity"] for row in company.state("servicenow", "sn_shop_purchase_order")}
        assert orders == {row["sys_id"] for row in rows(company, "legal_entities")}


# ------------------------------------------------------------------- what people do in QAD, which owns what is in use
def test_a_code_that_is_made_renamed_retired_and_taken_back_follows_and_is_never_a_second_record(done: Buyer) -> None:
    before = len(rows(done, "gl_accounts"))
    for change in ({"name": "Tool Hire"}, {"name": "Hire of Tools"}, {"active": False}, {"active": True}):
        keep(done, "gl_accounts", "5500", **change)
        result = aligned(done, "gl_accounts")["gl_accounts"]
        assert (result.sent, result.sent_back, result.differences) == (1, 0, []), change
        assert in_servicenow(done, "gl_accounts")["5500"] == in_qad(done, "gl_accounts")["5500"], change
    assert len(rows(done, "gl_accounts")) == before + 1


def test_a_retired_cost_center_gets_a_last_day_and_a_far_one_when_it_comes_back(done: Buyer) -> None:
    keep(done, "cost_centers", "7100", name="Night Shift")
    aligned(done, "cost_centers")
    for active in (False, True):
        keep(done, "cost_centers", "7100", active=active)
        aligned(done, "cost_centers")
        assert in_servicenow(done, "cost_centers")["7100"] == ("Night Shift", active)
    assert next(row for row in rows(done, "cost_centers") if row["code"] == "7100")["valid_to"] == "2099-12-31"


# ------------------------------------------------------------------------------------ what people do in ServiceNow
def test_a_cost_center_that_was_made_in_servicenow_is_made_in_qad_and_is_one_record_on_both_sides(done: Buyer) -> None:
    put(done, "cost_centers", "8800", name="Robotics")
    result = aligned(done, "cost_centers")["cost_centers"]
    assert (result.sent_back, result.sent, result.differences) == (1, 1, [])  # one made there, one marked here
    assert in_qad(done, "cost_centers")["8800"] == ("Robotics", True)
    assert sum(row["code"] == "8800" for row in rows(done, "cost_centers")) == 1
    for _ in range(2):
        again = aligned(done, "cost_centers")["cost_centers"]
        assert (again.sent_back, again.sent) == (0, 0)


def test_the_owner_of_a_field_wins_on_either_side(done: Buyer) -> None:
    """ServiceNow has the say of a cost center's name, QAD of everything else."""
    put(done, "cost_centers", "1100", name="HVAC Service Team", active=False)
    keep(done, "cost_centers", "1100", name="Somebody else's idea")
    assert aligned(done, "cost_centers")["cost_centers"].differences == []
    assert in_qad(done, "cost_centers")["1100"] == ("HVAC Service Team", True)
    assert in_servicenow(done, "cost_centers")["1100"] == ("HVAC Service Team", True)
    put(done, "gl_accounts", "4000", name="Revenue, all of it", active=False)
    assert aligned(done, "gl_accounts")["gl_accounts"].differences == []
    assert in_servicenow(done, "gl_accounts")["4000"] == ("Service Revenue", True)


def test_the_same_edit_made_again_is_undone_again(done: Buyer) -> None:
    for _ in range(2):
        put(done, "gl_accounts", "4100", name="Stuff")
        assert aligned(done, "gl_accounts")["gl_accounts"].sent == 1
        assert in_servicenow(done, "gl_accounts")["4100"] == ("Material Revenue", True)


def test_an_account_that_was_made_in_servicenow_stays_there_where_the_integration_says_so(done: Buyer) -> None:
    put(done, "gl_accounts", "7777", name="Wishful Account")
    result = aligned(done, "gl_accounts")["gl_accounts"]
    assert (result.sent, result.sent_back) == (0, 0) and "7777" not in in_qad(done, "gl_accounts")
    (told,) = [one for one in result.differences if one.code == "7777"]
    assert "create_in_source" in told.to_do and "Wishful Account" in told.target
    put(done, "gl_accounts", "7777", active=False)
    assert aligned(done, "gl_accounts")["gl_accounts"].differences == []


# ---------------------------------------------------------------------------------------------- what waits for people
@pytest.mark.parametrize(("there", "name"), [("09100", "Far Depot"), ("C-91", "Depot East"), ("c-9100", "Elsewhere")])
def test_what_looks_like_another_code_is_held_with_both_side_by_side(tmp_path: Path, there: str, name: str) -> None:
    mine = "C-9100" if there.startswith("c") else "9100"
    with buyer(tmp_path) as company:
        keep(company, "cost_centers", mine, name="Depot East")
        put(company, "cost_centers", there, name=name)
        for _ in range(2):
            result = aligned(company, "cost_centers")["cost_centers"]
        assert there not in in_qad(company, "cost_centers") and mine not in in_servicenow(company, "cost_centers")
        assert result.held == 1 and result.sent + result.sent_back == 0
        told = next(one for one in result.differences if one.code == mine)
        assert "apart" in told.to_do and "Depot East" in told.source
        apart(company, mine)
        aligned(company, "cost_centers")
        assert mine in in_servicenow(company, "cost_centers")


def apart(company: Buyer, code: str) -> None:
    """A person says in integration.yaml that the code is what it is."""
    path = company.folder / "integration.yaml"
    content = yaml.safe_load(path.read_text())
    content["codes"]["cost_centers"]["apart"] = [code]
    path.write_text(yaml.safe_dump(content))
