"""Days are run in any order, again, by two at once, by a process that is killed: everything is in the books once."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.integrations.company import MONTH, Company, started


@pytest.fixture
def company(read_month: Path, tmp_path: Path) -> Iterator[Company]:
    """The month read and mapped, nothing posted."""
    with started(tmp_path / "home", copied_from=read_month) as opened:
        yield opened


def test_days_in_any_order_and_twice_end_the_same(company: Company) -> None:
    days = [*MONTH, *MONTH]
    random.Random(5).shuffle(days)
    sent = [company.post(days[start : start + 16]).sent for start in range(0, len(days), 16)]
    assert company.post(MONTH).sent == 0
    company.require_proof()
    assert sum(sent) == company.rows("SELECT count(*) FROM posting WHERE state = 'posted'")[0][0] > 150


def test_reading_the_same_days_again_changes_no_document(posted: Company) -> None:
    some = [MONTH[9], MONTH[2], MONTH[9], MONTH[20]]
    before = posted.rows("SELECT count(*) FROM document_version")[0][0]
    assert posted.run(some).sent == 0
    assert posted.rows("SELECT count(*) FROM document_version")[0][0] == before
    posted.require_proof()


def test_two_processes_with_the_same_days_make_one_document_each(company: Company) -> None:
    both = [company.poster(MONTH), company.poster(MONTH)]
    ended = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert not company.open()  # whoever ended last has finished what the other left
    sent = [int(out) for out, _ in ended]
    assert all(sent) and sum(sent) == company.rows("SELECT count(*) FROM posting WHERE state = 'posted'")[0][0]
    company.require_proof()


def stopped_while_sending(company: Company, process: "subprocess.Popen[str]", entity: str, records: int) -> int:
    """Stops the process (it does not move any more) once QAD holds so many records and some postings are on their way;
    gives how many. Lets it go on where none is just then."""
    while process.poll() is None:
        if len(company.records("qad", entity)) >= records:
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            sending = company.rows("SELECT count(*) FROM posting WHERE state = 'sending' AND sent_at IS NOT NULL")[0][0]
            if sending:
                return int(sending)
            process.send_signal(signal.SIGCONT)
        time.sleep(0.01)  # looks again; what ends the wait is what QAD and the ledger say
    raise AssertionError(f"it ended first: {process.communicate()}")


def test_a_process_killed_while_it_posts_is_followed_by_one_that_finishes(company: Company) -> None:
    # Each write takes a while, so that the kill meets some on their way.
    company.arm("qad", {"match": {"method": "POST", "path": "/api/erp/"}, "action": "delay", "seconds": 0.1,
                        "count": None})  # fmt: skip
    for entity, records in (("customers", 3), ("customer_invoices", 20)):
        process = company.poster(MONTH)
        assert stopped_while_sending(company, process, entity, records)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    company.disarm()
    company.settle(MONTH)
    # Where a company's very first documents of a kind were on their way, nothing can prove that they did not arrive.
    if company.release("unanswered"):
        company.settle(MONTH)
    company.require_proof()
    assert company.post(MONTH).sent == 0
    killed = company.rows("SELECT count(*) FROM audit_event WHERE event = 'lease_ended'")[0][0]
    assert killed > 0


def test_the_command_line_runs_days_that_are_posted_and_sends_nothing(posted: Company) -> None:
    code, said = posted.said("run", "--from", MONTH[4].isoformat(), "--to", MONTH[5].isoformat(), "--json")
    assert (code, json.loads(said)["sent"]) == (0, 0), said
