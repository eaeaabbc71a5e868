"""Codes are read whole, retired ones inactive, doubles refused; orders and receipts by the profile's names."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.procurement import Procurement
from st_pipelines.systems.servicenow.reads import read_reference
from st_pipelines_tests.servicenow.hostile import Hostile
from st_pipelines_tests.servicenow.samples import demo_profile, fill, order, order_line, record

PROFILE = demo_profile()
DAY = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC))


@pytest.fixture
def tables(hostile: Hostile) -> dict[str, list[Any]]:
    fill(hostile, PROFILE)
    return hostile.tables


def test_cost_centers_outside_their_validity_are_inactive(tables: dict[str, list[Any]], client: ServiceNow) -> None:
    for place, (code, begins, ends) in enumerate(
        [("A", "", ""), ("B", "2026-01-01", "2026-06-30"), ("C", "2027-01-01", ""), ("D", "2026-01-01", "2026-10-01")]
    ):
        tables["cmn_cost_center"].append(
            record(str(10 + place), code=code, name=code, valid_from=begins, valid_to=ends)
        )
    found = read_reference(client, PROFILE, "cost_centers", today=date(2026, 10, 1)).to_pydict()
    assert dict(zip(found["code"], found["is_active"], strict=True)) == {
        "4100": True, "A": True, "B": False, "C": False, "D": True,
    }  # fmt: skip


def test_a_code_that_changes_while_the_list_is_read_is_not_lost(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow
) -> None:
    accounts = tables["sn_fin_gl_account"]
    accounts += [record(str(n), n, number=str(5000 + n), account_name="x", inactive="false") for n in range(2, 45)]
    asked = [0]

    def touch(table: str) -> None:
        if table == "sn_fin_gl_account":
            asked[0] += 1
            if asked[0] == 3:
                accounts[-1].update(sys_updated_on="2026-11-30 00:00:00", inactive="true")

    hostile.before, hostile.clock = touch, datetime(2026, 11, 29, tzinfo=UTC)
    found = read_reference(client, PROFILE, "gl_accounts").to_pydict()
    assert len(found["code"]) == 44
    assert [code for code, active in zip(found["code"], found["is_active"], strict=True) if not active] == ["5044"]


def test_a_doubled_code_and_an_unreadable_record_are_refused(
    tables: dict[str, list[Any]], hostile: Hostile, client: ServiceNow
) -> None:
    tables["cmn_cost_center"].append(record("9", code="4100", name="x", valid_from="", valid_to=""))
    with pytest.raises(Untrusted, match="two records have the code '4100'"):
        read_reference(client, PROFILE, "cost_centers")
    hostile.withheld = {"account_name"}
    with pytest.raises(Untrusted, match="account_name is missing: the integration user may not read it"):
        read_reference(client, PROFILE, "gl_accounts")


def test_orders_lines_and_receipts_are_read_with_negative_corrections(
    tables: dict[str, list[Any]], client: ServiceNow
) -> None:
    tables["sn_shop_purchase_order"].append(order("1"))
    tables["sn_shop_purchase_order_line"].append(order_line("1"))
    for serial, quantity in (("3", "10"), ("4", "-2.5")):
        tables["sn_shop_receipt"].append(record(serial, **{
            "erp_gr_number": f"R{serial}", "purchase_order_line.purchase_order.erp_number": "PO1",
            "purchase_order_line.erp_line_number": "1", "quantity_received": quantity, "status": "1"}))  # fmt: skip
    tables["sn_shop_receipt"].append(record("5", **{
        "erp_gr_number": "R5", "purchase_order_line.purchase_order.erp_number": "PO1",
        "purchase_order_line.erp_line_number": "1", "quantity_received": "1", "status": "99"}))  # fmt: skip
    procurement = Procurement(client, PROFILE)
    procurement.learn()
    (orders,) = procurement.purchase_orders.window(*DAY)
    assert [(one.number, one.status, one.currency, one.amount) for one in orders.records] == [
        ("PO1", "Partially Delivered", "USD", Decimal("400.00"))]  # fmt: skip
    (lines,) = procurement.order_lines.window(*DAY)
    assert [(one.quantity, one.received_quantity) for one in lines.records] == [(Decimal(16), Decimal(0))]
    (receipts,) = procurement.receipts.window(*DAY)
    assert sum(one.quantity for one in receipts.records) == Decimal("7.5")
    assert [str(one) for one in receipts.unreadable] == [
        "sn_shop_receipt R5: status: '99' is no choice of the instance"
    ]
