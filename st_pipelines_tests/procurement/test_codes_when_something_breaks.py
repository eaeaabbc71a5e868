"""Codes while connections break, rights are missing or the instance changes what it was sent: nothing twice, nothing
hidden, and no write that is repeated round after round."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from st_pipelines.systems.servicenow.values import UnreadableValue
from st_pipelines_tests.procurement.buyer import Buyer, buyer
from st_pipelines_tests.procurement.codes import aligned, in_qad, in_servicenow, keep, put, rows, writes


def test_a_write_whose_answer_is_lost_is_found_again_on_both_sides(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        put(company, "cost_centers", "8800", name="Robotics")
        for system, path in (("servicenow", "cost_center$"), ("qad", "costCentres$")):
            company.arm(system, match={"method": "POST", "path": path}, action="apply_then_drop", count=1)
        company.arm("servicenow", match={"method": "PATCH", "path": "cmn_cost_center"}, action="apply_then_drop")
        aligned(company, "cost_centers")
        assert aligned(company, "cost_centers")["cost_centers"].differences == []
        assert in_servicenow(company, "cost_centers") == in_qad(company, "cost_centers")
        assert len(rows(company, "cost_centers")) == len(in_qad(company, "cost_centers"))
        before = writes(company)
        aligned(company, "cost_centers")
        assert writes(company) == before


def test_an_edit_that_was_cut_off_before_it_arrived_is_made_once_more(tmp_path: Path) -> None:
    """What somebody changed meanwhile still stands as it was looked at, so the write was not applied."""
    with buyer(tmp_path) as company:
        aligned(company, "gl_accounts")
        put(company, "gl_accounts", "4000", name="Stuff")
        company.arm("servicenow", match={"method": "POST", "path": "gl_account_stage$"}, action="drop_before")
        aligned(company, "gl_accounts")
        assert aligned(company, "gl_accounts")["gl_accounts"].differences == []
        assert in_servicenow(company, "gl_accounts")["4000"] == ("Service Revenue", True)


def test_an_import_that_fails_inside_201_is_refused_once_and_not_sent_again(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        company.arm("servicenow", match={"method": "POST", "path": "cost_center$"}, action="transform_error",
                    text="Cost center is locked", count=1)  # fmt: skip
        first = aligned(company, "cost_centers")["cost_centers"]
        before = writes(company)
        again = aligned(company, "cost_centers")["cost_centers"]
        assert writes(company) == before and [one.code for one in again.differences] == [
            one.code for one in first.differences
        ]
        ((reason,),) = said(company, "SELECT reason FROM posting WHERE state = 'rejected'")
        assert "Cost center is locked" in reason


def test_a_column_that_may_not_be_read_stops_the_list_before_anything_is_written(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        aligned(company, "cost_centers")
        company.act("servicenow", action="add_acl", name="cmn_cost_center.valid_to", operation="read", roles=["admin"])
        keep(company, "cost_centers", "1100", active=False)
        before = writes(company)
        with pytest.raises(UnreadableValue, match="valid_to is missing: the integration user may not read it"):
            aligned(company, "cost_centers")
        assert writes(company) == before


def test_a_column_that_may_not_be_written_is_named_and_not_tried_for_ever(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        put(company, "gl_accounts", "4000", name="Revenue")  # was there before us, without an ERP source
        company.act("servicenow", action="add_acl", name="sn_fin_gl_account.erp_source", operation="write",
                    roles=["admin"])  # fmt: skip
        for _ in range(2):
            assert not aligned(company, "gl_accounts")["gl_accounts"].stopped
        before = writes(company)
        again = aligned(company, "gl_accounts")["gl_accounts"]
        assert writes(company) == before and "4000" in {one.code for one in again.differences}
        (reason,) = {reason for (reason,) in said(company, "SELECT reason FROM posting WHERE state = 'rejected'")}
        assert "erp_source did not take what was sent" in reason
        assert sum(row["number"] == "4000" for row in rows(company, "gl_accounts")) == 1


def test_a_row_that_the_transform_map_passes_over_is_refused_and_not_sent_for_ever(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        aligned(company, "gl_accounts")
        without_name(company)
        keep(company, "gl_accounts", "4000", name="Revenue of Service")
        (told,) = aligned(company, "gl_accounts")["gl_accounts"].differences
        assert "refused it" in told.to_do and "No field values changed" in told.to_do
        before = writes(company)
        aligned(company, "gl_accounts")
        assert writes(company) == before


def test_what_is_taken_in_part_is_held_until_somebody_saves_the_record_there(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        aligned(company, "gl_accounts")
        entry = without_name(company)
        keep(company, "gl_accounts", "4000", name="Revenue of Service", active=False)
        assert aligned(company, "gl_accounts")["gl_accounts"].differing == ("QAD:10USA:gl_account:4000",)
        before = writes(company)
        for _ in range(2):
            (told,) = aligned(company, "gl_accounts")["gl_accounts"].differences
            assert told.code == "4000" and "save the record there" in told.to_do
        assert writes(company) == before
        mapped(company, entry, "account_name")
        company.act("servicenow", action="bulk_update", table="sn_fin_gl_account", query="number=4000")
        assert aligned(company, "gl_accounts")["gl_accounts"].differences == []
        assert in_servicenow(company, "gl_accounts")["4000"] == ("Revenue of Service", False)


def without_name(company: Buyer) -> dict[str, Any]:
    """An administrator takes the name out of the transform map."""
    (entry,) = [row for row in company.state("servicenow", "sys_transform_entry")
                if row["target_field"] == "account_name"]  # fmt: skip
    mapped(company, entry, "")
    return entry


def mapped(company: Buyer, entry: dict[str, Any], column: str) -> None:
    company.act("servicenow", action="set_fields", table="sys_transform_entry", sys_id=entry["sys_id"],
                fields={"target_field": column})  # fmt: skip


def said(company: Buyer, query: str) -> list[Any]:
    with company.session() as session, session.engine.connect() as connection:
        return list(connection.execute(text(query)).all())
