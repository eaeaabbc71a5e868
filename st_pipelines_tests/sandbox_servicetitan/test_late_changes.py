"""Writes and what people do afterwards: documents still add up, and every change shows as a change."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.sandbox_servicetitan.api import Api


def state(api: Api, entity: str) -> dict[int, dict[str, Any]]:
    return {one["id"]: one for one in api.control(f"state?entity={entity}")["records"]}


def pick(api: Api, entity: str, **wanted: Any) -> dict[str, Any]:
    return next(one for one in state(api, entity).values() if all(one[name] == is_ for name, is_ in wanted.items()))


def test_marking_as_exported_is_judged_one_by_one(api: Api) -> None:
    posted = pick(api, "invoices", syncStatus="Posted", active=True)
    others = [pick(api, "invoices", syncStatus="Pending"), pick(api, "invoices", active=False)]
    marks = [{"invoiceId": one["id"], "externalId": "Q-1", "externalMessage": None} for one in [posted, *others]]
    answer = api.post("accounting", "/invoices/markasexported", [*marks, {"invoiceId": 5}]).json()
    assert [one["success"] for one in answer] == [True, False, False, False]
    assert all(one["errorMessage"] for one in answer[1:]) and answer[0]["errorMessage"] is None
    after = state(api, "invoices")
    assert after[posted["id"]] == posted | {
        "syncStatus": "Exported", "exportId": "Q-1", "modifiedOn": after[posted["id"]]["modifiedOn"]
    }  # fmt: skip
    assert after[posted["id"]]["modifiedOn"] > posted["modifiedOn"]
    assert all(after[one["id"]] == one for one in others)


def test_marking_again_changes_nothing_and_can_be_refused(api: Api) -> None:
    bill = pick(api, "bills", syncStatus="Posted", active=True)
    body = {"inventoryBillIds": [bill["id"]]}
    api.post("accounting", "/inventory-bills/markasexported", body)
    once = state(api, "bills")[bill["id"]]
    again = api.post("accounting", "/inventory-bills/markasexported", body).json()
    assert again[0]["success"] and state(api, "bills")[bill["id"]] == once and once["syncStatus"] == "Exported"
    api.control("settings", {"reexport_succeeds": False})
    assert not api.post("accounting", "/inventory-bills/markasexported", body).json()[0]["success"]


@pytest.mark.parametrize("body", ["nonsense", {"invoiceId": 1}, [{"invoiceId": "x"}], [{}]])
def test_a_body_of_the_wrong_shape_is_a_400(reading: Api, body: Any) -> None:
    assert reading.post("accounting", "/invoices/markasexported", body).status_code == 400


def test_payment_status_is_all_or_nothing(api: Api) -> None:
    before = state(api, "payments")
    two = [one["id"] for one in before.values() if one["syncStatus"] == "Posted"][:2]
    for wrong in ({"paymentIds": [*two, 5], "status": "Exported"}, {"paymentIds": two, "status": "Gone"}):
        assert api.post("accounting", "/payments/status", wrong).status_code == 400
    assert state(api, "payments") == before
    api.post("accounting", "/payments/status", {"paymentIds": two, "status": "Exported"})
    assert [state(api, "payments")[one]["syncStatus"] for one in two] == ["Exported"] * 2


def test_an_edited_line_carries_through_to_tax_total_and_balance(api: Api) -> None:
    before = next(one for one in state(api, "invoices").values()
                  if one["items"] and one["items"][-1]["taxable"] and one["salesTaxCode"]["taxRate"]
                  and one["balance"] != "0.00")  # fmt: skip
    line = len(before["items"]) - 1
    price = Decimal(before["items"][line]["price"]) + Decimal("10.00")
    (after,) = api.act("edit_invoice_line", invoice_id=before["id"], line=line, price=str(price))
    items = after["items"]
    taxed = sum(Decimal(one["total"]) for one in items if one["taxable"])
    assert Decimal(after["subTotal"]) == sum(Decimal(one["total"]) for one in items)
    assert abs(Decimal(after["salesTax"]) - taxed * after["salesTaxCode"]["taxRate"]) <= Decimal("0.005")
    assert Decimal(after["total"]) == Decimal(after["subTotal"]) + Decimal(after["salesTax"]) > Decimal(before["total"])
    grown = Decimal(after["total"]) - Decimal(before["total"])
    assert Decimal(after["balance"]) - Decimal(before["balance"]) == grown
    assert after["modifiedOn"] > before["modifiedOn"] and after["id"] == before["id"]


def test_unapplied_money_is_applied_later(api: Api) -> None:
    payments = [one for one in state(api, "payments").values() if Decimal(one["unappliedAmount"]) > 0 and one["active"]]
    invoices = state(api, "invoices").values()
    payment, invoice = next((pay, owed) for pay in payments for owed in invoices
                            if owed["customer"] == pay["customer"] and Decimal(owed["balance"]) > 0)  # fmt: skip
    paid, settled = api.act("apply_payment", payment_id=payment["id"], invoice_id=invoice["id"], amount="0.50")
    assert Decimal(payment["unappliedAmount"]) - Decimal(paid["unappliedAmount"]) == Decimal("0.50")
    assert Decimal(invoice["balance"]) - Decimal(settled["balance"]) == Decimal("0.50")
    assert paid["appliedTo"][-1]["appliedTo"] == invoice["id"] and paid["modifiedOn"] > payment["modifiedOn"]
    refused = api.http.post("/_sandbox/business", json={"action": "apply_payment", "payment_id": payment["id"],
                                                        "invoice_id": invoice["id"], "amount": "99999999"})  # fmt: skip
    assert refused.status_code == 400 and "unapplied" in refused.json()["error"]


def test_the_rest_of_an_order_arrives(api: Api) -> None:
    order = pick(api, "purchase_orders", status="PartiallyReceived")
    receipt, received = api.act("receive_purchase_order", purchase_order_id=order["id"])
    assert received["status"] == "Received"
    assert all(one["quantityReceived"] == one["quantity"] for one in received["items"])
    listed = api.every("inventory", "/receipts", purchaseOrderIds=order["id"])
    assert receipt in listed and len(listed) >= 2
    quantities: dict[int, Decimal] = {}
    for one in (line for each in listed for line in each["items"]):
        quantities[one["purchaseOrderItemId"]] = (
            quantities.get(one["purchaseOrderItemId"], Decimal(0)) + one["quantity"]
        )
    assert quantities == {one["id"]: one["quantity"] for one in order["items"]}


def test_a_new_invoice_adds_up_and_shows_in_its_list(api: Api) -> None:
    lines = [{"type": "Service", "quantity": "1", "price": "100.00"},
             {"type": "Material", "quantity": 2, "price": "10.05", "taxable": True, "businessUnitId": 103}]  # fmt: skip
    (made,) = api.act("add_invoice", business_unit_id=101, lines=lines)
    assert (made["subTotal"], made["salesTax"], made["total"]) == ("120.10", "1.66", "121.76")
    assert made in api.every("accounting", "/invoices", modifiedOnOrAfter="2026-11-01T05:00:00Z")


def test_a_bill_can_come_before_its_goods(api: Api) -> None:
    order = pick(api, "purchase_orders", status="Sent")
    (bill,) = api.act("add_bill", purchase_order_id=order["id"], vendor_number="V-77")
    lines = sum(Decimal(one["quantity"]) * Decimal(one["cost"]) for one in bill["items"])
    assert Decimal(bill["billAmount"]) == lines.quantize(Decimal("0.01")) > 0
    assert bill in [{**one, "active": True} for one in api.every("accounting", "/inventory-bills/paginated")]
    (receipt, _) = api.act("receive_purchase_order", purchase_order_id=order["id"])
    assert receipt["billId"] == bill["id"]


def test_any_field_can_be_made_wrong(api: Api) -> None:
    before = pick(api, "invoices", syncStatus="Posted")
    (after,) = api.act("set_fields", entity="invoices", record_id=before["id"], fields={"total": "1.00", "items": None})
    assert after == {**before, "total": "1.00", "items": None, "modifiedOn": after["modifiedOn"]}
    assert after["modifiedOn"] > before["modifiedOn"] and state(api, "invoices")[before["id"]] == after


def test_what_does_not_fit_is_refused_with_a_reason(api: Api) -> None:
    for order in ({"action": "explode"}, {"action": "void_invoice", "invoice_id": 5}, {"action": "void_invoice"},
                  {"action": "edit_invoice_line", "invoice_id": pick(api, "invoices", items=None)["id"], "price": "1"},
                  {"action": "add_invoice", "business_unit_id": 101, "lines": [{"type": "Service"}]}):  # fmt: skip
        answer = api.http.post("/_sandbox/business", json=order)
        assert answer.status_code == 400 and answer.json()["error"], order


def test_changes_outlive_a_killed_process_and_a_reset_undoes_them(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, systems=["servicetitan"], seed=3) as first:
        api = Api(first["servicetitan"])
        before = state(api, "invoices")
        (voided,) = api.act("void_invoice", invoice_id=next(iter(before)))
        first.kill()
    with running_sandbox(tmp_path, systems=["servicetitan"], seed=3) as second:
        again = Api(second["servicetitan"])
        assert state(again, "invoices") == {**before, voided["id"]: voided}
        token = api.headers
        assert again.http.get("/accounting/v2/tenant/1234567/tax-zones", headers=token).status_code == 200
        again.control("reset", {})
        assert state(again, "invoices") == before
