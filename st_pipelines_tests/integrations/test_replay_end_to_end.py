"""QAD refuses some documents of a day; once the cause is gone they are replayed by reason, by day and by run, listed
first, and the books end as if nothing had happened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.integrations.company import MONTH, Company, started

WHO = ("--by", "A. Controller", "--reason", "the period is open again")
DAYS = ("--from", "2026-10-01", "--to", "2026-10-03")


@pytest.fixture
def company(read_month: Path, tmp_path: Path) -> Iterator[Company]:
    with started(tmp_path / "home", copied_from=read_month) as opened:
        yield opened


def test_refused_documents_are_listed_then_replayed_and_posted(company: Company) -> None:
    company.arm(
        "qad",
        {
            "action": "refuse",
            "count": 4,
            "code": "value",
            "field": "postingDate",
            "text": "The period is closed.",
            "match": {"method": "POST", "path": "nvoice"},
        },
    )
    company.post(MONTH[:3])
    assert company.disarm() == {"qad refuse": 4}
    refused = company.rows("SELECT doc_key, reason_code, run_id FROM posting WHERE state = 'rejected' ORDER BY doc_key")
    assert len(refused) == 4
    (code,) = {row.reason_code for row in refused}

    before = company.rows("SELECT count(*) FROM audit_event")[0][0]
    for chosen in (("--code", code), DAYS, ("--run", refused[0].run_id), ("--flow", "invoices")):
        listed = company.here("replay", *chosen, "--json")
        assert (listed.code, listed.json["dry_run"], listed.json["replayable"]) == (1, True, 4), listed
    assert company.here("replay", "--from", "2026-10-20", "--json").json["documents"] == []
    one = company.here("replay", refused[0].doc_key, "--dry-run", *WHO, "--json")
    assert one.json["dry_run"] is True
    without_name = company.here("replay", "--code", code, "--yes")
    assert without_name.code == 2 and "--by NAME" in without_name.err
    assert company.rows("SELECT count(*) FROM audit_event")[0][0] == before, "listing changed the ledger"

    first = company.here("replay", refused[0].doc_key, *WHO, "--json")
    assert (first.code, first.json["planned"]) == (0, 1), first
    others = company.here("replay", *DAYS, "--yes", *WHO, "--json")
    assert (others.code, others.json["planned"]) == (0, 3), others
    assert company.here("replay", "--code", code, "--yes", *WHO).code == 0  # nothing is left to replay

    company.settle(MONTH)
    company.require_proof()
    again = company.here("replay", *(row.doc_key for row in refused), "--yes", *WHO, "--json")
    assert again.code == 0 and again.json["planned"] == 0
    assert all("posted already as" in each["said"] for each in again.json["documents"])
    asked = company.rows("SELECT count(*) FROM audit_event WHERE event = 'replay_asked'")[0][0]
    assert asked == 4
