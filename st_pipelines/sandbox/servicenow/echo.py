"""ServiceNow's own flows that send orders and receipts out to the ERP. Invariant: they cannot tell what was imported
from what was made here, so with the switch ``echo`` every import comes back as an outbound row.

Off as delivered to this product: QAD is where orders and receipts are made.
"""

from typing import Any

from st_pipelines.sandbox.servicenow.outbound import NEW
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.values import money, plain

Record = dict[str, Any]


def install_rules(rows: Rows, settings: CurrentSettings) -> None:
    """After a new order or receipt: a row in its outbound table."""

    def ordered(table: str, row: Record, before: Record | None) -> None:
        if before is not None or not settings.now.echo:
            return
        currency, amount = money(row["total_amount"]) if row["total_amount"] else ("", None)
        supplier = rows.get("sn_fin_supplier", row["supplier"])
        rows.insert("sn_spend_intg_outbound_purchase_order", {
            "erp_number": row["erp_number"], "erp_source": _name(rows, row["erp_source"]), "integration_status": NEW,
            "purchase_order_number": row["number"], "po_amount_currency": currency,
            "po_amount": "" if amount is None else plain(amount),
            "supplier_company_name": supplier["name"] if supplier else "",
            "supplier_id": supplier["erp_company_code"] if supplier else "",
        })  # fmt: skip

    def received(table: str, row: Record, before: Record | None) -> None:
        if before is not None or not settings.now.echo:
            return
        line = rows.get("sn_shop_purchase_order_line", row["purchase_order_line"])
        rows.insert("sn_spend_intg_outbound_receipt", {
            "erp_number": row["erp_gr_number"], "erp_source": _name(rows, row["erp_source"]),
            "integration_status": NEW, "quantity_received": row["quantity_received"], "receipt_number": row["number"],
            "purchase_order_line_sys_id": row["purchase_order_line"], "receipt_type": row["type"],
            "purchase_order_line_number": line["number"] if line else "",
        })  # fmt: skip

    rows.rules.setdefault("sn_shop_purchase_order", []).append(ordered)
    rows.rules.setdefault("sn_shop_receipt", []).append(received)


def _name(rows: Rows, source: str) -> str:
    found = rows.get("sn_fin_erp_source", source)
    return "" if found is None else str(found["name"])
