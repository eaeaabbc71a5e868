"""A ledger that is full or may not be written: nothing leaves that is not in it first (L1, C5), and the next run goes
on by itself, with every document in the books once.
"""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from st_pipelines_tests.integrations.company import MONTH, Company, started

DAYS = MONTH[:6]
RUN = ("run", "--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat())
ROOM, MORE = 1024 * 1024, 128 * 1024  # bytes that each file may grow to at first, and more in each further run


@pytest.fixture
def company(read_month: Path, tmp_path: Path) -> Iterator[Company]:
    with started(tmp_path / "home", copied_from=read_month) as opened:
        yield opened


def disk_of(room: int) -> Callable[[], None]:
    """For a child only: the system itself refuses to let any file grow beyond this."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def sent(company: Company) -> set[str]:
    """External references of the documents that QAD was given."""
    entities = ("customer_invoices", "customer_payments", "supplier_invoices")
    return {one["customLong0"] for entity in entities for one in company.records("qad", entity)}


def test_a_disk_that_fills_up_while_posting_loses_and_doubles_nothing(company: Company) -> None:
    wanted, stopped = set(company.wanted()), list[int]()
    for room in range(ROOM, 40 * MORE, MORE):
        code, said = ended(company.poster(DAYS, limited=disk_of(room)))
        if code == 0:
            break
        assert "the ledger cannot be used" in said and "Nothing more was sent" in said and "run again" in said, said
        frozen = {row.external_ref for row in company.rows("SELECT external_ref FROM posting WHERE body IS NOT NULL")}
        assert sent(company) <= frozen, "the intent of whatever left is in the ledger"
        stopped.append(len(sent(company)))
    assert any(0 < some < len(wanted) for some in stopped), "it was full before the first write or after the last one"
    company.settle(MONTH)
    if company.release("unanswered"):  # the first documents of a kind: nothing can prove that they did not arrive
        company.settle(MONTH)
    company.require_proof()


def test_a_disk_that_is_full_from_the_start_is_an_error_in_one_sentence(company: Company) -> None:
    code, said = ended(company.command(*RUN, limited=disk_of(0)))
    assert code == 3 and "Traceback" not in said, said
    assert "run again" in said
    assert not sent(company) and not company.rows("SELECT 1 FROM posting")
    assert company.here(*RUN).code == 0
    assert set(company.live()) <= set(company.wanted())


def test_a_database_that_may_only_be_read_stops_before_sending_and_resumes(
    read_month: Path, tmp_path: Path, fresh_postgres: str
) -> None:
    with started(tmp_path / "home", copied_from=read_month, database_url=fresh_postgres) as company:
        with reader_of(fresh_postgres) as company.database_url:
            code, said = ended(company.poster(DAYS))
            assert code and "permission denied" in said, said
            # Whatever is written first stops it: the token of the sign-in, or the plan.
            assert "nothing is sent" in said or "Nothing more was sent" in said, said
            assert "restore write access" in said and "run again" in said, said
            ran = company.here(*RUN, "--json")
            assert ran.code == 3 and "permission denied" in ran.json["error"], ran
            assert "nothing is sent" in ran.json["error"] and "run again" in ran.json["error"], ran
            assert not sent(company) and not company.rows("SELECT 1 FROM posting")
        company.database_url = fresh_postgres
        assert company.here(*RUN).code == 0
        company.post(MONTH)
        company.require_proof()


@contextmanager
def reader_of(url: str) -> Iterator[str]:
    """The URL of somebody who may read everything and write nothing."""
    admin, name = create_engine(url, isolation_level="AUTOCOMMIT"), f"reader_{uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
        yield admin.url.set(username=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    admin.dispose()
