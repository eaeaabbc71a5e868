"""A month is posted, an old backup of the ledger is restored in the middle of it, and the books end as if nothing had
happened: nothing doubled, nothing lost, and not a byte sent before the target was read back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines.audit.high_water import LedgerRestored
from st_pipelines.database.engine import open_database
from st_pipelines_tests.integrations.company import MONTH, Company, started
from st_pipelines_tests.posting.backups import copied, opened_copy

WHO = ("--by", "A. Controller", "--reason", "the disk failed")


@pytest.fixture(params=["sqlite", "postgresql"])
def company(request: pytest.FixtureRequest, read_month: Path, tmp_path: Path) -> Iterator[Company]:
    url = request.getfixturevalue("fresh_postgres") if request.param == "postgresql" else ""
    with started(tmp_path / "home", copied_from=read_month, database_url=url) as opened:
        yield opened


def backup(company: Company, folder: Path) -> str:
    engine = open_database(company.settings.ledger_url)
    return copied(engine, folder)


def restore(company: Company, made: str, folder: Path) -> None:
    engine = opened_copy(made, folder)
    company.database_url = engine.url.render_as_string(hide_password=False)
    engine.dispose()


def test_a_month_goes_on_after_an_old_backup_was_restored(company: Company, tmp_path: Path) -> None:
    company.post(MONTH[:12])
    made = backup(company, tmp_path)
    company.post(MONTH[12:24])
    before = company.live()
    restore(company, made, tmp_path)

    with pytest.raises(LedgerRestored):
        company.post(MONTH[24:])
    code, said = company.said("run", "--from", "2026-10-25", "--to", "2026-10-26")
    assert code == 3 and "database recover" in said
    code, said = company.said("status", "--json")
    assert code == 1 and "it was restored" in json.loads(said)["nothing_is_sent"]
    code, said = company.said("database", "recover")
    assert code == 1 and "send nothing" in said and "--yes --by" in said
    assert company.live() == before, "looking and refusing changed the books"

    code, said = company.said("database", "recover", "--yes", *WHO, "--json")
    assert code == 0, said
    found = json.loads(said)["found"]["demo_qad"]
    assert found["adopted"] > 50 and found["held"] == 0 and found["not_in_ledger"] == []
    assert company.live() == before, "a recovery sends nothing"
    assert company.said("database", "recover")[0] == 0

    company.settle(MONTH)  # the days that were read and never posted go out now, the others have nothing to send
    writes = company.rows("SELECT count(*) FROM audit_event WHERE event = 'posted' AND content LIKE '%restored%'")
    assert writes[0][0] == found["adopted"]
    company.require_proof()
