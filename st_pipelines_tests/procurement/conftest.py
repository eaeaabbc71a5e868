"""The manufacturer's two months, carried from QAD to ServiceNow once a test run; modules work on their own copies."""

from pathlib import Path

import pytest

from st_pipelines_tests.once import made_once
from st_pipelines_tests.procurement.buyer import buyer


@pytest.fixture(scope="session")
def run_life(of_this_run: Path) -> Path:
    """Home of a company whose orders and receipts are all in ServiceNow."""

    def make(home: Path) -> None:
        with buyer(home) as company:
            passed = company.run()
            assert not passed.stopped and not passed.differing

    return made_once(of_this_run, "run_life", make)
