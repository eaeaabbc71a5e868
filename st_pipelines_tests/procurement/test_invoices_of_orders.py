"""Approved invoices of purchase orders, both directions together: an invoice waits until QAD has its goods, is matched
then on the first try, and ServiceNow sees match, variance and hold.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.posting import write_back
from st_pipelines_tests.procurement.accounts_payable import MONTHS, Payables, amount, payables

DRAFT = "10"  # as stored by the sandbox's instance


@pytest.fixture(scope="module")
def company(run_life: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    """Two months of orders and receipts went from QAD to ServiceNow; no supplier has invoiced anything yet."""
    with payables(tmp_path_factory.mktemp("payables"), with_orders=run_life) as made:
        yield made


def open_lines(company: Payables, currency: str = "USD") -> list[dict[str, Any]]:
    """Order lines of which nothing is invoiced yet, with what was received of them."""
    orders = {row["purchaseOrderNumber"]: row for row in company.back.state("qad", "purchase_orders")}
    received = company.back.received_in_qad()
    invoiced = {(line["purchaseOrderNumber"], str(line["purchaseOrderLine"]))
                for row in company.back.state("qad", "supplier_invoices")
                for line in row.get("matchingLines") or ()}  # fmt: skip
    return [
        {"order": row["purchaseOrderNumber"], "line": str(row["purchaseOrderLine"]), "price": row["purchaseCost"],
         "ordered": Decimal(str(row["quantityOrdered"])), "entity": orders[row["purchaseOrderNumber"]]["shipToSite"],
         "received": received.get((row["purchaseOrderNumber"], str(row["purchaseOrderLine"])), Decimal(0))}
        for row in company.back.state("qad", "purchase_order_lines")
        if (row["purchaseOrderNumber"], str(row["purchaseOrderLine"])) not in invoiced
        and orders[row["purchaseOrderNumber"]]["currencyCode"] == currency
    ]  # fmt: skip


def invoiced(company: Payables, number: str, line: dict[str, Any], quantity: str, **more: str) -> dict[str, Any]:
    return company.approved(number, [{"line": line["line"], "quantity": quantity, **more}],
                            purchase_order=line["order"])  # fmt: skip


def test_goods_that_are_there_are_matched_and_the_match_comes_back(company: Payables) -> None:
    line = next(one for one in open_lines(company) if one["received"] >= 2)
    made = invoiced(company, "G1", line, "2")
    company.run()
    (booked,) = company.booked("G1")
    (match,) = booked["matchingLines"]
    assert (match["purchaseOrderNumber"], str(match["purchaseOrderLine"])) == (line["order"], line["line"])
    assert Decimal(str(match["quantity"])) == 2
    row = company.invoice(made["sys_id"])
    worth = (2 * Decimal(str(line["price"]))).quantize(Decimal("0.01"))
    assert (row["u_erp_status"], Decimal(row["u_erp_matched_amount"])) == ("Matched", worth)
    assert Decimal(row["u_erp_variance_amount"]) == Decimal(row["u_erp_hold_amount"]) == 0


def test_an_early_invoice_waits_says_so_and_goes_out_when_its_goods_come(company: Payables) -> None:
    line = next(one for one in open_lines(company) if not one["received"])
    made = invoiced(company, "G2", line, "3")
    stand, _ = company.run()
    assert stand["waiting"] == 1 and not company.booked("G2")
    _, _, result, message = company.told(made["sys_id"])
    assert result == "Waiting" and f"order {line['order']} line {line['line']}: 3 invoiced, 0 received" in message
    company.back.act("qad", action="receive", purchase_order=line["order"], line=int(line["line"]), quantity="2")
    assert company.run()[0]["waiting"] == 1, "two of three are not enough"
    company.back.act("qad", action="receive", purchase_order=line["order"], line=int(line["line"]), quantity="1")
    company.run()
    assert len(company.booked("G2")) == 1
    assert company.told(made["sys_id"])[2:] == ("Matched", "")


def test_an_invoice_that_is_reopened_while_it_waits_does_not_go_out_with_its_goods(company: Payables) -> None:
    line = next(one for one in open_lines(company) if not one["received"])
    made = invoiced(company, "G6", line, "1")
    assert company.run()[0]["waiting"] >= 1
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"state": DRAFT})
    company.back.act("qad", action="receive", purchase_order=line["order"], line=int(line["line"]), quantity="1")
    company.run()
    assert not company.booked("G6")
    company.act("approve_invoice", invoice=made["sys_id"])
    company.run()
    assert len(company.booked("G6")) == 1


def test_a_price_that_differs_from_the_order_comes_back_as_variance(company: Payables) -> None:
    line = next(one for one in open_lines(company) if one["received"] >= 2)
    dearer = Decimal(str(line["price"])) + 1
    made = invoiced(company, "G3", line, "2", unit_price=str(dearer))
    company.run()
    (booked,) = company.booked("G3")
    assert amount(booked) == 2 * dearer
    row = company.invoice(made["sys_id"])
    assert Decimal(row["u_erp_variance_amount"]) == 2
    assert row["u_erp_status"] == ("On hold" if Decimal(row["u_erp_hold_amount"]) else "Matched")


def test_a_hold_that_is_released_in_qad_is_told_an_hour_later(
    company: Payables, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = next(one for one in open_lines(company) if one["received"] >= 2)
    made = invoiced(company, "G7", line, "2", unit_price=str(2 * Decimal(str(line["price"]))))
    company.run()
    row = company.invoice(made["sys_id"])
    assert row["u_erp_status"] == "On hold" and Decimal(row["u_erp_hold_amount"]) > 0
    company.back.act("qad", action="release_hold", reference="G7")
    assert company.run()[1].told == 0, "not before its hour"
    monkeypatch.setattr(write_back.look_again, "__defaults__", (0,))
    company.run()
    row = company.invoice(made["sys_id"])
    assert row["u_erp_status"] == "Matched" and Decimal(row["u_erp_hold_amount"]) == 0
    before = company.writes()
    company.run()
    assert company.writes() == before


def test_an_invoice_in_another_currency_than_its_order_is_held(company: Payables) -> None:
    line = next(one for one in open_lines(company) if one["received"] >= 1)
    made = company.approved("G4", [{"line": line["line"], "quantity": "1"}], purchase_order=line["order"],
                            currency="EUR")  # fmt: skip
    company.run()
    assert not company.booked("G4")
    reasons = [reason for code, reason in company.held() if code == "currency.order_differs"]
    assert [f"the invoice is in EUR, purchase order {line['order']} is in USD" in one for one in reasons] == [True]
    assert company.told(made["sys_id"])[2] == "Held"


def test_lines_with_and_without_order_on_one_invoice(company: Payables) -> None:
    line = next(one for one in open_lines(company) if one["received"] >= 1)
    made = company.approved(
        "G5", [{"line": line["line"], "quantity": "1"},
               {"unit_price": "12.50", "cost_center": "1100", "gl_account": "5200", "description": "Freight"}],
        purchase_order=line["order"],
    )  # fmt: skip
    company.run()
    (booked,) = company.booked("G5")
    assert amount(booked) == Decimal(str(line["price"])) + Decimal("12.50")
    assert company.told(made["sys_id"])[2] == "Matched"


def test_all_of_it_reconciles_but_for_what_waits_or_is_held(company: Payables) -> None:
    for month in MONTHS:
        causes = {row["cause"] for row in company.back.month(month).cause_rows}
        assert causes <= {"Held", "Waiting", "Held by the mapping"}, causes


def test_what_was_taken_back_while_it_waited_is_no_variance_however_often_the_day_is_read(company: Payables) -> None:
    line = next(one for one in open_lines(company) if not one["received"])
    made = invoiced(company, "G8", line, "1")
    company.run()
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"state": DRAFT})
    for _ in range(3):
        company.later()
        company.run()
    assert not [row for row in company.back.month(MONTHS[1]).cause_rows if ":G8-" in row["document"]]
