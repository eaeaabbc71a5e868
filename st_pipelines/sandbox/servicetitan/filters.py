"""What a list's query parameters mean. Invariant: a wrong value is a 400 that names the parameter, never an empty list.

A filter takes the parameter's name and its values and gives a test of a row, or None where the parameter has no effect
(as a date without a time has none on the real system).
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.errors import ApiError, bad_value
from st_pipelines.sandbox.servicetitan.shelf import Row

Test = Callable[[Row], bool]
Filter = Callable[[str, list[str]], Test | None]
_MAX_IDS = 50


def instant(name: str, values: list[str]) -> int | None:
    """Ticks of a date-time parameter; None where it is absent or a date without a time."""
    text = values[-1].strip() if values else ""
    try:
        return stamps.parse(text.replace(" ", "+")) if text else None
    except ValueError:
        raise bad_value(name, text) from None


def ids_of(name: str, values: list[str]) -> list[int] | None:
    """Comma-separated or repeated ids, at most 50; None where there is none."""
    parts = [part.strip() for value in values for part in value.split(",") if part.strip()]
    try:
        ids = [int(part) for part in parts]
    except ValueError:
        raise bad_value(name, ",".join(parts)[:80]) from None
    if len(ids) > _MAX_IDS:
        raise ApiError(400, "One or more validation errors occurred.", {name: [f"At most {_MAX_IDS} ids are allowed."]})
    return ids or None


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if record is None:
            return None
        record = record.get(part)
    return record


def integers(*path: str) -> Filter:
    """Equal to one of the given integers; the parameter may be a comma list."""

    def make(name: str, values: list[str]) -> Test | None:
        wanted = ids_of(name, values)
        return None if wanted is None else lambda row: _at(row.record, path) in set(wanted)

    return make


def texts(*path: str, known: tuple[str, ...] = ()) -> Filter:
    """Equal to one of the given texts (comma list or repeated). ``known``: the published values of an enum."""

    def make(name: str, values: list[str]) -> Test | None:
        wanted = {part.strip() for value in values for part in value.split(",") if part.strip()}
        for one in wanted if known else ():
            if one not in known:
                raise bad_value(name, one)
        return (lambda row: str(_at(row.record, path)) in wanted) if wanted else None

    return make


def word(*path: str) -> Filter:
    """Equal to the whole text, commas included."""

    def make(name: str, values: list[str]) -> Test | None:
        return (lambda row: _at(row.record, path) == values[-1]) if values[-1] else None

    return make


def contains(*path: str) -> Filter:
    def make(name: str, values: list[str]) -> Test | None:
        wanted = values[-1].casefold()
        return (lambda row: wanted in str(_at(row.record, path) or "").casefold()) if wanted else None

    return make


def from_instant(*path: str) -> Filter:
    """On or after; records without the date never match."""

    def make(name: str, values: list[str]) -> Test | None:
        low = instant(name, values)
        return None if low is None else lambda row: low <= _ticks(row, path, -1)

    return make


def before_instant(*path: str) -> Filter:
    def make(name: str, values: list[str]) -> Test | None:
        high = instant(name, values)
        return None if high is None else lambda row: 0 <= _ticks(row, path, -1) < high

    return make


def at_least(*path: str) -> Filter:
    """Published as «greater than or equal»."""

    def make(name: str, values: list[str]) -> Test | None:
        low = _decimal(name, values)
        return lambda row: Decimal(_at(row.record, path)) >= low

    return make


def at_most(*path: str) -> Filter:
    def make(name: str, values: list[str]) -> Test | None:
        high = _decimal(name, values)
        return lambda row: Decimal(_at(row.record, path)) <= high

    return make


def applied_to(field: str, as_number: bool) -> Filter:
    """Payments with an application whose ``field`` is one of the values."""

    def make(name: str, values: list[str]) -> Test | None:
        wanted: set[Any] = set(ids_of(name, values) or ()) if as_number else {values[-1]}
        return (lambda row: any(one[field] in wanted for one in row.record["appliedTo"] or ())) if wanted else None

    return make


def nothing(name: str, values: list[str]) -> Test | None:
    """A published parameter that nothing in this business can match."""
    return lambda row: False


def active_test(choice: str) -> Test | None:
    """``True``/``ActiveOnly`` only active, ``False``/``InactiveOnly`` only inactive, else all."""
    if choice in ("True", "ActiveOnly"):
        return lambda row: bool(row.record.get("active", True))
    if choice in ("False", "InactiveOnly"):
        return lambda row: not row.record.get("active", True)
    return None


def _ticks(row: Row, path: tuple[str, ...], default: int) -> int:
    text = _at(row.record, path)
    return default if text is None else stamps.parse(text) or default


def _decimal(name: str, values: list[str]) -> Decimal:
    try:
        number = Decimal(values[-1])
    except InvalidOperation:
        raise bad_value(name, values[-1]) from None
    if not number.is_finite():
        raise bad_value(name, values[-1])
    return number
