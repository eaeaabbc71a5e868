"""The transform maps of the staging tables as delivered. Invariant: they are rows of the instance; the Import Set API
reads those and never this file, so that a coalesce field may be missing or misplaced there.

Which fields coalesce, and the columns behind the published labels, are this sandbox's assumption.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from st_pipelines.sandbox.servicenow.metadata import column_of, key

Record = dict[str, Any]
# name, staging table, target table, then "label > target" with flags: * coalesces; @field finds a reference by that
# column; !field the same, but the row fails where there is none. Two @ for one target: the second where the first finds
# nothing; two !: both must fit the same row. Two labels: a currency and its amount.
_MAPS: Sequence[tuple[str, str, str, Sequence[str]]] = (
    ("Transform legal entities", "sn_fcms_intg_legal_entity_stage", "sn_fin_legal_entity", (
        "ERP company code > erp_company_code *", "ERP source > erp_source * !name", "Legal name > name",
        "Legal name > legal_name", "Local currency > local_currency", "Street > street", "City > city",
        "Country > country")),
    ("Load payment terms", "sn_fcms_intg_payment_term_stage", "sn_shop_payment_term", (
        "Payment term > payment_term *", "ERP source > erp_source * !name", "Name > name", "Type > type",
        "Short description > short_description", "Net days to pay > net_days_to_pay", "Discount days > discount_days",
        "Discount percentage > discount_percentage")),
    ("Master data purchase entity", "sn_fcms_intg_imp_purchase_entity", "sn_fin_purchasing_entity", (
        "ERP number > erp_number *", "ERP source > erp_source * !name", "Name > name",
        "Legal entity > legal_entity @erp_company_code")),
    ("Master data cost center", "sn_fcms_intg_imp_cost_center", "cmn_cost_center", (
        "Code > code *", "ERP source > erp_source * !name", "Name > name", "Account number > account_number",
        "Legal entity > legal_entity @erp_company_code", "Manager > manager @user_name", "Valid from > valid_from",
        "Valid to > valid_to", "Cost center type > cost_center_type")),
    ("GL account load data", "sn_fcms_intg_gl_account_stage", "sn_fin_gl_account", (
        "GL Account > number *", "Number > number *", "ERP source > erp_source * !name", "Account name > account_name",
        "Short description > short_description", "Type > type", "Category > category", "Ledger type > ledger_type",
        "Account currency > account_currency", "Local currency > local_currency", "Inactive > inactive",
        "Entity > entity @erp_company_code")),
    ("Master data supplier", "sn_fcms_intg_imp_supplier", "sn_fin_supplier", (
        "ERP company code > erp_company_code *", "ERP source > erp_source * !name", "Legal name > name",
        "Legal name > legal_name", "Street address > street", "City > city", "State / Province > state",
        "Zip / Postal code > zip", "Country > country", "Tax id > tax_id", "Duns > duns", "Status > status",
        "Posting Block > posting_block", "Primary phone number > primary_phone_number",
        "Payment term > payment_term @payment_term", "General ledger account > gl_account @number",
        "Accepted purchasing currency > accepted_purchasing_currency",
        "Country of registration > registration_country", "Onboarded > onboarded")),
    ("Load legal entity-mapping data", "sn_fcms_intg_supplier_legal_entity_inbound", "sn_fin_supplier_detail", (
        "Supplier > supplier * !erp_company_code", "Legal entity > legal_entity * !erp_company_code",
        "Supplier number > supplier_number")),
    ("Order stage", "sn_fcms_intg_imp_order", "sn_shop_purchase_order", (
        "ERP PO number > erp_number *", "ERP source > erp_source * !name", "ERP PO number > display_name",
        "Legal entity > legal_entity @erp_company_code", "PO amount currency & PO amount > total_amount",
        "PO status > status",
        "Supplier number > supplier @erp_company_code", "Supplier company name > supplier @name",
        "Supplier company name > supplier @erp_company_code",
        "Order type > purchase_order_type", "Payment term > payment_term @payment_term",
        "Cost center > cost_center @code", "Purchasing organization > purchasing_entity @erp_number",
        "Order date > created", "Expected delivery date > expected_delivery")),
    ("Order line stage", "sn_fcms_intg_imp_order_line", "sn_shop_purchase_order_line", (
        "ERP PO number > purchase_order * !erp_number", "ERP PO line number > erp_line_number *",
        "ERP source > erp_source * !name", "Product name > product_name", "Short description > short_description",
        "Purchased quantity > purchased_quantity", "Purchased quantity > total_individual_units", "Unit > uom",
        "Currency & Unit price > unit_price", "Currency & Unit price > individual_unit_cost",
        "Currency & Line amount > total_line_amount",
        "Cost center > cost_center @code", "GL account > general_ledger_account @number",
        "Goods receipt required > goods_receipt_required", "Expected delivery date > expected_delivery_date",
        "State > state")),
    ("Receipt stage", "sn_fcms_intg_imp_receipt", "sn_shop_receipt", (
        "ERP receipt number > erp_gr_number *", "ERP source > erp_source * !name",
        "ERP PO number > purchase_order_line * !purchase_order.erp_number",
        "ERP PO line number > purchase_order_line * !erp_line_number",
        "Quantity received > quantity_received",
        "Percentage received > percentage_received", "State > status", "Type > type", "Milestone > milestone",
        "Received date > received")),
    ("Invoice payment detail import", "sn_spend_intg_imp_invoice_payment_detail", "sn_shop_invoice_payment_detail", (
        "Payment reference ID > payment_reference *", "ERP Source > erp_source * !name",
        "ERP invoice number > invoice !erp_number", "Currency & Payment amount > payment_amount",
        "Payment date > payment_date",
        "Payment method > payment_method")),
)  # fmt: skip


def transform_maps() -> Iterator[tuple[str, Record]]:
    for order, (name, staging, target, entries) in enumerate(_MAPS, start=1):
        identity = key("map", staging)
        yield "sys_transform_map", {
            "sys_id": identity, "name": name, "source_table": staging, "target_table": target, "active": "true",
            "run_business_rules": "true", "order": str(order * 100),
        }  # fmt: skip
        for entry in entries:
            label, _, rest = entry.partition(" > ")
            target_field, *flags = rest.split()
            finder = next((flag for flag in flags if flag[0] in "@!"), "")
            yield "sys_transform_entry", {
                "sys_id": key("entry", staging, entry), "map": identity,
                "source_field": ",".join(column_of(one, "u_") for one in label.split(" & ")),
                "target_field": target_field,
                "coalesce": "true" if "*" in flags else "false", "reference_value_field_name": finder[1:],
                "choice_action": "reject" if finder.startswith("!") else "ignore",
            }  # fmt: skip
