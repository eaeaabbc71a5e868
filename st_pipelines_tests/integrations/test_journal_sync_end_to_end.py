"""ServiceTitan's journal entries are told whether their documents stand in QAD: each in its present version, once."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.integrations.journal_sync import JournalTold, tell_journal
from st_pipelines_tests.integrations.company import LATE, MONTH, Company, started

SYNCS = {"method": "PATCH", "path": "/journal-entries/"}


def told(company: Company) -> JournalTold:
    with company.session() as session:
        return tell_journal(session, MONTH[0], "run", "test")


def entries(company: Company) -> list[dict[str, Any]]:
    """Those that were told anything."""
    found = company.records("servicetitan", "journal_entries")
    return [one for one in found if one["syncStatus"] != "NotSynced"]


def asked(company: Company) -> int:
    seen = company.control("servicetitan", "log")["requests"]
    return sum(one["method"] == "PATCH" for one in seen)


@pytest.fixture
def company(posted_month: Path, tmp_path: Path) -> Iterator[Company]:
    with started(tmp_path / "home", copied_from=posted_month) as opened:
        yield opened


def test_entries_whose_documents_all_stand_are_synced_once(company: Company) -> None:
    first = told(company)
    assert set(first.counts) == {"synced"} and first.counts["synced"] > 25, first.entries
    shown = Counter((one["syncStatus"], one["lastSyncVersionId"]) for one in entries(company))
    assert shown == {("Synced", 1): len(first.entries)}
    before = asked(company)
    assert set(told(company).counts) == {"known"} and asked(company) == before
    said = company.rows("SELECT event, count(*) AS n FROM audit_event WHERE event LIKE 'journal_%' GROUP BY event")
    assert {row.event: row.n for row in said} == {"journal_asked": before, "journal_answer": before}


def test_an_entry_whose_document_changes_is_judged_again(company: Company) -> None:
    told(company)
    live = company.live()
    invoice = next(one for one in company.records("servicetitan", "invoices")
                   if one["items"] and one["syncStatus"] == "Posted" and Decimal(one["total"]) > 50
                   and f"ST:1234567:invoice:{one['id']}" in live)  # fmt: skip
    company.business("edit_invoice_line", invoice_id=invoice["id"], price="61.00")
    for read in (False, True):
        assert not read or company.read([LATE])
        (moved,) = [one for one in told(company).entries if one.outcome != "known"]
        assert moved.outcome == "open", "what the books hold is not what the entry says now"
    assert company.run([LATE]).sent == 2
    assert told(company).counts["synced"] == 1


def test_a_document_that_is_held_is_named_with_our_reason_until_it_stands(company: Company) -> None:
    made = company.business(
        "add_invoice",
        business_unit_id=101,
        invoice_date="2026-10-20",
        lines=[{"type": "Service", "quantity": "1", "price": "20.00", "taxable": False}],
    )[0]
    company.business("set_fields", entity="invoices", record_id=made["id"], fields={"total": "21.00"})
    company.run([LATE])
    first = told(company)
    (error,) = [one for one in first.entries if one.outcome == "error"]
    held = next(one for one in entries(company) if one["syncStatus"] == "Error")
    assert held["message"] == error.message and error.message.startswith("1 of ") and "held" in error.message
    before = asked(company)
    assert told(company).counts["known"] == len(first.entries) and asked(company) == before, "said once"
    company.business("set_fields", entity="invoices", record_id=made["id"], fields={"total": "20.00"})
    company.run([LATE])
    assert told(company).counts["synced"] == 1
    assert {one["syncStatus"] for one in entries(company)} == {"Synced"}


def test_an_entry_whose_version_moves_while_it_is_judged_is_judged_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    from st_pipelines.integrations import journal_sync

    moved = []

    def standing(*given: Any) -> Any:
        if not moved:  # somebody edits a document between our look at the lines and our word
            key = next(
                key
                for key in given[2]
                if ":invoice:" in key and company.record("invoices", int(key.rpartition(":")[2]))["items"]
            )
            moved.append(key)
            company.business("edit_invoice_line", invoice_id=int(key.rpartition(":")[2]), price="12.34")
        return real(*given)

    real = journal_sync.standing
    monkeypatch.setattr(journal_sync, "standing", standing)
    found = told(company)
    assert moved and found.counts["open"] == 1 and found.counts["synced"] == len(found.entries) - 1
    company.run([LATE])
    assert told(company).counts["synced"] == 1
    assert Counter(one["lastSyncVersionId"] for one in entries(company))[2] == 1


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [({"action": "apply_then_drop"}, "unknown"), ({"action": "status", "status": 500}, "unknown"),
     ({"action": "truncate"}, "unknown"), ({"action": "status", "status": 400}, "refused"),
     ({"action": "status", "status": 401}, ""), ({"action": "status", "status": 403}, "")],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else value,
)  # fmt: skip
def test_a_fault_claims_nothing_and_the_next_run_settles_it(
    company: Company, fault: dict[str, Any], outcome: str
) -> None:
    company.arm("servicetitan", {"match": SYNCS, "count": None, **fault})
    broken = told(company)
    assert not broken.counts["synced"]
    assert bool(broken.stopped) if not outcome else broken.counts[outcome] > 0
    company.disarm()
    assert set(told(company).counts) <= {"synced", "known"}
    assert {one["syncStatus"] for one in entries(company)} == {"Synced"}
