"""Rights: pages cut before they are looked through, hidden fields, refused tables, ranges, scopes."""

import pytest

from st_pipelines_tests.sandbox_servicenow.api import Api

SUPPLIERS = "sn_fin_supplier"


@pytest.fixture
def many(api: Api) -> Api:
    for n in range(6):
        api.create(SUPPLIERS, name=f"S{n}", tax_id=f"T{n}", status="Blocked" if n < 4 else "Active")
    return api


def test_a_page_may_be_empty_while_more_rows_follow(many: Api) -> None:
    many.act("add_acl", name=SUPPLIERS, operation="read", roles=["sn_fin.supplier_payment_info_read"],
             condition="status=Blocked")  # fmt: skip
    pages = [many.get(f"/api/now/table/{SUPPLIERS}", sysparm_query="ORDERBYname", sysparm_limit=2, sysparm_offset=at)
             for at in (0, 2, 4)]  # fmt: skip
    assert [len(one.json()["result"]) for one in pages] == [0, 0, 2]
    assert {one.headers["x-total-count"] for one in pages} == {"6"} and 'rel="next"' in pages[0].headers["link"]
    blocked = many.user("admin").one(SUPPLIERS, "name=S0")
    assert many.get(f"/api/now/table/{SUPPLIERS}/{blocked['sys_id']}").status_code == 404
    many.act("grant_role", user="qad.integration", role="sn_fin.supplier_payment_info_read")
    assert len(many.rows(SUPPLIERS)) == 6


def test_a_hidden_field_is_missing_and_cannot_be_asked_for(many: Api) -> None:
    many.act("add_acl", name=f"{SUPPLIERS}.tax_id", operation="read", roles=["sn_fin.supplier_payment_info_read"])
    rows = many.rows(SUPPLIERS, "tax_id=T1", sysparm_fields="name,tax_id")
    assert len(rows) == 6 and "tax_id" not in rows[0], "the condition was dropped"
    many.control("settings", {"denied_field": "empty"})
    assert many.rows(SUPPLIERS)[0]["tax_id"] == ""
    assert many.user("admin").rows(SUPPLIERS)[0]["tax_id"] == "T0"


def test_a_protected_field_stays_as_it_was(many: Api) -> None:
    many.act("add_acl", name=f"{SUPPLIERS}.tax_id", operation="write", roles=["admin"])
    row = many.one(SUPPLIERS, "name=S1")
    changed = many.change(SUPPLIERS, row["sys_id"], tax_id="stolen", city="Austin")
    assert (changed["tax_id"], changed["city"]) == ("T1", "Austin")


def test_a_table_without_right_is_refused_or_looks_empty(many: Api) -> None:
    nobody = many.user("nobody")
    refused = nobody.get(f"/api/now/table/{SUPPLIERS}")
    assert refused.status_code == 403 and "ACL" in refused.json()["error"]["detail"]
    many.control("settings", {"denied_table": "empty"})
    empty = nobody.get(f"/api/now/table/{SUPPLIERS}")
    assert empty.json() == {"result": []} and empty.headers["x-total-count"] == "6"
    assert nobody.send("POST", f"/api/now/table/{SUPPLIERS}", {"name": "x"}).status_code == 403
    reader = many.user("procurement.reader")
    assert reader.send("PATCH", f"/api/now/table/{SUPPLIERS}/{'0' * 32}", {}).status_code == 404
    assert len(reader.rows(SUPPLIERS)) == 6


def test_without_query_range_ranges_and_orders_are_dropped_or_refused(many: Api) -> None:
    many.act("add_acl", name=SUPPLIERS, operation="query_range", roles=["admin"])
    assert len(many.rows(SUPPLIERS, "name>S4")) == 6 and len(many.rows(SUPPLIERS, "name=S4")) == 1
    assert len(many.rows(SUPPLIERS, "nameINS4,S5")) == 2
    many.control("settings", {"denied_range": "403"})
    asked = [many.get(f"/api/now/table/{SUPPLIERS}", sysparm_query=query) for query in ("name>S4", "ORDERBYname")]
    assert [one.status_code for one in asked] == [403, 403]
    assert len(many.user("admin").rows(SUPPLIERS, "name>S4")) == 1


def test_an_application_that_is_not_installed(api: Api) -> None:
    assert len(api.rows("sys_scope", "scope=sn_ap_apm")) == 1
    api.act("uninstall_scope", scope="sn_ap_apm")
    assert api.rows("sys_scope", "scope=sn_ap_apm") == api.rows("v_plugin", "id=sn_ap_apm") == []
    assert api.user("admin").get("/api/now/table/sn_ap_apm_exception").status_code == 400
    assert api.get("/api/now/table/sn_shop_invoice").status_code == 200
    api.act("install_scope", scope="sn_ap_apm")
    assert api.user("admin").get("/api/now/table/sn_ap_apm_exception").status_code == 200


def test_columns_are_found_under_the_table_that_has_them(api: Api) -> None:
    def columns(table: str) -> set[str]:
        return {row["element"] for row in api.rows("sys_dictionary", f"name={table}^elementISNOTEMPTY")}

    assert "erp_number" in columns("sn_shop_purchase_order") and "supplier" not in columns("sn_shop_purchase_order")
    assert {"supplier", "sys_id", "status"} <= columns("sn_shop_order")
    (row,) = api.rows("sys_db_object", "name=sn_shop_purchase_order", sysparm_fields="super_class.name,sys_scope.scope")
    assert row == {"super_class.name": "sn_shop_order", "sys_scope.scope": "sn_shop"}
    assert api.one("sys_choice", "name=sn_shop_order^element=status^label=Delivered")["value"] == "70"


def test_a_renamed_column_is_gone_everywhere_and_nothing_says_so(api: Api) -> None:
    api.create("sn_shop_purchase_order", erp_number="P1")
    api.create("sn_shop_purchase_order", erp_number="P2")
    api.act("rename_column", table="sn_shop_purchase_order", element="erp_number", to="u_erp_number")
    rows = api.rows("sn_shop_purchase_order", "erp_number=P1")
    assert len(rows) == 2 and "erp_number" not in rows[0] and {row["u_erp_number"] for row in rows} == {"P1", "P2"}
    api.act("change_column", table="sn_shop_purchase_order", element="u_erp_number", fields={"active": "false"})
    assert "u_erp_number" not in api.rows("sn_shop_purchase_order")[0]
    api.act("add_column", table="sn_shop_purchase_order", element="u_qad", label="QAD number", length=4)
    assert api.create("sn_shop_purchase_order", u_qad="123456")["u_qad"] == "1234"


def test_a_dropped_time_bound_makes_a_poll_broader(many: Api) -> None:
    many.act("add_acl", name=f"{SUPPLIERS}.sys_updated_on", operation="query_range", roles=["admin"])
    assert len(many.rows(SUPPLIERS, "sys_updated_on>2027-01-01 00:00:00")) == 6
    assert many.user("admin").rows(SUPPLIERS, "sys_updated_on>2027-01-01 00:00:00") == []
