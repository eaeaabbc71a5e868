"""Text to value and back: exact, in every shape a field comes in, or refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.servicenow import values as v

AMOUNTS = st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, allow_nan=False, allow_infinity=False, places=8)


@given(AMOUNTS, st.sampled_from(["USD", "JPY", "KWD"]))
def test_an_amount_comes_back_as_it_was_sent(amount: Decimal, currency: str) -> None:
    assert v.money(v.money_text(currency, amount)) == (currency, amount)
    assert v.amount(v.wire(amount)) == amount


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_an_instant_is_utc_whatever_zone_it_was_given_in(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)), microsecond=0)
    assert v.instant(v.stamp(moment)) == moment
    assert v.stamp(moment) == moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("field", "text"),
    [("abc", "abc"), ("", ""), (None, ""), ({"value": "abc", "link": "https://x"}, "abc"),
     ({"value": "abc", "display_value": "Shown"}, "abc"), ({"value": "", "display_value": "", "link": ""}, ""),
     (True, "true"), (7, "7"), (Decimal("1.50"), "1.50")],
)  # fmt: skip
def test_a_field_is_read_in_every_shape(field: Any, text: str) -> None:
    assert v.stored(field) == text


@pytest.mark.parametrize("field", [{"display_value": "Shown", "link": "https://x"}, [], {"value": {"a": 1}}])
def test_a_display_text_is_never_read_as_a_value(field: Any) -> None:
    with pytest.raises(v.UnreadableValue):
        v.stored(field)


@pytest.mark.parametrize(
    ("read", "text"),
    [(v.amount, "1,234.50"), (v.amount, "1e5"), (v.amount, "NaN"), (v.amount, "١"), (v.amount, "$5"),
     (v.money, "12.50"), (v.money, "usd;1"), (v.money, "USD;1;2"), (v.instant, "2026-01-31T09:00:00Z"),
     (v.instant, "31.01.2026 09:00:00"), (v.instant, "2026-02-30 09:00:00"), (v.day, "2026-02-30"), (v.day, "01/02/26"),
     (v.flag, "yes"), (v.sys_id, "A" * 32), (v.sys_id, "a" * 31)],
)  # fmt: skip
def test_what_is_not_as_stored_is_refused(read: Any, text: str) -> None:
    with pytest.raises(v.UnreadableValue):
        read(text)


def test_empty_is_nothing() -> None:
    assert (v.amount(""), v.money("", "USD"), v.money("USD;"), v.instant(""), v.day("")) == (None,) * 5
    assert v.flag("") is False
    assert v.sys_id("") == ""
    assert v.day("2026-01-31") == date(2026, 1, 31)
    assert (v.shown({"display_value": "Approved", "value": "20"}), v.shown(""), v.shown(None)) == ("Approved", "", "")


@given(st.floats())
def test_no_float_is_ever_sent(number: float) -> None:
    with pytest.raises(TypeError):
        v.wire(number)
