"""The way back through lost answers, refusals, hidden columns and killed processes: nothing lost, nothing doubled, and
ServiceNow is told in the end.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Event

import pytest

from st_pipelines.cli.one_pass import days_between
from st_pipelines.posting.target import WrongCompany
from st_pipelines_tests.procurement.accounts_payable import DAYS, MONTHS, Payables, payables

QAD = {"method": "POST", "path": "/api/erp/supplierInvoices"}
TOLD = {"method": "PATCH", "path": "/api/now/table/sn_shop_invoice"}
ONE_PASS = (
    "import sys; from pathlib import Path; from st_pipelines.cli.one_pass import *;"
    "from st_pipelines.integrations.registry import load_integration; from st_pipelines.integrations.session import "
    "Session; from st_pipelines.settings import Settings; from datetime import date;"
    "home, folder, day = Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]);"
    "settings = Settings(home=home, mappings=folder.parent, database_url=sys.argv[4]);"
    "session = Session(load_integration(folder), settings);"
    "flows = chosen_flows(session, ()); read_days(session, flows, [day], 'killed', print);"
    "post(session, flows, [day], 'killed', 'tests', print); tell(session, flows, [day], 'killed', 'tests', print)"
)


def settled(company: Payables, count: int, runs: int = 6) -> None:
    """Runs again until everything stands and is told; then once more, which writes nothing."""
    for _ in range(runs):
        company.back.run(DAYS)
        told = company.tell()
        rows = company.back.state("servicenow", "sn_shop_invoice")
        if not told.stopped and all(row["u_erp_status"] == "Posted" for row in rows):
            break
    references = Counter(row["supplierInvoiceReference"] for row in company.booked())
    assert len(references) == count and set(references.values()) == {1}
    rows = company.back.state("servicenow", "sn_shop_invoice")
    vouchers = {f"{row['daybookCode']}/{row['postingYear']}/{row['voucherNumber']}" for row in company.booked()}
    assert {row["erp_number"] for row in rows} == vouchers
    before = company.writes()
    company.run()
    assert company.writes() == before
    assert all(company.back.month(month).is_clean for month in MONTHS)


def test_lost_answers_on_both_sides_lose_and_double_nothing(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        for number in range(8):
            company.approved(f"Q{number}")
        for match, system in ((QAD, "qad"), (TOLD, "servicenow")):
            company.back.arm(system, match=match, action="apply_then_drop", count=3)
            company.back.arm(system, match=match, action="status", status=500, count=1)
            company.back.arm(system, match=match, action="truncate", count=1)
        settled(company, 8)


def test_a_killed_process_is_simply_run_again(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        for number in range(6):
            company.approved(f"Q{number}")
        company.back.arm("qad", match=QAD, action="delay", seconds=0.4)
        company.back.arm("servicenow", match=TOLD, action="delay", seconds=0.4)
        for seen in (lambda: len(company.booked()) >= 2, lambda: bool(_told(company))):
            _killed_once(company, seen)
        settled(company, 6)


def test_two_workers_at_once_post_and_tell_each_invoice_once(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        for number in range(8):
            company.approved(f"Q{number}")
        for match, system in ((QAD, "qad"), (TOLD, "servicenow")):
            company.back.arm(system, match=match, action="apply_then_drop", count=2)
            company.back.arm(system, match=match, action="delay", seconds=0.1, count=10)
        workers = [_one_pass(company), _one_pass(company)]
        for worker in workers:
            _, said = worker.communicate(timeout=120)
            assert worker.returncode == 0, said
        settled(company, 8)


def _told(company: Payables) -> list[str]:
    return [row["number"] for row in company.back.state("servicenow", "sn_shop_invoice") if row["erp_number"]]


def _one_pass(company: Payables) -> "subprocess.Popen[str]":
    settings = company.back.settings
    command = [sys.executable, "-c", ONE_PASS, str(settings.home), str(company.back.folder), DAYS[0].isoformat(),
               settings.ledger_url]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _killed_once(company: Payables, seen: Callable[[], bool]) -> None:
    waited = Event()
    with _one_pass(company) as process:
        while process.poll() is None and not seen():
            waited.wait(0.05)
        assert process.poll() is None, process.stderr and process.stderr.read()
        process.kill()


def test_columns_that_may_not_be_written_are_named_and_the_books_are_right(tmp_path: Path) -> None:
    """An instance drops a field that the user may not write, without an error."""
    with payables(tmp_path) as company:
        company.act("add_acl", name="sn_shop_invoice.u_erp_status", operation="write", roles=["nobody"])
        made = company.approved("A1")
        company.run()
        assert len(company.booked("A1")) == 1
        rows = company.ledger("SELECT state, reason FROM write_back WHERE integration = :of")
        assert [row.state for row in rows] == ["refused"]
        assert "u_erp_status stayed as before" in rows[0].reason
        assert company.told(made["sys_id"])[0], "what may be written is written"


def test_a_row_that_is_canceled_before_it_is_told_is_not_told_and_says_so(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        made = company.approved("A2")
        company.post()
        company.act("cancel_invoice", invoice=made["sys_id"], reason="too late")
        told = company.tell()
        assert told.said["refused"] == 1
        (row,) = company.ledger("SELECT reason FROM write_back WHERE integration = :of")
        assert f"{made['number']} is canceled" in row.reason
        assert company.told(made["sys_id"])[0] == ""


@pytest.mark.parametrize("road", ["primary", "outbound"])
def test_a_poll_that_finds_nothing_new_asks_three_questions_a_table_at_most(tmp_path: Path, road: str) -> None:
    """Of an empty day, and of a day in progress whose invoices were read a moment ago, one of them held."""
    with payables(tmp_path, road=road) as company:
        coded = [{"unit_price": "10.00", "cost_center": "1100"}, {"unit_price": "5.00"}]
        for number in range(4):
            company.approved(f"A{number}", coded if number == 3 else None)
        company.run()
        company.run()  # reads once more, because what was told has moved the rows
        for days in (DAYS, days_between(date(2026, 11, 1), date(2026, 11, 1))):
            before = company.reads()
            assert set(company.post(days)) <= {"posted", "held"}
            asked = company.reads() - before
            assert asked and max(asked.values()) <= 3, asked


def test_another_instance_behind_the_address_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with payables(tmp_path) as company:
        company.approved("A5")
        company.act("set_property", name="instance_name", value="somebody-else")
        with pytest.raises(WrongCompany, match="behind the address is 'somebody-else'"):
            company.post()
        assert not company.booked("A5")
