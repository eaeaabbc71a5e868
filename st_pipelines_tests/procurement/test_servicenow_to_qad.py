"""Approved invoices without order from ServiceNow into QAD: once, to the right account, to the cent, and told back."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from st_pipelines.integrations.source_record import source_record
from st_pipelines_tests.procurement.accounts_payable import DAYS, MONTHS, SUPPLIER, Payables, amount, payables


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    """Tests add their own invoices and look at these alone."""
    with payables(tmp_path_factory.mktemp("payables")) as made:
        yield made


def test_an_invoice_is_posted_where_it_is_coded_and_its_voucher_comes_back(company: Payables) -> None:
    lines = [{"unit_price": "100.00", "cost_center": "1100", "gl_account": "5000"},
             {"quantity": "3", "unit_price": "33.335", "cost_center": "2100", "gl_account": "5100"}]  # fmt: skip
    made = company.approved("F-1001", lines, tax="8.25")
    company.run()
    (booked,) = company.booked("F-1001")
    assert (booked["supplierCode"], amount(booked), booked["entityCode"]) == (SUPPLIER, Decimal("208.26"), "10USACO")
    legs = {(line["glCode"], line["costCentreCode"]): Decimal(str(line["amountTC"])) for line in booked["postingLines"]}
    assert legs == {("2000", ""): Decimal("208.26"), ("5000", "1100"): Decimal("100.00"),
                    ("5100", "2100"): Decimal("100.01"), ("5300", "1100"): Decimal("8.25")}  # fmt: skip
    number, day, result, message = company.told(made["sys_id"])
    assert number.endswith(f"/{booked['voucherNumber']}")
    assert (day, result, message) == ("2026-10-15", "Posted", "")


def test_both_sides_reconcile_per_legal_entity_account_and_month(company: Payables) -> None:
    company.approved("F-1101")
    company.approved("F-1102", [{"unit_price": "50.00", "cost_center": "4100", "gl_account": "5400"}],
                     legal_entity="20USACO")  # fmt: skip
    company.run()
    for month in MONTHS:
        compared = company.back.month(month)
        assert compared.is_clean, compared.cause_rows
    october = company.back.month(MONTHS[1])
    rows = {(row["business_unit"].partition(" ")[0], row["gl_account"].partition(" ")[0]) for row in october.total_rows}
    assert {("10USACO", "2000"), ("10USACO", "5000"), ("20USACO", "2000"), ("20USACO", "5400")} <= rows


def test_a_second_run_writes_nothing_to_either_system(company: Payables) -> None:
    company.approved("F-1201")
    company.run()
    before = company.writes()
    stand, told = company.run()
    assert set(stand) == {"posted"}
    assert (told.told, sum(told.noted.values())) == (0, 0)
    assert company.writes() == before


def test_what_was_told_stays_in_its_day_and_an_invoice_that_is_paid_stays_posted(company: Payables) -> None:
    made = company.approved("F-1301")
    company.run()
    for state in ("Pending payment", "Paid"):
        value = {"Pending payment": "120", "Paid": "150"}[state]
        company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"state": value})
        stand = company.post()
        assert set(stand) == {"posted"}, state
    assert len(company.booked("F-1301")) == 1


def test_the_same_invoice_approved_twice_is_one_voucher_and_both_rows_know_it(company: Payables) -> None:
    first, second = company.approved("F-1401"), company.approved("F-1401")
    company.run()
    (booked,) = company.booked("F-1401")
    assert company.told(first["sys_id"]) == company.told(second["sys_id"])
    assert company.told(first["sys_id"])[0].endswith(f"/{booked['voucherNumber']}")


def test_a_copy_that_is_approved_after_the_posting_posts_nothing(company: Payables) -> None:
    first = company.approved("F-1501")
    company.run()
    second = company.act("resubmit_invoice", invoice=first["sys_id"], as_new=True)[0]
    assert second["sys_id"] != first["sys_id"]
    company.run()
    assert len(company.booked("F-1501")) == 1
    assert company.told(second["sys_id"]) == company.told(first["sys_id"])


def test_the_same_number_of_another_supplier_or_type_is_another_invoice(company: Payables) -> None:
    company.approved("F-1601")
    company.approved("F-1601", supplier="PS0002")
    company.approved("F-1601", invoice_type="Credit memo")
    company.run()
    assert sorted(row["invoiceType"] for row in company.booked("F-1601")) == ["Credit Note", "Invoice", "Invoice"]


def test_a_credit_memo_is_a_credit_note_whichever_sign_it_has(company: Payables) -> None:
    company.approved("F-1701", invoice_type="Credit memo")
    company.approved("F-1702", [{"unit_price": "-100.00", "cost_center": "1100", "gl_account": "5000"}],
                     invoice_type="Credit memo")  # fmt: skip
    company.run()
    for number in ("F-1701", "F-1702"):
        (booked,) = company.booked(number)
        assert (booked["invoiceType"], amount(booked)) == ("Credit Note", Decimal("100.00"))
    assert company.back.month(MONTHS[1]).is_clean


def test_a_number_may_hold_anything_that_a_query_can_name(company: Payables) -> None:
    numbers = ["F^1801", "F-1802 ünïcode/№", "^ORsupplier=", "F" * 40, "a,b^^c", "F-1803'\"%&"]
    made = {number: company.approved(number) for number in numbers}
    company.run()
    for number, row in made.items():
        assert len(company.booked(number)) == 1, number
        assert company.told(row["sys_id"])[2] == "Posted", number
    before = company.writes()
    company.run()
    assert company.writes() == before


def test_postgresql_too(tmp_path: Path, postgres_url: str) -> None:
    with payables(tmp_path) as made:
        made.back.database_url = made.forth.database_url = postgres_url
        made.back.connect()
        row = made.approved("F-1")
        made.run()
        assert made.told(row["sys_id"])[2] == "Posted"
        assert made.post(DAYS) == {"posted": 1}
        assert made.back.month(MONTHS[1]).is_clean


def test_the_life_of_an_invoice_begins_with_its_rows_as_received(company: Payables) -> None:
    made = company.approved("F-1901")
    company.run()
    with company.back.session() as session:
        found = source_record(session.store, session.road, session.integration.name, "supplier_invoices",
                              "SN:demo:invoice:F.2d1901-PS0001-invoice", DAYS[0].isoformat())  # fmt: skip
    assert found is not None
    assert (found.record["sys_id"], found.record["invoice_amount"]) == (made["sys_id"], "USD;100.00")
