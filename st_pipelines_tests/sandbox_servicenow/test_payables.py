"""Accounts payable: an invoice's life, the rows that go out, and what comes back from the ERP."""

import pytest

from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.procurement import load_masters, load_order, receive

OUT = "sn_spend_intg_outbound_invoice"
TWO_OF_ONE = [{"line": "1", "quantity": "2"}]


@pytest.fixture
def ordered(api: Api) -> Api:
    load_masters(api)
    load_order(api)
    return api


def test_an_approved_invoice_goes_out_with_its_coding(ordered: Api) -> None:
    lines = [{"line": "1", "quantity": "4"}, {"line": "2", "quantity": "1.5", "unit_price": "99.99"}]
    (draft,) = ordered.act(
        "add_invoice", supplier_invoice_number="A-1", purchase_order="P0001", lines=lines, tax="10.00"
    )
    assert ordered.one("sn_shop_invoice", "")["invoice_amount"] == "261.99" and ordered.rows(OUT) == []
    ordered.act("approve_invoice", invoice=draft["number"])
    header = ordered.one(OUT, "integration_status=10")
    assert {name: header[name] for name in ("amount_invoiced", "currency", "subtotal", "tax_amount", "erp_source")} == {
        "amount_invoiced": "261.99", "currency": "USD", "subtotal": "251.99", "tax_amount": "10.00",
        "erp_source": "QAD",
    }  # fmt: skip
    fields = "purchase_order_line.erp_line_number,line_quantity,line_amount_invoiced,cost_center.code,gl_account.number"
    rows = ordered.rows(f"{OUT}_line", f"invoice={header['sys_id']}^ORDERBYnumber", sysparm_fields=fields)
    assert [list(row.values()) for row in rows] == [
        ["1", "4", "102.00", "1100", "5000"], ["2", "1.5", "149.99", "1100", "5000"]]  # fmt: skip
    assert len(ordered.rows(f"{OUT}_tax_line")) == 1
    order = ordered.one("sn_shop_purchase_order", "")
    assert order["invoiced_amount"] == "252.00" and order["remaining_amount"] == "403.00"


def test_without_subflows_only_the_primary_table_tells(ordered: Api) -> None:
    ordered.control("settings", {"outbound_rows": False})
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001", lines=TWO_OF_ONE)
    ordered.act("approve_invoice", invoice=draft["sys_id"])
    assert ordered.rows(OUT) == []
    approved = ordered.one("sys_choice", "name=sn_fin_base_invoice^element=state^label=Approved")["value"]
    assert len(ordered.rows("sn_shop_invoice", f"state={approved}")) == 1


def test_the_posted_result_comes_back_to_the_invoice_and_payment_follows(ordered: Api) -> None:
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001", lines=TWO_OF_ONE)
    ordered.act("approve_invoice", invoice=draft["number"])
    header = ordered.one(OUT, "")
    ordered.change(OUT, header["sys_id"], integration_status="20")
    posted = {"erp_number": "2026/APINV/17", "erp_posting_date": "2026-11-03", "integration_status": "30"}
    ordered.change(OUT, header["sys_id"], **posted)
    (invoice,) = ordered.rows("sn_shop_invoice", "", sysparm_display_value="true")
    assert (invoice["state"], invoice["erp_number"], invoice["erp_posting_date"]) == (
        "Pending payment", "2026/APINV/17", "2026-11-03")  # fmt: skip
    ordered.change("sn_shop_invoice", draft["sys_id"], u_erp_matched_amount="51.00", u_erp_hold_amount="0.00")
    ordered.stage("sn_spend_intg_imp_invoice_payment_detail", u_payment_reference_id="PAY1", u_erp_source="QAD",
                  u_erp_invoice_number="2026/APINV/17", u_payment_amount="51.00", u_currency="USD",
                  u_payment_date="2026-11-20", u_payment_method="wire_transfer")  # fmt: skip
    (invoice,) = ordered.rows("sn_shop_invoice", "", sysparm_display_value="true")
    assert (invoice["state"], invoice["payment_date"], invoice["u_erp_matched_amount"]) == (
        "Paid",
        "2026-11-20",
        "51.00",
    )


def test_a_failed_invoice_is_corrected_and_makes_new_rows(ordered: Api) -> None:
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001",
                           lines=[{"line": "1", "quantity": "20"}])  # fmt: skip
    ordered.act("approve_invoice", invoice=draft["number"])
    first = ordered.one(OUT, "")
    ordered.change(OUT, first["sys_id"], integration_status="40", processing_message="20 invoiced, 10 ordered")
    assert ordered.one("sn_shop_invoice", "")["erp_sync_failed"] == "true"
    assert ordered.one("sn_spend_intg_import_error", "")["error_message"] == "20 invoiced, 10 ordered"
    ordered.act("resubmit_invoice", invoice=draft["number"], lines=[{"position": "1", "quantity": "10"}])
    second = ordered.one(OUT, "integration_status=10")
    assert second["sys_id"] != first["sys_id"] and second["amount_invoiced"] == "255.00"
    assert second["supplier_invoice_number"] == first["supplier_invoice_number"] == "A-1"


def test_a_resubmission_may_be_a_whole_new_invoice(ordered: Api) -> None:
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001", lines=TWO_OF_ONE)
    ordered.act("approve_invoice", invoice=draft["number"])
    ordered.act("resubmit_invoice", invoice=draft["number"], as_new=True)
    rows = ordered.rows("sn_shop_invoice", "supplier_invoice_number=A-1")
    assert len({row["sys_id"] for row in rows}) == len({row["number"] for row in rows}) == 2
    assert len(ordered.rows(OUT, "integration_status=10")) == 2 and len(ordered.rows(f"{OUT}_line")) == 2
    ordered.act("cancel_invoice", invoice=draft["number"])
    again = ordered.http.post("/_sandbox/business", json={"action": "resubmit_invoice", "invoice": draft["number"]})
    assert again.status_code == 400


def test_an_invoice_without_an_order_is_coded_by_hand(ordered: Api) -> None:
    coded = [
        {"quantity": "1", "unit_price": "80.00", "cost_center": "1100", "gl_account": "5000", "description": "Rent"}
    ]
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="B-1", supplier="S0001", legal_entity="10USACO",
                           lines=coded, currency="EUR")  # fmt: skip
    ordered.act("approve_invoice", invoice=draft["number"])
    header = ordered.one(OUT, "")
    assert (header["purchase_order"], header["currency"], header["amount_invoiced"]) == ("", "EUR", "80.00")


def test_rejected_and_canceled_invoices_free_what_they_took(ordered: Api) -> None:
    for number, action in (("A-1", "reject_invoice"), ("A-2", "cancel_invoice")):
        (draft,) = ordered.act("add_invoice", supplier_invoice_number=number, purchase_order="P0001", lines=TWO_OF_ONE)
        ordered.act("approve_invoice", invoice=draft["number"])
        ordered.act(action, invoice=draft["number"], reason="wrong goods")
        answer = ordered.http.post("/_sandbox/business", json={"action": "approve_invoice", "invoice": draft["number"]})
        assert answer.status_code == 400
    line = ordered.one("sn_shop_purchase_order_line", "erp_line_number=1")
    assert line["invoiced_quantity"] == "0"
    assert [row["invoice_status"] for row in ordered.rows(OUT, "ORDERBYnumber")] == ["Rejected", "Canceled"]


def test_the_check_finds_what_is_wrong_and_people_may_go_past_it(ordered: Api) -> None:
    receive(ordered, "R1", "1", "3")
    lines = [{"line": "1", "quantity": "5", "unit_price": "26"}]
    (draft,) = ordered.act("add_invoice", supplier_invoice_number="A-1", purchase_order="P0001", lines=lines,
                           currency="CAD", amount="1.00")  # fmt: skip
    ordered.act("check_invoice", invoice=draft["number"])
    specialist = ordered.user("ap.specialist")
    assert sorted(row["exception"] for row in specialist.rows("sn_ap_apm_exception", "status=Open")) == [
        "Currency mismatch",
        "Insufficient Goods Receipt",
        "Invoice isn't balanced",
        "Line unit price variance",
    ]
    refused = ordered.http.post("/_sandbox/business", json={"action": "approve_invoice", "invoice": draft["number"]})
    assert refused.status_code == 400 and "bypass_reason" in refused.json()["error"]
    ordered.act("approve_invoice", invoice=draft["number"], bypass_reason="agreed by phone")
    assert len(specialist.rows("sn_ap_apm_exception", "bypass_reasonISNOTEMPTY")) == 4 and len(ordered.rows(OUT)) == 1


@pytest.mark.parametrize("order", [
    {"action": "add_invoice", "supplier_invoice_number": "X", "lines": TWO_OF_ONE},
    {"action": "add_invoice", "supplier_invoice_number": "X", "purchase_order": "P9", "lines": TWO_OF_ONE},
    {"action": "add_invoice", "supplier_invoice_number": "X", "purchase_order": "P0001", "lines": [{"line": "9"}]},
    {"action": "add_invoice", "supplier_invoice_number": "X", "purchase_order": "P0001", "lines": [{"quantity": "1"}]},
    {"action": "approve_invoice", "invoice": "INVC9"}, {"action": "burn"}, {"action": "approve_invoice", "nr": "1"},
])  # fmt: skip
def test_an_action_that_does_not_fit_changes_nothing(ordered: Api, order: dict[str, object]) -> None:
    assert ordered.http.post("/_sandbox/business", json=order).status_code == 400
    assert ordered.rows("sn_shop_invoice") == ordered.rows("sn_shop_invoice_line") == []
