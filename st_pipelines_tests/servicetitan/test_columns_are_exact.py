"""Columns hold what the records held: the same as Arrow's own conversion gives, and what does not fit is refused."""

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.systems.servicetitan.arrays import flags, texts, wholes

WHOLES = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=70)
TEXTS = st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=70)


@settings(deadline=None)
@given(values=WHOLES)
def test_integers(values: list[int | None]) -> None:
    assert wholes(values).equals(pa.array(values, pa.int64()))
    assert wholes(values).validate(full=True) is None


@settings(deadline=None)
@given(values=TEXTS)
def test_texts(values: list[str | None]) -> None:
    assert texts(values).equals(pa.array(values, pa.string()))
    assert texts(values).validate(full=True) is None


@settings(deadline=None)
@given(values=st.lists(st.none() | st.booleans(), max_size=70))
def test_flags(values: list[bool | None]) -> None:
    assert flags(values).equals(pa.array(values, pa.bool_()))


@pytest.mark.parametrize(("make", "values"), [
    (wholes, [1, 2**63]), (wholes, [1.5]), (wholes, ["1"]), (texts, ["a", 1]), (texts, ["\ud800"]), (flags, ["x"]),
])  # fmt: skip
def test_what_does_not_fit_is_refused(make: object, values: list[object]) -> None:
    with pytest.raises((TypeError, OverflowError, UnicodeError)):
        make(values)  # type: ignore[operator]


def test_reading_pages_needs_no_pandas() -> None:
    program = """
import sys
from st_pipelines_tests.servicetitan.test_one_bad_record_costs_no_page import _read
from st_pipelines_tests.servicetitan.records import invoice
assert _read(invoice(1))[0]["invoices"].num_rows == 1
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
