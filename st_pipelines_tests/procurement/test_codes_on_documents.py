"""What documents say of codes: the payment term of a supplier and an order, the account and cost center of a line."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from st_pipelines.cli.one_pass import days_between
from st_pipelines_tests.procurement.buyer import Buyer, buyer
from st_pipelines_tests.procurement.codes import keep, rows

SEPTEMBER = days_between(date(2026, 9, 1), date(2026, 9, 30))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    with buyer(tmp_path_factory.mktemp("documents")) as company:
        assert not company.run(SEPTEMBER).stopped
        yield company


def said(company: Buyer, query: str) -> list[Any]:
    with company.session() as session, session.engine.connect() as connection:
        return list(connection.execute(text(query)).all())


def test_each_line_has_the_account_and_cost_center_of_the_order_in_qad(done: Buyer) -> None:
    accounts = {row["sys_id"]: row["number"] for row in rows(done, "gl_accounts")}
    centers = {row["sys_id"]: row["code"] for row in rows(done, "cost_centers")}
    orders = {row["sys_id"]: row["erp_number"] for row in done.state("servicenow", "sn_shop_purchase_order")}
    there = {
        (orders[row["purchase_order"]], row["erp_line_number"]):
        (accounts.get(row["general_ledger_account"], ""), centers.get(row["cost_center"], ""))
        for row in done.state("servicenow", "sn_shop_purchase_order_line")
    }  # fmt: skip
    here = {(row["purchaseOrderNumber"], str(row["purchaseOrderLine"])): (row["glCode"], row["costCentreCode"])
            for row in done.state("qad", "purchase_order_lines")}  # fmt: skip
    assert there == {line: here[line] for line in there}
    assert any(account and center for account, center in there.values())


def test_orders_and_suppliers_have_their_payment_term(done: Buyer) -> None:
    terms = {row["sys_id"]: row["payment_term"] for row in rows(done, "payment_terms")}
    for table, key, entity, code in (
        ("sn_shop_purchase_order", "erp_number", "purchase_orders", "purchaseOrderNumber"),
        ("sn_fin_supplier", "erp_company_code", "suppliers", "supplierCode"),
    ):
        here = {row[code]: row["creditTermsCode"] for row in done.state("qad", entity)}
        there = {row[key]: terms[row["payment_term"]] for row in done.state("servicenow", table)}
        assert there == {number: here[number] for number in there} and there


def with_rules(company: Buyer, **rules: Any) -> None:
    path = company.folder / "integration.yaml"
    content = yaml.safe_load(path.read_text())
    content["codes"]["gl_accounts"] = rules
    path.write_text(yaml.safe_dump(content))


def retired(company: Buyer) -> str:
    """An account that the first order line names, retired in QAD."""
    code: str = company.state("qad", "purchase_order_lines")[0]["glCode"]
    keep(company, "gl_accounts", code, active=False)
    return code


def test_a_line_that_names_a_retired_account_is_held_with_its_code(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        code = retired(company)
        company.run(SEPTEMBER)
        held = said(company, "SELECT reason FROM document_version WHERE disposition = 'held' AND is_latest = 1")
        assert held and all(f"gl account {code}" in reason and "not in use" in reason for (reason,) in held)
        keep(company, "gl_accounts", code, active=True)
        assert not company.run(SEPTEMBER).stopped
        assert not said(company, "SELECT 1 FROM document_version WHERE disposition = 'held' AND is_latest = 1")


def test_it_is_sent_with_the_retired_code_where_the_owner_says_so(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        code = retired(company)
        with_rules(company, retired="send")
        company.run(SEPTEMBER)
        assert not said(company, "SELECT 1 FROM document_version WHERE disposition = 'held'")
        assert [state for (state,) in said(company, "SELECT DISTINCT state FROM posting")] == ["posted"]
        (account,) = [row for row in rows(company, "gl_accounts") if row["number"] == code]
        assert account["inactive"] == "true"
        assert any(row["general_ledger_account"] == account["sys_id"]
                   for row in company.state("servicenow", "sn_shop_purchase_order_line"))  # fmt: skip


def test_documents_wait_for_the_codes_that_they_name_and_go_out_once_those_are_there(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        assert company.run(SEPTEMBER, codes_first=False).sent == 0
        waiting = {need for (need,) in said(company, "SELECT DISTINCT needs FROM posting_need WHERE "
                   "satisfied_at IS NULL")}  # fmt: skip
        line = company.state("qad", "purchase_order_lines")[0]
        assert f"QAD:10USA:gl_account:{line['glCode']}" in waiting
        assert f"QAD:10USA:cost_center:{line['costCentreCode']}" in waiting
        assert not company.run(SEPTEMBER).stopped
        assert [state for (state,) in said(company, "SELECT DISTINCT state FROM posting")] == ["posted"]


def test_without_the_list_in_integration_yaml_lines_go_without_codes(tmp_path: Path) -> None:
    with buyer(tmp_path, codes={}) as company:
        company.run(SEPTEMBER)
        lines = company.state("servicenow", "sn_shop_purchase_order_line")
        assert lines and not any(row["general_ledger_account"] or row["cost_center"] for row in lines)
        assert [state for (state,) in said(company, "SELECT DISTINCT state FROM posting")] == ["posted"]


def test_each_supplier_is_known_to_each_legal_entity_once(done: Buyer) -> None:
    entities = {row["sys_id"]: row["erp_company_code"] for row in done.state("servicenow", "sn_fin_legal_entity")}
    suppliers = {row["sys_id"]: row["erp_company_code"] for row in done.state("servicenow", "sn_fin_supplier")}
    there = [(suppliers[row["supplier"]], entities[row["legal_entity"]], row["supplier_number"])
             for row in done.state("servicenow", "sn_fin_supplier_detail")]  # fmt: skip
    assert sorted(there) == sorted((code, entity, code) for code in suppliers.values()
                                   for entity in ("10USACO", "20USACO"))  # fmt: skip
