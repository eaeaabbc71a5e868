"""Valid ranges at their borders: first and last day are inclusive, and the document's own date decides."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from st_pipelines.mapping.effective import EffectiveIndex, days_of
from st_pipelines_tests.mapping import given

MOVED = """business_unit_id,name,domain,entity,cost_center,sub_account,valid_from,valid_to
101,HVAC Service,10USA,10USACO,1100,01,,2026-06-30
101,HVAC Service,10USA,10USACO,1200,02,2026-07-01,2026-12-31
"""


@pytest.mark.parametrize(
    ("day", "cost_center"),
    [
        (date(1999, 1, 1), "1100"),
        (date(2026, 6, 30), "1100"),
        (date(2026, 7, 1), "1200"),
        (date(2026, 12, 31), "1200"),
        (date(2027, 1, 1), None),
    ],
)
def test_the_row_of_the_invoice_date_is_used(tmp_path: Path, day: date, cost_center: str | None) -> None:
    document = given.one_invoice({"invoice_date": day}, mapping=given.tables(tmp_path, business_units=MOVED))
    if cost_center is None:
        assert document.hold is not None
        assert (document.hold.code, document.hold.key) == (
            "business_unit.not_effective", "business_unit_id=101, day=2027-01-01",
        )  # fmt: skip
    else:
        assert {line.cost_center for line in document.control} == {"", cost_center}


def test_a_more_specific_row_that_has_ended_leaves_the_general_one(tmp_path: Path) -> None:
    text = ("business_unit_id,item,item_type,gl_hint,gl_account,valid_from,valid_to\n"
            ",,Service,,4000,,\n,SVC-DIAG,Service,,4300,2026-10-05,2026-10-05\n")  # fmt: skip
    mapping = given.tables(tmp_path, invoice_accounts=text)

    def account(day: date) -> str:
        document = given.one_invoice({"invoice_date": day}, mapping=mapping)
        return next(line.gl_account for line in document.control if line.cost_center)

    assert [account(date(2026, 10, day)) for day in (4, 5, 6)] == ["4000", "4300", "4000"]


DAYS = st.dates(date(1900, 1, 1), date(2999, 12, 31))


@st.composite
def _ranges(draw: st.DrawFn) -> list[tuple[int, date, date]]:
    rows = []
    for key in range(draw(st.integers(0, 4))):
        borders = sorted(draw(st.sets(DAYS, max_size=6)))
        for first, after in zip(borders[::2], borders[1::2], strict=False):
            rows.append((key, first, after - timedelta(days=1)))
    return draw(st.permutations(rows))


@examples(_ranges(), st.lists(st.tuples(st.integers(-1, 5), DAYS), max_size=20))
def test_the_search_finds_what_reading_row_by_row_finds(
    rows: list[tuple[int, date, date]], questions: list[tuple[int, date]]
) -> None:
    keys, first, last = zip(*rows, strict=True) if rows else ((), (), ())
    index = EffectiveIndex(np.array(keys, dtype=np.int64), days_of(first), days_of(last))
    found = index.find(np.array([key for key, _ in questions], dtype=np.int64), days_of([day for _, day in questions]))
    expected = [
        next((place for place, row in enumerate(rows) if row[0] == key and row[1] <= day <= row[2]), -1)
        for key, day in questions
    ]
    assert found.tolist() == expected
