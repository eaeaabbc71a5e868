"""Cost centers, GL accounts and payment terms of both systems become one list, and then rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines_tests.procurement.buyer import Buyer, buyer
from st_pipelines_tests.procurement.codes import LISTS, aligned, in_qad, in_servicenow, keep, put, rows, writes


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    with buyer(tmp_path_factory.mktemp("codes")) as company:
        aligned(company)
        yield company


@pytest.mark.parametrize("name", LISTS)
def test_every_code_arrives_with_its_name_and_whether_it_is_in_use(done: Buyer, name: str) -> None:
    assert in_servicenow(done, name) == in_qad(done, name)
    assert in_servicenow(done, name)


def test_two_more_rounds_write_nothing(done: Buyer) -> None:
    before = writes(done)
    for _ in range(2):
        assert [(one.sent, one.sent_back, one.differences) for one in aligned(done).values()] == [(0, 0, [])] * 3
    assert writes(done) == before
