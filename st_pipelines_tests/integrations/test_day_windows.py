"""The window of a daily partition: local midnights, whatever the clocks do."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.integrations.session import NotReady, day_window

LATER = datetime(2031, 1, 1, tzinfo=UTC)
DEMO = Path(__file__).resolve().parents[2] / "mappings" / "demo_qad"


def zone(name: str, settle: int = 2) -> Any:
    return SimpleNamespace(
        name="acme", zone=ZoneInfo(name), time_zone=name, options=SimpleNamespace(settle_minutes=settle)
    )


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("America/Chicago", date(2026, 3, 8), 23),
        ("America/Chicago", date(2026, 11, 1), 25),
        ("America/Chicago", date(2026, 10, 5), 24),
        ("America/Santiago", date(2025, 9, 7), 23),
    ],
)
def test_a_day_lasts_as_long_as_the_clocks_say(name: str, day: date, hours: int) -> None:
    start, end = day_window(zone(name), day, now=LATER)
    assert end - start == timedelta(hours=hours)
    assert start.tzinfo is UTC


@given(
    st.dates(date(2020, 1, 1), date(2030, 12, 30)), st.sampled_from(["America/Chicago", "Asia/Tokyo", "Africa/Cairo"])
)
def test_days_meet_without_gap_or_overlap(day: date, name: str) -> None:
    _, end = day_window(zone(name), day, now=LATER)
    start, _ = day_window(zone(name), day + timedelta(days=1), now=LATER)
    assert end == start


def test_the_day_in_progress_ends_a_settle_time_before_now() -> None:
    now = datetime(2026, 10, 5, 18, 0, tzinfo=UTC)
    assert day_window(zone("America/Chicago", settle=5), date(2026, 10, 5), now=now)[1] == now - timedelta(minutes=5)


def test_a_day_that_has_not_begun_is_refused() -> None:
    with pytest.raises(NotReady, match="2026-10-06"):
        day_window(zone("America/Chicago"), date(2026, 10, 6), now=datetime(2026, 10, 5, 18, 0, tzinfo=UTC))
