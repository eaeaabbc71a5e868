"""Calendar dates as QAD writes them: ``2026-10-05T00:00:00.000Z``. Invariant: a stored date is midnight or blank."""

import re
from datetime import date, timedelta

_WIRE = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d\.\d{3}Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MIDNIGHT = "T00:00:00.000Z"


def wire_date(day: str) -> str:
    """``2026-10-05`` to the wire's form."""
    return day + _MIDNIGHT


def read_date(text: str) -> str:
    """The wire's date at midnight; its time of day is dropped. ``ValueError`` for any other form or no such day."""
    match = _WIRE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    date.fromisoformat(match[1])
    return match[1] + _MIDNIGHT


def sought_date(text: str) -> str:
    """A date in a filter: with or without its time."""
    return wire_date(text) if _DAY.fullmatch(text) else text


def year_month(wire: str) -> tuple[int, int]:
    return int(wire[:4]), int(wire[5:7])


def plus_days(wire: str, days: int) -> str:
    return wire_date((date.fromisoformat(wire[:10]) + timedelta(days=days)).isoformat())
