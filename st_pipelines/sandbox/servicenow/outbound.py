"""Rows of the outbound staging tables, and what the answer of the ERP does to the invoice. Invariant: each approval
makes new rows; an outbound row that was answered is never offered again.
"""

from typing import Any

from st_pipelines.sandbox.servicenow.masters import CHOICES, choice
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import money, plain

Record = dict[str, Any]
HEADER, LINE, TAX = (f"sn_spend_intg_outbound_invoice{part}" for part in ("", "_line", "_tax_line"))
NEW, PROCESSED, FAILED = "10", "30", "40"


def state(label: str) -> str:
    return choice("sn_fin_base_invoice", "state", label)


def send_out(rows: Rows, invoice: Record) -> list[Record]:
    """New rows for an approved invoice: header, lines, tax."""
    currency, _ = money(invoice["invoice_amount"])
    source = rows.get("sn_fin_erp_source", invoice["erp_source"])
    source_name = source["name"] if source else ""
    header = rows.insert(HEADER, {
        "invoice": invoice["sys_id"], "amount_invoiced": _amount(invoice["invoice_amount"]), "currency": currency,
        "erp_source": source_name, "integration_status": NEW, "invoice_date": invoice["invoice_date"],
        "invoice_status": _label(invoice["state"]), "invoice_type": invoice["type"],
        "legal_entity": invoice["legal_entity"], "payment_terms": invoice["payment_terms"],
        "purchase_order": invoice["purchase_order"], "subtotal": _amount(invoice["subtotal"]),
        "supplier": invoice["supplier"], "supplier_invoice_number": invoice["supplier_invoice_number"],
        "tax_amount": _amount(invoice["tax_amount"]),
    })  # fmt: skip
    made = [header]
    for line in rows.find("sn_shop_invoice_line", invoice=invoice["sys_id"]):
        made.append(rows.insert(LINE, {
            "invoice": header["sys_id"], "cost_center": line["cost_center"], "gl_account": line["ledger_account"],
            "erp_source": source_name, "integration_status": NEW, "line_description": line["line_description"],
            "line_amount_invoiced": _amount(line["line_amount"]), "line_quantity": line["invoiced_quantity"],
            "line_unit_price": _amount(line["line_unit_price"]), "purchase_order_line": line["order_line"],
            "subtotal": _amount(line["line_amount"]), "tax_amount": _amount(line["tax_amount"]), "unit": line["uom"],
        }))  # fmt: skip
    for tax in rows.find("sn_shop_invoice_tax_line", invoice=invoice["sys_id"]):
        made.append(rows.insert(TAX, {
            "invoice": header["sys_id"], "integration_status": NEW, "supplier_tax": _amount(tax["tax_amount"]),
            "supplier_tax_rate": tax["tax_rate"], "taxable_amount": _amount(tax["taxable_amount"]),
            "tax_type": tax["tax_type"], "final_tax": _amount(tax["tax_amount"]),
        }))  # fmt: skip
    return made


def tell_state(rows: Rows, invoice: Record) -> None:
    """What was offered and not yet taken says what became of its invoice; it stays offered."""
    for row in rows.find(HEADER, invoice=invoice["sys_id"], integration_status=NEW):
        rows.update(HEADER, row["sys_id"], {"invoice_status": _label(invoice["state"])})


def install_rules(rows: Rows) -> None:
    """After an answer on an outbound header: the invoice. After a payment: the invoice is paid."""

    def answered(table: str, row: Record, before: Record | None) -> None:
        invoice = rows.get("sn_shop_invoice", row["invoice"])
        if invoice is None or before is None:
            return
        changes = {"erp_integration_status": row["integration_status"]}
        if row["integration_status"] == PROCESSED:
            changes |= {"erp_number": row["erp_number"], "erp_posting_date": row["erp_posting_date"][:10],
                        "erp_sync_failed": "false"}  # fmt: skip
            if invoice["state"] == state("Approved"):
                changes["state"] = state("Pending payment")
        if row["integration_status"] == FAILED:
            changes["erp_sync_failed"] = "true"
            if before["integration_status"] != FAILED:
                error = {"error_message": row["processing_message"], "outbound_status": row["sys_id"]}
                rows.insert("sn_spend_intg_import_error", error)
        rows.update("sn_shop_invoice", invoice["sys_id"], changes)

    def paid(table: str, row: Record, before: Record | None) -> None:
        if row["invoice"] and rows.get("sn_shop_invoice", row["invoice"]) is not None:
            done = {"state": state("Paid"), "payment_date": row["payment_date"]}
            rows.update("sn_shop_invoice", row["invoice"], done)

    rows.rules.setdefault(HEADER, []).append(answered)
    rows.rules.setdefault("sn_shop_invoice_payment_detail", []).append(paid)


def _label(value: str) -> str:
    return CHOICES["sn_fin_base_invoice", "state"].get(value, "")


def _amount(stored: str) -> str:
    number = money(stored)[1] if stored else None
    return "" if number is None else plain(number)
