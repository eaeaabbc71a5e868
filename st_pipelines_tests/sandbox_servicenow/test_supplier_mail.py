"""Bills of the same business on both sides: QAD has the orders, ServiceNow gets the invoices."""

from collections import defaultdict
from decimal import Decimal

from st_pipelines.sandbox.business.procurement import Delivery, bills, procure
from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.procurement import S, load_masters, load_order, receive

APPROVED = "110"


def test_bills_ask_for_no_more_than_comes_in_the_end() -> None:
    orders = procure(1, "demo", "2026-10")
    come: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    first: dict[str, Delivery] = {}
    for delivery in (one for order in orders for one in order.deliveries):
        come[delivery.order, delivery.line] += delivery.quantity
        first.setdefault(delivery.order, delivery)
    made = bills(1, "demo", "2026-10")
    assert made == bills(1, "demo", "2026-10") and len({bill.number for bill in made}) == len(made)
    asked: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for bill in made:
        for line in bill.lines if bill.order else ():
            asked[bill.order, line.number] += line.quantity
    assert asked and all(quantity <= come[key] for key, quantity in asked.items())
    early = [bill for bill in made if bill.order and bill.day < first[bill.order].day]
    assert early and len([bill for bill in made if not bill.order]) == len(orders) // 6


def test_a_bill_waits_for_its_order_and_is_taken_in_once(api: Api) -> None:
    assert api.act("take_in_mail") == []
    load_masters(api)
    orders = procure(1, "small", "2026-10")
    known = [order for order in orders if order.deliveries and order.company == 1][:3]
    for order in known:
        api.stage(
            f"{S}imp_supplier",
            u_erp_company_code=order.supplier.code,
            u_erp_source="QAD",
            u_legal_name=order.supplier.name,
        )
        api.stage(f"{S}imp_order", u_erp_po_number=order.number, u_erp_source="QAD", u_po_status="Ordered",
                  u_supplier_company_name=order.supplier.name)  # fmt: skip
        for line in order.lines:
            api.stage(f"{S}imp_order_line", u_erp_po_number=order.number, u_erp_po_line_number=str(line.number),
                      u_erp_source="QAD", u_unit_price=str(line.price),
                      u_purchased_quantity=str(line.quantity))  # fmt: skip
    expected = [bill for bill in bills(1, "small", "2026-10") if bill.order in {order.number for order in known}]
    assert api.act("take_in_mail", until="2026-08-31") == []
    made = api.act("take_in_mail", until="2026-11-02")
    assert [row["supplier_invoice_number"] for row in made if row["purchase_order"]] == [
        bill.number for bill in expected
    ]
    assert {row["state"] for row in made} == {APPROVED} and all(row["supplier"] for row in made)
    assert api.act("take_in_mail", until="2026-11-02") == []
    amounts = {row["supplier_invoice_number"]: row["invoice_amount"].partition(";")[2] for row in made}
    for bill in expected:
        cents = [(line.quantity * line.price).quantize(Decimal("0.01")) for line in bill.lines]
        assert Decimal(amounts[bill.number]) == sum(cents)


def test_an_order_told_again_that_it_is_ordered_keeps_its_progress(api: Api) -> None:
    load_masters(api)
    load_order(api)
    receive(api, "R1", "1", "3")
    api.stage(f"{S}imp_order", u_erp_po_number="P0001", u_erp_source="QAD", u_po_status="Ordered")
    assert api.rows("sn_shop_purchase_order", "", sysparm_display_value="true")[0]["status"] == "Partially Delivered"
    api.stage(f"{S}imp_order", u_erp_po_number="P0001", u_erp_source="QAD", u_po_status="Closed Canceled")
    receive(api, "R2", "1", "1")
    assert api.rows("sn_shop_purchase_order", "", sysparm_display_value="true")[0]["status"] == "Closed Canceled"


def test_a_deleted_row_leaves_a_trace_elsewhere_only(api: Api) -> None:
    row = api.create("sn_fin_supplier", name="Gone")
    api.http.delete(f"/api/now/table/sn_fin_supplier/{row['sys_id']}", headers=api.headers)
    assert api.rows("sn_fin_supplier") == []
    assert api.one("sys_audit_delete", "tablename=sn_fin_supplier")["documentkey"] == row["sys_id"]
