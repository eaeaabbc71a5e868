"""What a column's value looks like stored, read, and shown to people. Invariant: everything is text, and empty is "".

Stored: instants ``YYYY-MM-DD HH:MM:SS`` in UTC, amounts ``USD;12.50``. Shown: the user's zone and formats.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from st_pipelines.sandbox.servicenow.schema import Column

INSTANT = "%Y-%m-%d %H:%M:%S"
NUMBERS = frozenset({"integer", "decimal", "currency2"})
_FORMAT = {"yyyy": "%Y", "MM": "%m", "dd": "%d"}
# What one unit is worth in the instance's currency.
_RATES = {"USD": Decimal(1), "EUR": Decimal("1.1"), "CAD": Decimal("0.75"), "MXN": Decimal("0.05")}
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "CA$", "MXN": "MX$"}


@dataclass(frozen=True)
class Locale:
    """How a user reads: zone, and date format as the user record has it (``MM/dd/yyyy``)."""

    zone: ZoneInfo
    date_format: str

    def instant(self) -> str:
        return self.date() + " %H:%M:%S"

    def date(self) -> str:
        return re.sub("yyyy|MM|dd", lambda found: _FORMAT[found[0]], self.date_format)


GMT = Locale(ZoneInfo("UTC"), "yyyy-MM-dd")


def stored(column: Column, given: Any, locale: Locale | None, reference: Callable[[Column, str], str]) -> str:
    """What becomes of a value that somebody writes. ``locale``: the value is as shown, to that user; else as stored.
    What does not fit the column's type becomes empty, and too long a text is cut: the instance refuses neither."""
    text = _text(given)
    if text == "":
        return ""
    match column.kind:
        case "boolean":
            return "true" if text.lower() in ("true", "1", "yes") else "false"
        case "integer" | "decimal":
            number = amount(text)
            if number is None:
                return ""
            return str(int(number)) if column.kind == "integer" else plain(number)
        case "currency2":
            currency, value = money(text)
            return "" if value is None else f"{currency};{plain(value)}"
        case "glide_date" | "glide_date_time":
            return _moment(column.kind, text, locale)
        case "reference":
            return text if locale is None else reference(column, text)
        case _:
            return text[: column.length]


def shown(column: Column, value: str, locale: Locale) -> str:
    """The display text of every kind but references and choices."""
    if value == "":
        return ""
    match column.kind:
        case "glide_date_time":
            moment = datetime.strptime(value, INSTANT).replace(tzinfo=UTC).astimezone(locale.zone)
            return moment.strftime(locale.instant())
        case "glide_date":
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).strftime(locale.date())
        case "integer" | "decimal":
            return f"{Decimal(value):,f}"
        case "currency2":
            currency, number = money(value)
            assert number is not None
            return f"{_SYMBOLS.get(currency, currency + ' ')}{number:,.2f}"
        case _:
            return value


def raw(column: Column, value: str, currency_reading: str) -> str:
    """The value as read without display values. An amount alone is in the instance's currency, whatever its own is."""
    if column.kind != "currency2" or currency_reading == "pair" or not value:
        return value
    currency, own = money(value)
    if currency == "USD" or own is None:
        return value.partition(";")[2]
    return plain((own * _RATES.get(currency, Decimal(1))).quantize(Decimal("0.01")))


def money(text: str) -> tuple[str, Decimal | None]:
    """``USD;12.50`` or an amount in the instance's currency."""
    currency, semicolon, value = text.partition(";")
    return (currency.upper(), amount(value)) if semicolon else ("USD", amount(text))


def amount(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def plain(number: Decimal) -> str:
    return format(number, "f")


def _text(given: Any) -> str:
    if isinstance(given, dict):
        given = given.get("value", given.get("display_value", ""))
    if given is None or isinstance(given, list | dict):
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given)


def _moment(kind: str, text: str, locale: Locale | None) -> str:
    day = "%Y-%m-%d" if locale is None else locale.date()
    if kind == "glide_date":
        found = parsed(text, day) or parsed(text[:10], day)
        return found.strftime("%Y-%m-%d") if found else ""
    found = parsed(text, day + " %H:%M:%S") or parsed(text, day)
    if found is None:
        return ""
    zoned = found.replace(tzinfo=UTC if locale is None else locale.zone)
    return zoned.astimezone(UTC).strftime(INSTANT)


def parsed(text: str, form: str) -> datetime | None:
    """The moment without a zone, or None."""
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007 -- the caller knows the zone
    except ValueError:
        return None
