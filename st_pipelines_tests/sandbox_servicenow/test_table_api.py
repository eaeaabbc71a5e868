"""Verbs, parameters, shapes and errors of the Table API, by a plain HTTP client."""

from itertools import product
from typing import Any

import pytest

from st_pipelines_tests.sandbox_servicenow.api import PLAIN, Api

ORDERS, SUPPLIERS = "sn_shop_purchase_order", "sn_fin_supplier"


@pytest.fixture
def order(api: Api) -> dict[str, Any]:
    supplier = api.create(SUPPLIERS, name="Acme & Sons", erp_company_code="S1")
    return api.create(ORDERS, erp_number="P1", supplier=supplier["sys_id"], total_amount="USD;1234.5", status="50")


def test_every_value_is_text_and_empty_is_empty_text(api: Api, order: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in order.values())
    assert order["erp_sync_failed"] == "" and order["number"] == "PO0000001" and order["sys_mod_count"] == "0"
    assert order["sys_created_on"] == "2026-11-02 12:00:00" and len(order["sys_id"]) == 32
    assert order["sys_class_name"] == ORDERS and order["total_amount"] == "1234.5"


@pytest.mark.parametrize(("display", "exclude"), list(product(("false", "true", "all"), ("false", "true"))))
def test_a_reference_in_every_shape(api: Api, order: dict[str, Any], display: str, exclude: str) -> None:
    asked = {"sysparm_display_value": display, "sysparm_exclude_reference_link": exclude}
    (row,) = api.rows(ORDERS, "", **asked)
    value, text = order["supplier"], "Acme & Sons"
    link = f"{api.origin}/api/now/table/{SUPPLIERS}/{value}"
    expected = {
        ("false", "false"): {"link": link, "value": value}, ("false", "true"): value,
        ("true", "false"): {"display_value": text, "link": link}, ("true", "true"): text,
        ("all", "false"): {"display_value": text, "value": value, "link": link},
        ("all", "true"): {"display_value": text, "value": value},
    }[display, exclude]  # fmt: skip
    assert row["supplier"] == expected
    empty = {"display_value": "", "value": ""} if display == "all" else ""
    assert row["cost_center"] == (empty if exclude == "true" or display != "all" else {**empty, "link": ""})
    assert (
        row["status"] == {"false": "50", "true": "Ordered", "all": {"display_value": "Ordered", "value": "50"}}[display]
    )
    amounts = {"false": "1234.5", "true": "$1,234.50", "all": {"display_value": "$1,234.50", "value": "1234.5"}}
    assert row["total_amount"] == amounts[display]


def test_a_reference_to_a_row_that_is_gone_keeps_its_value(api: Api, order: dict[str, Any]) -> None:
    gone = api.http.delete(f"/api/now/table/{SUPPLIERS}/{order['supplier']}", headers=api.headers)
    assert (gone.status_code, gone.content) == (204, b"")
    (row,) = api.rows(ORDERS, "", sysparm_display_value="all")
    assert row["supplier"] == {"display_value": "", "value": order["supplier"]}


def test_fields_walk_along_references_and_unknown_ones_are_ignored(api: Api, order: dict[str, Any]) -> None:
    (row,) = api.rows(ORDERS, "", sysparm_fields="erp_number,supplier.name,supplier.gl_account.number,u_bogus,status.x")
    assert row == {"erp_number": "P1", "supplier.name": "Acme & Sons", "supplier.gl_account.number": ""}


def test_writes_lose_what_they_do_not_know_and_keep_one_record(api: Api) -> None:
    body = [{"name": "First", "u_bogus": "x", "sys_created_on": "2020-01-01 00:00:00"}, {"name": "Second"}]
    made = api.send("POST", f"/api/now/table/{SUPPLIERS}", body, **PLAIN)
    row = made.json()["result"]
    assert made.status_code == 201 and made.headers["location"].endswith(row["sys_id"])
    assert "u_bogus" not in row and row["sys_created_on"] == "2026-11-02 12:00:00"
    assert [one["name"] for one in api.rows(SUPPLIERS)] == ["First"]


def test_a_write_without_a_change_leaves_the_stamp_alone(api: Api, order: dict[str, Any]) -> None:
    api.wait(60)
    assert api.change(ORDERS, order["sys_id"], erp_number="P1")["sys_updated_on"] == order["sys_updated_on"]
    changed = api.change(ORDERS, order["sys_id"], display_name="Pumps", sys_id="0" * 32)
    assert (changed["sys_updated_on"], changed["sys_mod_count"]) == ("2026-11-02 12:01:00", "1")
    assert (changed["sys_id"], changed["sys_updated_by"]) == (order["sys_id"], "qad.integration")


def test_a_child_table_shows_among_its_parents_rows(api: Api, order: dict[str, Any]) -> None:
    (row,) = api.rows("sn_shop_order", "sys_class_nameINSTANCEOFsn_shop_order")
    assert row["sys_id"] == order["sys_id"] and "erp_number" not in row
    assert api.get(f"/api/now/table/sn_shop_order/{order['sys_id']}").status_code == 200


def test_a_unique_index_refuses_the_second_row(api: Api, order: dict[str, Any]) -> None:
    clash = api.send("POST", f"/api/now/table/{ORDERS}", {"erp_number": "P1"})
    assert clash.status_code == 403 and "unique" in clash.json()["error"]["detail"]


def test_pages_carry_count_and_links(api: Api) -> None:
    for n in range(5):
        api.create(SUPPLIERS, name=f"S{n}")
    answer = api.get(f"/api/now/table/{SUPPLIERS}", sysparm_query="ORDERBYname", sysparm_limit=2, sysparm_offset=2)
    assert answer.headers["x-total-count"] == "5" and [one["name"] for one in answer.json()["result"]] == ["S2", "S3"]
    links = dict(reversed(one.split(";rel=")) for one in answer.headers["link"].split(","))
    assert set(links) == {'"first"', '"prev"', '"next"', '"last"'}
    following = api.http.get(links['"next"'].strip("<>"), headers=api.headers)
    assert [one["name"] for one in following.json()["result"]] == ["S4"] and 'rel="next"' not in following.headers[
        "link"
    ]
    silent = api.get(f"/api/now/table/{SUPPLIERS}", sysparm_limit=2, sysparm_no_count="true",
                     sysparm_suppress_pagination_header="true")  # fmt: skip
    assert "x-total-count" not in silent.headers and "link" not in silent.headers
    assert "link" not in api.get(f"/api/now/table/{SUPPLIERS}").headers


@pytest.mark.parametrize(("parameter", "value"), [
    ("sysparm_limit", "0"), ("sysparm_limit", "-1"), ("sysparm_limit", "ten"), ("sysparm_offset", "-1"),
])  # fmt: skip
def test_a_bad_page_is_a_400(api: Api, parameter: str, value: str) -> None:
    assert api.get(f"/api/now/table/{SUPPLIERS}", **{parameter: value}).status_code == 400


def test_nothing_found(api: Api) -> None:
    assert api.get(f"/api/now/table/{SUPPLIERS}").json() == {"result": []}
    assert api.get(f"/api/now/v2/table/{SUPPLIERS}").json() == {"result": []}
    assert api.get(f"/api/now/v1/table/{SUPPLIERS}").status_code == 404
    missing = api.get(f"/api/now/table/{SUPPLIERS}/{'0' * 32}")
    assert missing.status_code == 404 and missing.json()["error"]["message"] == "No Record found"


def test_errors_have_their_body(api: Api) -> None:
    unknown = api.get("/api/now/table/sn_apo_invoice")
    assert (unknown.status_code, unknown.json()) == (
        400, {"error": {"message": "Invalid table sn_apo_invoice", "detail": None}, "status": "failure"})  # fmt: skip
    nowhere = api.get("/api/now/tables")
    assert nowhere.status_code == 400 and "does not represent any resource" in nowhere.text
    path = f"/api/now/table/{SUPPLIERS}"
    json_type = {**api.headers, "Content-Type": "application/json"}
    assert api.http.post(path, content=b"{", headers=json_type).status_code == 400
    assert api.http.post(path, content=b"a=b", headers=api.headers).status_code == 415
    assert api.http.put(path, json={}, headers=api.headers).status_code == 405
    assert api.http.get(path, headers={**api.headers, "Accept": "text/csv"}).status_code == 406


def test_plain_pairs_in_the_url_are_a_query(api: Api, order: dict[str, Any]) -> None:
    assert [one["erp_number"] for one in api.rows(ORDERS, "", erp_number="P1")] == ["P1"]
    assert api.rows(ORDERS, "", erp_number="P2") == []


def test_values_as_shown_are_read_in_the_users_zone_and_format(api: Api) -> None:
    admin = api.user("admin")
    user = admin.one("sys_user", "user_name=qad.integration")
    admin.change("sys_user", user["sys_id"], time_zone="America/Chicago", date_format="MM/dd/yyyy")
    made = api.send("POST", f"/api/now/table/{ORDERS}", {"created": "11/01/2026 09:30:00", "status": "Delivered"},
                    **PLAIN, sysparm_input_display_value="true").json()["result"]  # fmt: skip
    assert (made["created"], made["status"]) == ("2026-11-01 15:30:00", "70")
    (row,) = api.rows(ORDERS, "", sysparm_display_value="true")
    assert (row["created"], row["sys_created_on"]) == ("11/01/2026 09:30:00", "11/02/2026 06:00:00")
    stored = api.create(ORDERS, created="2026-11-01 15:30:00", expected_delivery="not a date")
    assert (stored["created"], stored["expected_delivery"]) == ("2026-11-01 15:30:00", "")
