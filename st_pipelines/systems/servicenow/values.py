"""Values as ServiceNow writes them. Invariant: everything is text on the wire, an instant is UTC, an amount goes from
text to ``Decimal`` and back without a float.

A reference comes as text or as an object, by the parameters of the request and the release; display texts follow the
user's zone and format and are never read as values.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from st_pipelines.documents.money import InvalidAmount, parse_amount

_SYS_ID = re.compile(r"[0-9a-f]{32}")
_STAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_STAMP_FORM = "%Y-%m-%d %H:%M:%S"


class UnreadableValue(ValueError):
    """A value that is not what its column should hold. Text shows the value, cut."""


def stored(value: Any) -> str:
    """The stored text of a field in any shape; ``""`` where it is empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        if "value" not in value:
            raise UnreadableValue("only a display text was sent, which no value can be read from")
        value = value["value"]
        if isinstance(value, str):
            return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return f"{value:f}" if isinstance(value, Decimal) else str(value)
    raise UnreadableValue(f"a value of an unknown shape ({type(value).__name__})")


def shown(value: Any) -> str:
    """The display text; ``""`` where it is empty, or refers to a record that was deleted."""
    if isinstance(value, dict):
        value = value.get("display_value")
    return value if isinstance(value, str) else ""


def sys_id(text: str) -> str:
    """32 lower-case hexadecimal digits; ``""`` for an empty reference."""
    if text and not _SYS_ID.fullmatch(text):
        raise UnreadableValue(f"{text[:40]!r} is no sys_id")
    return text


def flag(text: str) -> bool:
    """Empty is false: a new row's booleans may be empty."""
    if text in ("true", "1"):
        return True
    if text in ("false", "0", ""):
        return False
    raise UnreadableValue(f"{text[:40]!r} is neither true nor false")


def instant(text: str) -> datetime | None:
    """A stored ``glide_date_time``: UTC, whole seconds."""
    if not text:
        return None
    if not _STAMP.fullmatch(text):
        raise UnreadableValue(f"{text[:40]!r} is no instant as stored (YYYY-MM-DD HH:MM:SS)")
    try:
        return datetime.strptime(text, _STAMP_FORM).replace(tzinfo=UTC)
    except ValueError:
        raise UnreadableValue(f"{text[:40]!r} is no instant") from None


def stamp(moment: datetime) -> str:
    """The literal of an instant, cut to whole seconds. Raises for one without a zone."""
    if moment.tzinfo is None:
        raise UnreadableValue(f"{moment} has no zone")
    return moment.astimezone(UTC).strftime(_STAMP_FORM)


def day(text: str) -> date | None:
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise UnreadableValue(f"{text[:40]!r} is no date as stored (YYYY-MM-DD)")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableValue(f"{text[:40]!r} is no date") from None


def amount(text: str) -> Decimal | None:
    """A plain decimal number, exact; None where empty."""
    if not text:
        return None
    try:
        return parse_amount(text)
    except InvalidAmount:
        raise UnreadableValue(f"{text[:40]!r} is no plain decimal number") from None


def money(text: str, currency: str = "") -> tuple[str, Decimal] | None:
    """``USD;12.50`` or ``12.50``, which is then in ``currency``. None where there is no amount.

    A pair in another currency than the one that is named keeps its own: the caller compares.
    """
    code, semicolon, number = text.partition(";")
    if not semicolon:
        code, number = currency, text
    found = amount(number)
    if found is None:
        return None
    if not _CURRENCY.fullmatch(code):
        raise UnreadableValue(f"{text[:40]!r} names no currency")
    return code, found


def money_text(currency: str, value: Decimal) -> str:
    """As a currency field takes it: ``USD;12.50``."""
    if not _CURRENCY.fullmatch(currency):
        raise UnreadableValue(f"{currency[:10]!r} is no currency code")
    return f"{currency};{_number(value)}"


def wire(value: Any) -> str:
    """Anything that is sent, as text. A float is refused."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return _number(value)
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
    raise TypeError(f"{type(value).__name__} is never sent to ServiceNow")


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise UnreadableValue(f"{value} is no amount")
    return f"{value:f}"
