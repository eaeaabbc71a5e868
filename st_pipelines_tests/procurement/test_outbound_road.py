"""The outbound road: rows that the instance's own subflows offer are claimed, answered once, and refused for good."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from st_pipelines_tests.procurement.accounts_payable import MONTHS, Payables, amount, payables

NEW, IN_PROCESS, PROCESSED, FAILED = "10", "20", "30", "40"


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    with payables(tmp_path_factory.mktemp("payables"), road="outbound") as made:
        yield made


def rows_of(company: Payables, invoice: dict[str, Any]) -> list[dict[str, Any]]:
    rows = company.back.state("servicenow", "sn_spend_intg_outbound_invoice")
    return [row for row in rows if row["invoice"] == invoice["sys_id"]]


def statuses(company: Payables, invoice: dict[str, Any]) -> list[str]:
    return [row["integration_status"] for row in rows_of(company, invoice)]


def test_a_row_ends_processed_with_voucher_and_date_and_the_invoice_moves_on(company: Payables) -> None:
    made = company.approved("B1")
    assert statuses(company, made) == [NEW]
    company.run()
    (booked,) = company.booked("B1")
    (row,) = rows_of(company, made)
    assert row["integration_status"] == PROCESSED
    assert row["erp_number"].endswith(f"/{booked['voucherNumber']}") and row["erp_posting_date"][:10] == "2026-10-15"
    assert company.invoice(made["sys_id"])["erp_number"] == row["erp_number"], "the instance's own rule passed it on"


def test_a_row_is_claimed_only_once_the_ledger_knows_it(company: Payables) -> None:
    made = company.approved("B2")
    company.post()
    assert statuses(company, made) == [NEW], "posting does not touch the source"
    assert any(":B2-" in row.doc_key for row in company.ledger("SELECT doc_key FROM posting WHERE integration = :of"))
    company.tell()
    assert statuses(company, made) == [PROCESSED]


def test_what_is_held_is_claimed_with_its_reason_and_goes_out_once_cured(company: Payables) -> None:
    made = company.approved("B3", [{"unit_price": "100.00", "cost_center": "1100"}])
    company.run()
    (row,) = rows_of(company, made)
    assert row["integration_status"] == IN_PROCESS
    assert "neither purchase order nor GL account" in row["processing_message"]
    (line,) = [one for one in company.back.state("servicenow", "sn_spend_intg_outbound_invoice_line")
               if one["invoice"] == row["sys_id"]]  # fmt: skip
    (account,) = [one for one in company.back.state("servicenow", "sn_fin_gl_account") if one["number"] == "5000"]
    company.act("set_fields", table="sn_spend_intg_outbound_invoice_line", sys_id=line["sys_id"],
                fields={"gl_account": account["sys_id"]})  # fmt: skip
    company.run()
    assert len(company.booked("B3")) == 1
    (row,) = rows_of(company, made)
    assert (row["integration_status"], row["processing_message"]) == (PROCESSED, "")


def test_what_qad_refuses_fails_with_its_words_and_a_resubmission_is_posted_once(company: Payables) -> None:
    company.back.arm("qad", match={"method": "POST", "path": "/api/erp/supplierInvoices"}, action="refuse",
                     text="This supplier is blocked for posting", count=1)  # fmt: skip
    made = company.approved("B4")
    company.run()
    (row,) = rows_of(company, made)
    assert row["integration_status"] == FAILED and "blocked for posting" in row["processing_message"]
    before = company.writes()
    company.run()
    assert company.writes() == before, "a failed row is not offered again"
    company.act("resubmit_invoice", invoice=made["sys_id"])
    company.run()
    assert len(company.booked("B4")) == 1
    assert sorted(statuses(company, made)) == [PROCESSED, FAILED]


def test_the_last_submission_of_an_invoice_counts(company: Payables) -> None:
    made = company.approved("B5")
    company.act("resubmit_invoice", invoice=made["sys_id"], lines=[{"position": "1", "unit_price": "140.00"}])
    assert statuses(company, made) == [NEW, NEW]
    company.run()
    assert [amount(row) for row in company.booked("B5")] == [Decimal("140.00")]


def test_a_corrected_resubmission_after_the_posting_waits_for_a_person(company: Payables) -> None:
    made = company.approved("B6")
    company.run()
    company.act("set_fields", table="sn_shop_invoice", sys_id=made["sys_id"], fields={"state": "110"})
    company.act("resubmit_invoice", invoice=made["sys_id"], lines=[{"position": "1", "unit_price": "150.00"}])
    company.run()
    assert [amount(row) for row in company.booked("B6")] == [Decimal("100.00")]
    reasons = [reason for code, reason in company.held() if code == "changed_after_posting"]
    assert any("now 150.00 USD" in reason for reason in reasons)


def test_both_sides_reconcile_and_a_second_run_writes_nothing(company: Payables) -> None:
    company.approved("B7")
    company.run()
    before = company.writes()
    company.run()
    assert company.writes() == before
    open_ = [row for row in company.back.month(MONTHS[1]).cause_rows if ":B7-" in row["document"]]
    assert not open_
