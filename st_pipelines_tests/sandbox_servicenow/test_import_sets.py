"""The Import Set API: what a 201 hides, coalescing, orphans, many rows at once, and rows that are cleaned away."""

from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.procurement import S, load_masters, load_order, receive

SUPPLIER = {"u_erp_company_code": "S1", "u_erp_source": "QAD", "u_legal_name": "Acme"}


def test_one_row_is_inserted_then_ignored_then_updated(api: Api) -> None:
    first = api.send("POST", f"/api/now/import/{S}imp_supplier", SUPPLIER)
    body = first.json()
    assert (
        first.status_code == 201 and body["staging_table"] == f"{S}imp_supplier" and body["import_set"] == "ISET0000001"
    )
    (made,) = body["result"]
    assert (made["status"], made["table"], made["transform_map"]) == (
        "inserted",
        "sn_fin_supplier",
        "Master data supplier",
    )
    assert api.http.get(made["record_link"], headers=api.headers).json()["result"]["name"] == "Acme"
    again = api.stage(f"{S}imp_supplier", **SUPPLIER)
    assert (again["status"], again["sys_id"], again["status_message"]) == (
        "ignored", made["sys_id"], "No field values changed")  # fmt: skip
    changed = api.stage(f"{S}imp_supplier", **{**SUPPLIER, "u_legal_name": "Acme Ltd", "u_tax_id": ""})
    assert (changed["status"], changed["sys_id"]) == ("updated", made["sys_id"])


def test_a_201_may_carry_an_error_and_has_then_changed_nothing(api: Api) -> None:
    failed = api.stage(f"{S}imp_supplier", **{**SUPPLIER, "u_erp_source": "SAP"})
    assert failed["status"] == "error" and "SAP" in failed["error_message"] and "sys_id" not in failed
    assert "must be given" in api.stage(f"{S}imp_supplier", u_erp_company_code="S1")["error_message"]
    api.control("faults", {"action": "transform_error", "text": "Script error"})
    assert api.stage(f"{S}imp_supplier", **SUPPLIER)["error_message"] == "Script error"
    assert api.rows("sn_fin_supplier") == []


def test_numbers_and_objects_come_through_mangled_and_unknown_keys_not_at_all(api: Api) -> None:
    api.http.post(f"/api/now/import/{S}imp_supplier", headers={**api.headers, "Content-Type": "application/json"},
                  content=b'{"u_erp_company_code": 12.50, "u_erp_source": "QAD", "u_legal_name": {"a": 1},'
                          b' "u_onboarded": true, "Legal name": "x"}')  # fmt: skip
    row = api.one(f"{S}imp_supplier", "")
    assert (row["u_erp_company_code"], row["u_legal_name"], row["u_onboarded"]) == ("12.5", "", "")


def test_an_empty_field_never_empties_and_an_empty_key_makes_a_new_row(api: Api) -> None:
    api.stage(f"{S}imp_supplier", **SUPPLIER, u_city="Austin")
    api.stage(f"{S}imp_supplier", **SUPPLIER, u_city="")
    assert api.one("sn_fin_supplier", "erp_company_code=S1")["city"] == "Austin"
    for _ in range(2):
        api.stage(f"{S}imp_supplier", **{**SUPPLIER, "u_erp_company_code": ""})
    assert len(api.rows("sn_fin_supplier")) == 3


def test_an_orphan_line_fails_and_the_job_tries_it_again(api: Api) -> None:
    load_masters(api)
    line = api.stage(f"{S}imp_order_line", u_erp_po_number="P0001", u_erp_po_line_number="1", u_erp_source="QAD")
    assert line["status"] == "error" and "P0001" in line["error_message"]
    load_order(api, lines=())
    (row,) = api.act("retrigger_failed_rows", staging=f"{S}imp_order_line")
    assert row["sys_import_state"] == "inserted"
    made = api.one("sn_shop_purchase_order_line", "purchase_order.erp_number=P0001")
    assert row["sys_target_sys_id"] == made["sys_id"]


def test_an_order_and_its_receipts_show_their_progress(api: Api) -> None:
    load_masters(api)
    load_order(api)
    load_order(api, "P0002", (("1", "9.99"),))

    def order() -> tuple[str, str, str]:
        (row,) = api.rows("sn_shop_purchase_order", "erp_number=P0001", sysparm_display_value="true")
        return row["status"], row["received_amount"], row["received_percentage"]

    assert order() == ("Ordered", "$0.00", "0.00")
    assert receive(api, "R1", "1", "6")["status"] == "inserted"
    assert order() == ("Partially Delivered", "$153.00", "23.36")
    receive(api, "R2", "1", "5")
    receive(api, "R3", "1", "-1")
    receive(api, "R4", "2", "4")
    assert order() == ("Delivered", "$655.00", "100.00")
    line = api.one("sn_shop_purchase_order_line", "purchase_order.erp_number=P0001^erp_line_number=1")
    assert (line["received_quantity"], line["unit_price"], line["supplier"]) == ("10", "25.50", "")
    assert {row["status"] for row in api.rows("sn_shop_receipt")} == {"2"}
    assert receive(api, "R1", "1", "6")["status"] == "ignored" and receive(api, "R9", "7", "1")["status"] == "error"
    assert api.one("sn_shop_purchase_order", "erp_number=P0002")["received_percentage"] == "0.00"


def test_many_rows_take_labels_and_come_through_later(api: Api) -> None:
    records = [{"ERP company code": f"S{n}", "ERP source": "QAD" if n else "SAP", "Legal name": f"Supplier {n}",
                "u_city": "lost"} for n in range(3)]  # fmt: skip
    api.control("settings", {"multiple_delay_s": 5})
    answer = api.send("POST", f"/api/now/import/{S}imp_supplier/insertMultiple", {"records": records})
    assert answer.status_code == 201 and set(answer.json()) == {"import_set_id", "multi_import_set_id"}
    key = answer.json()["import_set_id"]
    assert api.one("sys_import_set", f"sys_id={key}")["state"] == "loaded" and api.rows("sn_fin_supplier") == []
    api.wait(5)
    assert api.one("sys_import_set", f"sys_id={key}")["state"] == "processed"
    rows = api.rows("sys_import_set_row", f"sys_import_set={key}^ORDERBYsys_import_row")
    assert [row["sys_import_state"] for row in rows] == ["error", "inserted", "inserted"]
    assert "SAP" in rows[0]["sys_import_state_comment"] and len(rows[1]["sys_target_sys_id"]) == 32
    assert {row["city"] for row in api.rows("sn_fin_supplier")} == {""}


def test_many_rows_by_names_at_once(api: Api) -> None:
    api.control("settings", {"multiple_labels": False, "multiple_asynchronous": False})
    api.send("POST", f"/api/now/import/{S}imp_supplier/insertMultiple", {"records": [SUPPLIER, {"City": "x"}]})
    states = [row["sys_import_state"] for row in api.rows(f"{S}imp_supplier", "ORDERBYsys_import_row")]
    assert states == ["inserted", "error"]


def test_a_row_is_read_back_until_it_is_cleaned_away(api: Api) -> None:
    api.stage(f"{S}imp_supplier", **SUPPLIER)
    row = api.one(f"{S}imp_supplier", "")
    path = f"/api/now/import/{S}imp_supplier/{row['sys_id']}"
    assert api.get(path).json()["result"][0]["status"] == "inserted"
    api.wait(7 * 86_400 + 1)
    assert api.get(path).status_code == 404 and len(api.rows("sn_fin_supplier")) == 1


def test_a_table_without_a_map_stays_pending(api: Api) -> None:
    (of_map,) = api.rows("sys_transform_map", f"source_table={S}imp_supplier")
    api.user("admin").change("sys_transform_map", of_map["sys_id"], active="false")
    assert api.stage(f"{S}imp_supplier", **SUPPLIER)["status"] == "pending" and api.rows("sn_fin_supplier") == []


def test_who_may_not_transform(api: Api) -> None:
    assert api.user("procurement.reader").send("POST", f"/api/now/import/{S}imp_supplier", SUPPLIER).status_code == 403
    api.act("revoke_role", user="qad.integration", role="import_transformer")
    assert api.send("POST", f"/api/now/import/{S}imp_supplier", SUPPLIER).status_code == 403
    assert api.user("admin").send("POST", "/api/now/import/sn_fin_supplier", SUPPLIER).status_code == 400
    assert api.user("admin").send("POST", "/api/now/import/u_nothing", SUPPLIER).status_code == 400


def test_the_instances_own_flows_may_send_out_again_what_was_imported(api: Api) -> None:
    load_masters(api)
    load_order(api, "P0001")
    outbound = ("sn_spend_intg_outbound_purchase_order", "sn_spend_intg_outbound_receipt")
    assert [api.rows(table) for table in outbound] == [[], []]
    api.control("settings", {"echo": True})
    load_order(api, "P0002")
    receive(api, "R1", "1", "2", "P0002")
    receive(api, "R1", "1", "2", "P0002")
    order, receipt = (api.one(table, "integration_status=10") for table in outbound)
    assert (order["erp_number"], order["erp_source"], order["po_amount"]) == ("P0002", "QAD", "655.00")
    assert (receipt["erp_number"], receipt["quantity_received"]) == ("R1", "2")
