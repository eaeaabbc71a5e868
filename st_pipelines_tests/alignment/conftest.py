"""A company whose QAD has known some parties for years: run once a test run; each module works on a copy of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.integrations.company import MONTH, Company, started
from st_pipelines_tests.once import made_once

KNOWN_PARTIES = {"known_parties": "yes"}


@pytest.fixture(scope="session")
def known_month(of_this_run: Path) -> Path:
    def make(home: Path) -> None:
        with started(home, settings=KNOWN_PARTIES) as company:
            company.run(MONTH)

    return made_once(of_this_run, "known_month", make)


@pytest.fixture(scope="module")
def company(known_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("known") / "home"
    with started(home, copied_from=known_month, settings=KNOWN_PARTIES) as made:
        yield made
