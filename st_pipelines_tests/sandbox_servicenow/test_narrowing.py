"""The index behind a poll selects exactly what looking at every row selects."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines_tests.sandbox_servicenow.api import Api
from st_pipelines_tests.sandbox_servicenow.conftest import sandbox

SUPPLIERS = "sn_fin_supplier"
COMPARE = {"=": str.__eq__, "!=": str.__ne__, ">": str.__gt__, ">=": str.__ge__, "<": str.__lt__, "<=": str.__le__}
_stamps = st.integers(50, 61).map(
    lambda n: f"2026-11-02 12:00:{n - 60:02d}" if n >= 60 else f"2026-11-02 11:59:{n:02d}"
)
_bounds = st.lists(st.tuples(st.sampled_from(sorted(COMPARE)), _stamps), min_size=1, max_size=3)


@pytest.fixture(scope="module")
def filled() -> Iterator[Api]:
    with sandbox() as api:
        api.act("fill", table=SUPPLIERS, count=24, fields={"name": "S{n}"}, per_second=3)
        yield api


@settings(max_examples=60, deadline=None)
@given(alternatives=st.lists(_bounds, min_size=1, max_size=2))
def test_bounds_on_the_stamp(filled: Api, alternatives: list[list[tuple[str, str]]]) -> None:
    everything = {row["name"]: row["sys_updated_on"] for row in filled.rows(SUPPLIERS)}
    expected = {
        name for name, stamp in everything.items()
        if any(all(COMPARE[op](stamp, bound) for op, bound in one) for one in alternatives)
    }  # fmt: skip
    query = "^NQ".join("^".join(f"sys_updated_on{op}{bound}" for op, bound in one) for one in alternatives)
    assert {row["name"] for row in filled.rows(SUPPLIERS, query)} == expected
