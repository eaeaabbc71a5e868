"""Exact money: what is taken, what is refused, and that nothing is lost on the way to cents and back."""

from decimal import Decimal, FloatOperation

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.money import (
    CONTEXT,
    InvalidAmount,
    from_minor,
    minor_unit,
    parse_amount,
    round_to_minor,
    to_minor,
)

CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", "EUR"])


@given(st.integers(-(10**15), 10**15), CURRENCIES)
def test_minor_units_and_back_is_the_same(minor: int, currency: str) -> None:
    amount = from_minor(minor, currency)
    assert to_minor(amount, currency) == minor
    assert amount.as_tuple().exponent == -minor_unit(currency)


@pytest.mark.parametrize(
    ("currency", "places"), [("USD", 2), ("JPY", 0), ("KWD", 3), ("VND", 0), ("TND", 3), ("CHF", 2)]
)
def test_minor_units_follow_the_currency(currency: str, places: int) -> None:
    assert minor_unit(currency) == places


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDT", "ÜSD", "U D", "US1", "USD\n"])
def test_a_text_that_is_no_currency_code_is_refused(currency: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidAmount):
            minor_unit(currency)


@pytest.mark.parametrize("text", ["0", "-0.01", "123456789012345.12345678", "12.50"])
def test_plain_decimals_are_taken_as_written(text: str) -> None:
    assert str(parse_amount(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "NaN", "Infinity", "1e3", "1_000", "1,000", " 1", "1 ", "1.", ".5", "+1", "--1", "\u0661", "1\n",
     "1234567890123456", "0.123456789"],
)  # fmt: skip
def test_what_decimal_itself_would_take_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text)


def test_more_decimals_than_the_currency_has_are_refused_not_rounded() -> None:
    with pytest.raises(InvalidAmount, match=r"12\.345 has more decimals than USD allows"):
        to_minor(Decimal("12.345"), "USD")
    assert to_minor(Decimal("12.340"), "USD") == 1234


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.015", "0.02"), ("0.0049", "0.00")]
)
def test_rounding_is_half_up_away_from_zero(amount: str, rounded: str) -> None:
    assert str(round_to_minor(Decimal(amount), "USD")) == rounded


def test_a_float_near_money_is_an_error() -> None:
    with pytest.raises(FloatOperation):
        CONTEXT.create_decimal(0.1)
