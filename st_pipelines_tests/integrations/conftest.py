"""The demo company's month, read once a test run and posted once a test run; each module works on a copy of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.databases import fresh_database
from st_pipelines_tests.integrations.company import MONTH, Company, started
from st_pipelines_tests.once import made_once


@pytest.fixture(scope="session")
def read_month(of_this_run: Path) -> Path:
    """Home of a company whose month was read and mapped; nothing is posted yet."""

    def make(home: Path) -> None:
        with started(home) as company:
            company.read(MONTH)

    return made_once(of_this_run, "read_month", make)


@pytest.fixture(scope="session")
def posted_month(of_this_run: Path, read_month: Path) -> Path:
    """Home of a company whose month is posted."""

    def make(home: Path) -> None:
        with started(home, copied_from=read_month) as company:
            company.post(MONTH)

    return made_once(of_this_run, "posted_month", make)


@pytest.fixture(scope="module")
def posted(posted_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose month is posted, for the tests of one module."""
    with started(tmp_path_factory.mktemp("posted") / "home", copied_from=posted_month) as company:
        yield company


@pytest.fixture(scope="module")
def unposted(read_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company whose month is read and mapped but not posted, for the tests of one module."""
    with started(tmp_path_factory.mktemp("unposted") / "home", copied_from=read_month) as company:
        yield company


@pytest.fixture(scope="module")
def fresh_postgres(postgres_server: str) -> Iterator[str]:
    """URL of an empty PostgreSQL database for the tests of one module."""
    with fresh_database(postgres_server) as url:
        yield url
