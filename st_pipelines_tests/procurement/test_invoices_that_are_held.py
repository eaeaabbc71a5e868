"""Invoices that must not be posted as they are: each is held with its exact reason, nothing is posted, and once it is
cured the same invoice goes out. What is posted already is never changed or undone in QAD by itself.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines.posting import holds
from st_pipelines_tests.procurement.accounts_payable import MONTHS, Payables, amount, payables


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    with payables(tmp_path_factory.mktemp("payables")) as made:
        yield made


def held_of(company: Payables, number: str) -> list[tuple[str, str]]:
    rows = company.ledger("SELECT doc_key, reason_code, reason FROM posting WHERE integration = :of AND state = 'held'")
    return [(row.reason_code, row.reason) for row in rows if f":{number}-" in row.doc_key or number in row.reason]


def release(company: Payables, number: str) -> None:
    rows = company.ledger("SELECT posting_id, doc_key FROM posting WHERE integration = :of AND state = 'held'")
    ids = [row.posting_id for row in rows if f":{number}-" in row.doc_key]
    with company.back.session() as session:
        holds.release(session.engine, session.context("test", "Ann"), ids[:1], by="Ann", reason="agreed")


# Number, coding, what else is odd about it; the hold, and what it says.
BAD: tuple[tuple[str, dict[str, str], dict[str, str], str, str], ...] = (
    ("H1", {"cost_center": "1100"}, {}, "coding.missing", "line 1 has neither purchase order nor GL account"),
    ("H2", {"cost_center": "7777", "gl_account": "5000"}, {}, "cost_center.unknown", "cost center 7777 does not exist"),
    ("H3", {"cost_center": "9900", "gl_account": "5000"}, {}, "cost_center.inactive", "cost center 9900 is inactive"),
    ("H4", {"cost_center": "1100", "gl_account": "8888"}, {}, "gl_account.unknown", "GL account 8888 does not exist"),
    ("H5", {"cost_center": "1100", "gl_account": "4999"}, {}, "gl_account.inactive", "GL account 4999 is inactive"),
    ("H6", {"gl_account": "5000"}, {}, "coding.unfit", "the account needs a cost center"),
    ("H7", {}, {"amount": "100.01"}, "unbalanced", "lines 100.00 + tax 0.00 + freight 0.00 + other 0.00, amount 100.0"),
    ("H8", {}, {"legal_entity": "30USACO"}, "legal_entity.no_row", "legal entity 30USACO has no row"),
    ("HB", {}, {"supplier": "NOBODY"}, "supplier.unknown", "supplier NOBODY does not exist in the target"),
    ("H9", {}, {"invoice_type": "Prepayment"}, "unreadable", "the type Prepayment is not named in the profile"),
    ("HA", {}, {"currency": "MXN"}, "currency.unknown", "MXN is not one of this integration's"),
)  # fmt: skip


@pytest.fixture(scope="module")
def refused(company: Payables) -> dict[str, dict[str, Any]]:
    """All of ``BAD``, approved and read together; the rows by number."""
    for center in ("7777", "9900"):
        company.act("insert", table="cmn_cost_center", fields={"code": center, "name": "Unknown or retired in QAD"})
    for account in ("8888", "4999"):
        company.act("insert", table="sn_fin_gl_account", fields={"number": account, "account_name": account})
    company.act("insert", table="sn_fin_supplier", fields={"erp_company_code": "NOBODY", "name": "Not in QAD"})
    company.act("insert", table="sn_fin_legal_entity", fields={"erp_company_code": "30USACO", "name": "Third"})
    coded = {"cost_center": "1100", "gl_account": "5000"}
    made = {number: company.approved(number, [{"unit_price": "100.00", **(line or coded)}], **more)
            for number, line, more, _, _ in BAD}  # fmt: skip
    company.run()
    return made


@pytest.mark.parametrize(("number", "code", "says"), [(number, code, says) for number, _, _, code, says in BAD])
def test_an_invoice_is_held_with_the_exact_reason_and_the_reason_is_told(
    company: Payables, refused: dict[str, dict[str, Any]], number: str, code: str, says: str
) -> None:
    ((found, reason),) = held_of(company, number)
    assert (found, says in reason) == (code, True), reason
    assert not company.booked(number)
    _, _, result, message = company.told(refused[number]["sys_id"])
    assert result == "Held" and says in message


def test_a_coding_that_is_cured_goes_out_and_the_message_is_gone(company: Payables) -> None:
    made = company.approved("C1", [{"unit_price": "100.00", "cost_center": "1100"}])
    company.run()
    (line,) = [row for row in company.back.state("servicenow", "sn_shop_invoice_line")
               if row["invoice"] == made["sys_id"]]  # fmt: skip
    (account,) = [row for row in company.back.state("servicenow", "sn_fin_gl_account") if row["number"] == "5000"]
    company.act("set_fields", table="sn_shop_invoice_line", sys_id=line["sys_id"],
                fields={"ledger_account": account["sys_id"]})  # fmt: skip
    company.run()
    assert len(company.booked("C1")) == 1
    assert company.told(made["sys_id"])[2:] == ("Posted", "")


def test_a_line_break_in_the_number_holds_the_invoice_and_loses_nothing(company: Payables) -> None:
    made = company.approved("L1")
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"],
                fields={"supplier_invoice_number": "L1\nORDERBYx"})  # fmt: skip
    company.run()
    ((code, reason),) = held_of(company, made["number"])
    assert code == "unreadable" and "line break" in reason
    assert company.told(made["sys_id"])[2] == "Held"
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"supplier_invoice_number": "L1"})
    company.run()
    assert len(company.booked("L1")) == 1
    assert not held_of(company, made["number"]), "the hold went with its reason"


def test_an_invoice_without_a_number_is_held_by_itself(company: Payables) -> None:
    made = company.approved("N1")
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"supplier_invoice_number": ""})
    company.run()
    ((code, reason),) = held_of(company, made["number"])
    assert code == "unreadable" and "supplier_invoice_number: is empty" in reason
    assert company.told(made["sys_id"])[2] == "Held"


def test_two_approved_rows_that_differ_hold_each_other_until_one_is_canceled(company: Payables) -> None:
    first = company.approved("D1")
    second = company.approved("D1", [{"unit_price": "120.00", "cost_center": "1100", "gl_account": "5000"}])
    company.run()
    ((code, reason),) = held_of(company, "D1")
    assert code == "invoice.conflict"
    assert f"{first['number']} of 100.00 USD and {second['number']} of 120.00 USD" in reason
    assert not company.booked("D1")
    company.act("cancel_invoice", invoice=first["sys_id"], reason="entered twice")
    company.run()
    assert [amount(row) for row in company.booked("D1")] == [Decimal("120.00")]
    assert company.told(second["sys_id"])[2] == "Posted" and not company.told(first["sys_id"])[0]


def _corrected(company: Payables, number: str) -> dict[str, Any]:
    made = company.approved(number)
    company.run()
    company.act("resubmit_invoice", invoice=made["sys_id"], lines=[{"position": "1", "unit_price": "130.00"}])
    company.run()
    return made


def test_a_correction_after_the_posting_is_held_and_qad_stays_as_it_is(company: Payables) -> None:
    made = _corrected(company, "K1")
    assert {code for code, _ in held_of(company, "K1")} == {"changed_after_posting"}
    assert "total 100.00 USD, now 130.00 USD" in held_of(company, "K1")[0][1]
    assert [amount(row) for row in company.booked("K1")] == [Decimal("100.00")]
    voucher, _, result, message = company.told(made["sys_id"])
    assert voucher and result == "Posted" and "now 130.00 USD" in message


def test_a_person_may_release_the_correction(company: Payables) -> None:
    made = _corrected(company, "K2")
    release(company, "K2")
    company.run()
    assert sorted((row["invoiceType"], amount(row)) for row in company.booked("K2")) == [
        ("Credit Note", Decimal("100.00")), ("Invoice", Decimal("100.00")), ("Invoice", Decimal("130.00")),
    ]  # fmt: skip
    newest = max(int(row["voucherNumber"]) for row in company.booked("K2") if row["invoiceType"] == "Invoice")
    assert company.told(made["sys_id"])[0].endswith(f"/{newest}")
    assert company.told(made["sys_id"])[3] == ""


def test_what_is_canceled_after_the_posting_is_held_and_never_deleted(company: Payables) -> None:
    made = company.approved("X1")
    company.run()
    company.act("cancel_invoice", invoice=made["sys_id"], reason="wrong supplier")
    company.run()
    ((code, reason),) = held_of(company, "X1")
    assert code == "not_postable_after_posting" and f"Canceled in ServiceNow ({made['number']})" in reason
    assert len(company.booked("X1")) == 1


def test_what_is_reopened_after_the_posting_is_held(company: Payables) -> None:
    made = company.approved("X3")
    company.run()
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"state": "10"})  # draft
    company.run()
    ((code, reason),) = held_of(company, "X3")
    assert code == "not_postable_after_posting" and f"Reopened in ServiceNow ({made['number']})" in reason
    company.act("approve_invoice", invoice=made["sys_id"])
    company.run()
    assert not held_of(company, "X3") and len(company.booked("X3")) == 1


def test_what_was_canceled_before_it_was_read_is_nothing(company: Payables) -> None:
    made = company.approved("X2")
    company.act("reject_invoice", invoice=made["sys_id"], reason="no")
    company.run()
    assert not company.booked("X2") and not held_of(company, "X2")


def test_an_invoice_that_somebody_else_posted_is_held_and_may_be_released(company: Payables) -> None:
    made = company.approved("S1")
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"erp_number": "OLD-17"})
    company.run()
    ((code, reason),) = held_of(company, "S1")
    assert code == "in_books_already" and "(OLD-17)" in reason
    assert not company.booked("S1")
    release(company, "S1")
    company.run()
    assert len(company.booked("S1")) == 1


def test_a_held_invoice_that_gets_another_number_leaves_no_hold_behind(company: Payables) -> None:
    made = company.approved("Y1", [{"unit_price": "100.00", "cost_center": "1100"}])
    company.run()
    assert held_of(company, "Y1")
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"supplier_invoice_number": "Y2"})
    company.run()
    assert not held_of(company, "Y1") and [code for code, _ in held_of(company, "Y2")] == ["coding.missing"]


def test_a_number_that_changes_after_the_posting_is_not_posted_again(company: Payables) -> None:
    made = company.approved("Y3")
    company.run()
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"supplier_invoice_number": "Y4"})
    company.run()
    assert (len(company.booked("Y3")), company.booked("Y4")) == (1, [])
    assert [code for code, _ in held_of(company, "Y4")] == ["in_books_already"]
    ((code, reason),) = held_of(company, "Y3")
    assert code == "not_postable_after_posting" and "no row of it is approved in ServiceNow any more" in reason


def test_all_that_is_held_shows_in_the_months_reconciliation_with_its_cause(company: Payables) -> None:
    company.approved("R1", [{"unit_price": "77.00", "cost_center": "1100"}])
    company.run()
    compared = company.back.month(MONTHS[1])
    assert not compared.is_clean
    assert any("R1-PS0001" in row["document"] and "77.00" in row["amount"] for row in compared.cause_rows)
