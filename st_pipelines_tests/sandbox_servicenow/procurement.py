"""Masters, an order and receipts, staged as an integration stages them."""

from st_pipelines_tests.sandbox_servicenow.api import Api

S = "sn_fcms_intg_"


def load_masters(api: Api) -> None:
    api.stage(
        f"{S}payment_term_stage", u_payment_term="N30", u_erp_source="QAD", u_name="Net 30", u_net_days_to_pay="30"
    )
    api.stage(f"{S}imp_cost_center", u_code="1100", u_erp_source="QAD", u_name="HVAC Service",
              u_legal_entity="10USACO")  # fmt: skip
    api.stage(f"{S}gl_account_stage", u_number="5000", u_erp_source="QAD", u_account_name="Cost of Materials")
    api.stage(f"{S}imp_supplier", u_erp_company_code="S0001", u_erp_source="QAD", u_legal_name="Acme & Sons",
              u_payment_term="N30", u_status="Active")  # fmt: skip


def load_order(
    api: Api, number: str = "P0001", lines: tuple[tuple[str, str], ...] = (("10", "25.50"), ("4", "100"))
) -> None:
    api.stage(f"{S}imp_order", u_erp_po_number=number, u_erp_source="QAD", u_legal_entity="10USACO",
              u_supplier_number="S0001", u_po_amount="655.00", u_po_amount_currency="USD", u_po_status="Ordered",
              u_payment_term="N30")  # fmt: skip
    for position, (quantity, price) in enumerate(lines, start=1):
        api.stage(f"{S}imp_order_line", u_erp_po_number=number, u_erp_po_line_number=str(position), u_erp_source="QAD",
                  u_product_name=f"Item {position}", u_purchased_quantity=quantity, u_unit_price=price,
                  u_currency="USD", u_cost_center="1100", u_gl_account="5000",
                  u_goods_receipt_required="true")  # fmt: skip


def receive(api: Api, receipt: str, line: str, quantity: str, number: str = "P0001") -> dict[str, str]:
    return api.stage(f"{S}imp_receipt", u_erp_receipt_number=receipt, u_erp_po_number=number, u_erp_source="QAD",
                     u_erp_po_line_number=line, u_quantity_received=quantity, u_state="Received")  # fmt: skip
