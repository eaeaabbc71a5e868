"""ServiceTitan is told what stands in QAD; what that moves there changes nothing in the books, whatever breaks."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines_tests.integrations.company import LATE, MONTH, Company, Record, started

MARKS = {"path": "/markasexported"}
FEW = MONTH[:4]


def marks(company: Company) -> Counter[tuple[str, str]]:
    found = company.rows("SELECT entity, state, count(*) AS n FROM write_back GROUP BY entity, state")
    return Counter({(row.entity, row.state): row.n for row in found})


def asked(company: Company) -> int:
    """How many times ServiceTitan was asked to mark anything."""
    seen = company.control("servicetitan", "log")["requests"]
    return sum(one["path"].endswith("/markasexported") for one in seen)


def numbers(company: Company) -> dict[int, str]:
    """Of the invoices that stand in QAD: ServiceTitan's id to QAD's number."""
    found = company.rows(
        "SELECT doc_key, target_number FROM posting p WHERE flow = 'invoices' AND state = 'posted' AND op = 'create' "
        "AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.doc_key = p.doc_key AND q.seq > p.seq AND q.state = 'posted')"
    )
    return {int(row.doc_key.rpartition(":")[2]): row.target_number for row in found}


def require_told(company: Company) -> None:
    """ServiceTitan's own records say what is exported, and as what: everything that stands, and nothing else."""
    records = {one["id"]: one for one in company.records("servicetitan", "invoices")}
    stands = numbers(company)
    assert stands and {records[one]["syncStatus"] for one in stands} == {"Exported"}
    shown = {one: records[one]["exportId"] for one in stands}
    theirs = {one for one, held in shown.items() if held != stands[one]}
    first = company.rows("SELECT doc_key, reason FROM write_back WHERE reason LIKE 'it was exported before%'")
    assert theirs == {int(row.doc_key.rpartition(":")[2]) for row in first}
    live = {key for key in company.live() if ":bill:" in key}
    bills = {f"ST:1234567:bill:{one['id']}" for one in company.records("servicetitan", "bills")
             if one["syncStatus"] == "Exported"}  # fmt: skip
    assert live <= bills
    assert "due" not in {state for _, state in marks(company)}


@pytest.fixture(scope="module")
def told(posted: Company) -> Company:
    """The month is told."""
    first = posted.tell(MONTH)
    assert {flow: one.not_told for flow, one in first.items()} == {"invoices": [], "bills": []}
    assert first["invoices"].told > 40 and first["bills"].told > 5
    return posted


def test_every_invoice_and_bill_that_stands_is_told_with_its_number(told: Company) -> None:
    require_told(told)
    days = [one for one in told.tell(MONTH)["invoices"].days.values() if one["marked"]]
    assert len(days) > 10
    assert {one["syncStatus"] for one in told.records("servicetitan", "payments")} <= {"Pending", "Posted", "Exported"}
    paths = {one["path"] for one in told.control("servicetitan", "log")["requests"] if one["method"] == "POST"}
    assert not any("payments" in path for path in paths), "payments take no marks"


def test_told_once_it_is_not_asked_again(told: Company) -> None:
    before = asked(told)
    assert [one.told for one in told.tell(MONTH).values()] == [0, 0]
    assert asked(told) == before


def test_days_that_are_read_again_keep_the_documents_that_our_marks_moved(told: Company) -> None:
    before = told.rows("SELECT count(*) FROM document_version")[0][0]
    mapped = {one.day: one.documents for one in told.read(MONTH, ["invoices", "bills"]) if one.flow == "invoices"}
    assert sum(mapped.values()) > 50
    assert told.post(MONTH).sent == 0
    assert told.run([LATE]).sent == 0, "they come again on the day of the mark, and their content is the same"
    assert told.rows("SELECT count(*) FROM document_version")[0][0] == before
    told.require_proof()
    assert [one.told for one in told.tell([*MONTH, LATE]).values()] == [0, 0]


def plain_invoice(company: Company) -> Record:
    stands = numbers(company)
    return next(one for one in company.records("servicetitan", "invoices")
                if one["exportId"] == stands.get(one["id"]) and one["items"] and Decimal(one["total"]) > 50
                and one["items"][0]["type"] == "Service")  # fmt: skip


def test_an_exported_invoice_that_is_edited_is_told_again_with_its_new_number(told: Company) -> None:
    invoice = plain_invoice(told)
    price = str(Decimal(invoice["items"][0]["price"]) + 10)
    (edited,) = told.business("edit_invoice_line", invoice_id=invoice["id"], price=price)
    assert edited["syncStatus"] == "Exported" and edited["exportId"] == invoice["exportId"]
    assert told.run([LATE]).sent == 2
    assert told.tell([LATE])["invoices"].told == 1
    held = told.record("invoices", invoice["id"])
    assert held["exportId"] == numbers(told)[invoice["id"]] != invoice["exportId"]
    told.require_proof()


def test_an_invoice_whose_batch_was_posted_anew_is_marked_again(told: Company) -> None:
    invoice = plain_invoice(told)
    told.business("unpost_invoice", invoice_id=invoice["id"])
    told.business("post_invoice", invoice_id=invoice["id"])
    assert told.record("invoices", invoice["id"])["syncStatus"] == "Posted"
    assert told.run([LATE]).sent == 0
    assert told.tell([LATE])["invoices"].told == 1
    held = told.record("invoices", invoice["id"])
    assert (held["syncStatus"], held["exportId"]) == ("Exported", invoice["exportId"])
    require_told(told)


def test_what_servicetitan_refuses_rests_until_a_person_asks_again(told: Company) -> None:
    invoice = plain_invoice(told)
    key = f"ST:1234567:invoice:{invoice['id']}"
    told.business("edit_invoice_line", invoice_id=invoice["id"], price="333.00")
    told.run([LATE])
    told.business("unpost_invoice", invoice_id=invoice["id"])
    assert "refuses" in told.tell([LATE])["invoices"].not_told[0]
    code, said = told.said("marks", "list", "--json")
    (left,) = json.loads(said)["open"]
    assert (code, left["document"], left["state"], left["reason"]) == (1, key, "refused", "its syncStatus is Pending")
    told.business("post_invoice", invoice_id=invoice["id"])
    assert told.tell([LATE])["invoices"].told == 0, "it rests"
    code, said = told.said("marks", "again", key, "--by", "Ann", "--reason", "posted again")
    assert code == 0, said
    assert told.tell([LATE])["invoices"].told == 1
    require_told(told)


# ------------------------------------------------------------------------------------------------- faults


@pytest.fixture
def company(posted_month: Path, tmp_path: Path) -> Iterator[Company]:
    """Posted, nothing told."""
    with started(tmp_path / "home", copied_from=posted_month) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"action": "status", "status": 401}, "due"),
        ({"action": "throttle", "seconds": 0.1}, "due"),
        ({"action": "status", "status": 500}, "unknown"),
        ({"action": "truncate"}, "unknown"),
        ({"action": "garble"}, "unknown"),
        ({"action": "apply_then_drop"}, "unknown"),
        ({"action": "drop_before"}, "unknown"),
        ({"action": "status", "status": 403}, "due"),
        ({"action": "status", "status": 400}, "refused"),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else value,
)  # fmt: skip
def test_a_fault_loses_nothing_and_claims_nothing(company: Company, fault: dict[str, Any], state: str) -> None:
    company.arm("servicetitan", {"match": MARKS, "count": None, **fault})
    broken = company.tell(FEW)
    assert not any(one.told for one in broken.values()) and all(one.not_told for one in broken.values())
    assert {found for _, found in marks(company)} <= {state, "due", "marked"}
    assert marks(company)["bills", state] > 0
    said = company.rows(
        "SELECT count(*) FROM audit_event WHERE event = 'marked_exported' AND content LIKE '%\"exported\"%'"
    )
    assert said[0][0] == 0, "nobody says that it marked anything"
    company.disarm()
    if state == "refused":
        return
    mended = company.tell(FEW)
    assert not any(one.not_told for one in mended.values()), mended
    require_told(company)


def test_a_source_that_cannot_be_read_stops_the_run_before_anything_is_sent(company: Company) -> None:
    company.arm("servicetitan", {"match": {"method": "GET", "path": "/accounting/"}, "action": "status", "status": 500,
                                 "count": None})  # fmt: skip
    told = company.tell(FEW)
    assert all(one.stopped for one in told.values()) and asked(company) == 0
    assert {state for _, state in marks(company)} == {"due"}
    company.disarm()
    company.tell(FEW)
    require_told(company)


def test_killed_while_the_answer_is_on_its_way_the_next_run_settles_it(company: Company) -> None:
    company.arm("servicetitan", {"match": MARKS, "action": "byte_by_byte", "seconds": 60, "count": None})
    process = company.command("run", "--from", FEW[0].isoformat(), "--json")
    while not (held := marks(company)["invoices", "unknown"]):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)  # looks again; what ends the wait is what the ledger says
    while not any(one["exportId"] in numbers(company).values() for one in company.records("servicetitan", "invoices")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    company.disarm()
    assert marks(company)["invoices", "unknown"] == held
    after = company.tell(FEW)
    assert not any(one.not_told for one in after.values())
    assert after["invoices"].said["already_exported"] >= held
    require_told(company)


def test_the_same_on_postgresql(tmp_path: Path, fresh_postgres: str) -> None:
    with started(tmp_path / "home", database_url=fresh_postgres) as company:
        company.run(FEW)
        company.arm("servicetitan", {"match": MARKS, "action": "apply_then_drop", "count": 1})
        assert company.tell(FEW)["invoices"].said["unknown"] > 0
        assert not any(one.not_told for one in company.tell(FEW).values())
        require_told(company)
        assert company.run([*FEW, LATE]).sent == 0
        assert [one.told for one in company.tell([*FEW, LATE]).values()] == [0, 0]
        assert company.reconciled().is_clean
