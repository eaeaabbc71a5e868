"""The demo tenant's profile, and an instance that fits it."""

from pathlib import Path
from typing import Any

from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.profile_file import load_profile
from st_pipelines_tests.servicenow.hostile import Hostile

PROFILE = Path(__file__).resolve().parents[2] / "mappings" / "demo_servicenow" / "servicenow_profile.yaml"
STATES = {"5": "Draft", "10": "Pending approval", "20": "Approved", "30": "Paid", "40": "Canceled", "50": "Rejected",
          "60": "Pending payment"}  # fmt: skip
ORDERS = {"1": "Ordered", "2": "Partially Delivered", "3": "Delivered"}


def demo_profile() -> Profile:
    return load_profile(PROFILE)


def choice(table: str, element: str, value: str, label: str, inactive: str = "false") -> dict[str, str]:
    return {"sys_id": f"{table}.{element}.{value}", "name": table, "element": element, "value": value, "label": label,
            "language": "en", "inactive": inactive}  # fmt: skip


def fill(hostile: Hostile, profile: Profile) -> None:
    """Every table and column that the profile names, choices, modules, roles, maps: nothing is missing."""
    hostile.add_table("sn_fin_supplier", ["name", "erp_source", "erp_company_code"], unique=("erp_company_code",))
    hostile.add_table("sn_fin_legal_entity", ["erp_company_code", "name", "active"])
    hostile.add_table("sn_fin_supplier_detail", ["supplier", "legal_entity", "supplier_number"])
    hostile.add_table("cmn_cost_center", ["code", "name", "valid_from", "valid_to"])
    hostile.add_table("sn_fin_gl_account", ["number", "account_name", "inactive"])
    hostile.add_table("sn_shop_order", ["supplier", "status", "total_amount"])
    hostile.add_table("sn_shop_purchase_order", ["erp_number"], extends="sn_shop_order", unique=("erp_number",))
    hostile.add_table(
        "sn_shop_purchase_order_line",
        [
            "purchase_order",
            "erp_line_number",
            "purchased_quantity",
            "received_quantity",
            "invoiced_quantity",
            "total_line_amount",
        ],
    )
    hostile.add_table("sn_shop_receipt", ["erp_gr_number", "purchase_order_line", "quantity_received", "status"],
                      unique=("erp_gr_number",))  # fmt: skip
    hostile.add_table("sn_shop_invoice", [
        "number", "state", "type", "supplier", "supplier_invoice_number", "invoice_date", "due_date", "invoice_amount",
        "tax_amount", "purchase_order", "legal_entity", "erp_number", "erp_posting_date", "u_erp_status",
        "u_erp_matched_amount", "u_erp_variance_amount", "u_erp_hold_amount", "u_erp_message"])  # fmt: skip
    hostile.add_table("sn_shop_invoice_line", [
        "invoice", "number", "line_description", "invoiced_quantity", "line_unit_price", "line_amount", "tax_amount",
        "purchase_order", "order_line", "cost_center", "ledger_account"])  # fmt: skip
    terms = profile.tables["payment_terms"]
    hostile.add_table(terms.table, sorted({path.partition(".")[0] for path in terms.columns.values()}))
    refers = {"supplier": "sn_fin_supplier", "purchase_order": "sn_shop_purchase_order", "invoice": "sn_shop_invoice",
              "order_line": "sn_shop_purchase_order_line", "purchase_order_line": "sn_shop_purchase_order_line",
              "legal_entity": "sn_fin_legal_entity", "cost_center": "cmn_cost_center",
              "ledger_account": "sn_fin_gl_account"}  # fmt: skip
    for entry in hostile.tables["sys_dictionary"]:
        entry["reference"] = refers.get(entry["element"], "")
    for staging in profile.staging.values():
        hostile.add_table(staging.table, [*staging.columns.values(), "sys_import_set", "sys_import_state",
                                          "sys_import_state_comment", "sys_target_sys_id"])  # fmt: skip
    tables = hostile.tables
    tables["sys_choice"] = [choice("sn_shop_invoice", "state", *one) for one in STATES.items()]
    tables["sys_choice"] += [choice("sn_shop_order", "status", *one) for one in ORDERS.items()]
    tables["sys_choice"] += [choice("sn_shop_receipt", "status", "1", "Received")]
    tables["sys_scope"] = [{"scope": scope, "active": "true", "version": "1"} for scope in profile.onboarding.modules]
    tables["sys_properties"] = [{"name": "instance_name", "value": "demo"}]
    tables["sys_user"] = [{"sys_id": "u1", "user_name": "integration", "time_zone": "GMT", "active": "true"}]
    tables["sys_user_has_role"] = [{"user": "u1", "role.name": role, "state": "active"}
                                   for role in profile.onboarding.roles]  # fmt: skip
    tables["sys_transform_map"] = [
        {"sys_id": f"map{place}", "source_table": one.table, "target_table": profile.table(one.lands_in).table,
         "active": "true"} for place, one in enumerate(profile.staging.values())]  # fmt: skip
    tables["sys_transform_entry"] = [
        {"map": f"map{place}", "source_field": one.column(key), "target_field": key, "coalesce": "true"}
        for place, one in enumerate(profile.staging.values()) for key in one.key]  # fmt: skip
    tables["sn_fin_legal_entity"].append(record("1", erp_company_code="10USACO", name="Texas", active="true"))
    tables["cmn_cost_center"].append(record("1", code="4100", name="Shop", valid_from="", valid_to=""))
    tables["sn_fin_gl_account"].append(record("1", number="5000", account_name="Materials", inactive="false"))


def record(serial: str, second: int = 0, /, **fields: str) -> dict[str, Any]:
    stamp = f"2026-10-01 {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return {"sys_id": f"{int(serial):032x}", "sys_updated_on": stamp, "sys_mod_count": "0", **fields}


def order(number: str, second: int = 0, /, **changes: str) -> dict[str, Any]:
    return record(number, second, **{"erp_number": f"PO{number}", "supplier.erp_company_code": "V1", "status": "2",
                                     "total_amount": "USD;400.00", **changes})  # fmt: skip


def order_line(number: str, second: int = 0, /, **changes: str) -> dict[str, Any]:
    return record(number, second, **{
        "purchase_order.erp_number": "PO1", "erp_line_number": number, "purchased_quantity": "16",
        "received_quantity": "", "invoiced_quantity": "0", "total_line_amount": "USD;400.00", **changes})  # fmt: skip


def invoice(number: str, second: int = 0, /, **changes: str) -> dict[str, Any]:
    return record(number, second, **{
        "number": f"INV{number}", "state": "20", "type": "po", "supplier": "s1", "supplier.erp_company_code": "V100",
        "supplier_invoice_number": f"S-{number}", "invoice_date": "2026-09-30", "due_date": "",
        "invoice_amount": "USD;108.25",
        "tax_amount": "USD;8.25", "purchase_order.erp_number": "PO1", "legal_entity.erp_company_code": "10USACO",
        "erp_number": "", "erp_posting_date": "", "u_erp_status": "", "u_erp_matched_amount": "",
        "u_erp_variance_amount": "", "u_erp_hold_amount": "", "u_erp_message": "", **changes})  # fmt: skip


def line(number: str, of: dict[str, Any], second: int = 0, /, **changes: str) -> dict[str, Any]:
    return record(number, second, **{
        "invoice": of["sys_id"], "number": f"L{number}", "line_description": "Copper pipe", "invoiced_quantity": "4",
        "line_unit_price": "USD;25.00", "line_amount": "USD;100.00", "tax_amount": "USD;8.25",
        "purchase_order.erp_number": "PO1", "purchase_order.total_amount": "USD;400.00",
        "order_line.erp_line_number": "1", "cost_center.code": "4100", "ledger_account.number": "5000",
        **changes})  # fmt: skip
