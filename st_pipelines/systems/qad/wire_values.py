"""Text, dates and amounts on QAD's wire. Invariant: what does not fit is refused by name, never cut or rounded.

Amounts are ``Decimal`` to the last byte; a body is encoded canonically, so that equal records give equal bytes.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from st_pipelines.documents.money import InvalidAmount, from_minor, to_minor
from st_pipelines.posting.target import CannotRender
from st_pipelines.systems.qad.profile import Entity, Profile

_ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_BLANKS = re.compile(r"[\t\r\n\x0b\x0c\x85\u2028\u2029]+")
_ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(T.*)?")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,8})?")
# Bidirectional overrides and isolates, zero-width signs, byte order mark, noncharacters: invisible, so never in books.
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff]")


def canonical(body: Any) -> bytes:
    """JSON with sorted members; ``Decimal`` as a number with all its digits. A float is a defect and raises."""
    _refuse_floats(body)
    return _ENCODER.encode(body)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float near money")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)


def wire_amount(amount: Decimal, currency: str, field: str) -> Decimal:
    """The amount with exactly its currency's decimals: 12.5 USD is 12.50."""
    try:
        return from_minor(to_minor(amount, currency), currency)
    except InvalidAmount as error:
        raise CannotRender(f"{field}: {error}") from error


def read_amount(value: object, field: str) -> Decimal:
    """An amount as QAD sent it: a JSON number, or the same as text (browses). Raises ``ValueError`` otherwise."""
    if isinstance(value, bool | float):
        raise ValueError(f"{field}: not an amount: {value!r}")
    if isinstance(value, Decimal | int):
        number = Decimal(value)
        if not number.is_finite():
            raise ValueError(f"{field}: not an amount: {value!r}")
        return number
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise ValueError(f"{field}: not an amount: {str(value)[:40]!r}")


def wire_date(day: date, profile: Profile) -> str:
    """A calendar date as the tenant writes it, at midnight: 2026-10-05T00:00:00.000Z."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime(profile.dates.wire)


def read_date(value: object, profile: Profile, field: str) -> date | None:
    """The calendar date of a wire date; ``""`` and null are absent. A date at midnight is that date as written; with
    another time of day it is an instant and is read in the server's zone."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError(f"{field}: not a date: {value!r}")
    match = _ISO_DATE.fullmatch(value)
    if match:
        try:
            if not match[2] or re.match(r"T00:00(:00(\.0+)?)?(Z|[+-]00:?00)?$", match[2]):
                return date.fromisoformat(match[1])
            instant = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{field}: not a date: {value[:40]!r}") from error
        zone = ZoneInfo(profile.dates.server_zone)
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(zone).date()
    try:
        return datetime.strptime(value, profile.dates.wire).replace(tzinfo=UTC).date()
    except ValueError as error:
        raise ValueError(f"{field}: not a date: {value[:40]!r}") from error


def checked_text(value: str, field: str, profile: Profile) -> str:
    """Text as it may stand in a record. Refuses control, invisible and unencodable characters."""
    for position, character in enumerate(value):
        if unicodedata.category(character) in ("Cc", "Cs") or _INVISIBLE.match(character):
            raise CannotRender(f"{field}: character U+{ord(character):04X} at position {position + 1} is not allowed")
    try:
        value.encode(profile.charset)
    except UnicodeEncodeError as error:
        raise CannotRender(
            f"{field}: character U+{ord(value[error.start]):04X} at position {error.start + 1} does not exist in the "
            f"tenant's character set {profile.charset}") from error  # fmt: skip
    return value


def fitting_text(value: str, entity: Entity, wire: str, profile: Profile) -> str:
    """``checked_text`` within the field's length. Over-long text is refused unless the profile declares the cut."""
    limit = entity.max_length.get(wire)
    text = checked_text(value, wire, profile)
    if limit is None or len(text) <= limit:
        return text
    if wire in entity.truncate:
        return text[:limit].rstrip()
    raise CannotRender(f"{wire}: {len(text)} characters, QAD takes {limit}; shorten {value[:40]!r} at its source")


def one_line(value: str) -> str:
    """Free text (summaries, descriptions) on one line: line breaks and tabs become one space."""
    return _BLANKS.sub(" ", value).strip()


def split_name(name: str, limits: Iterable[int]) -> list[str]:
    """The whole name over several fields, at blanks where there are any. Never cut: raises ``CannotRender``.

    A part never begins or ends with a blank, because ERPs trim their fields.
    """
    rest, parts = name, []
    for limit in limits:
        if len(rest) <= limit:
            parts.append(rest)
            rest = ""
            continue
        at = rest.rfind(" ", 1, limit + 1)
        head = rest[:at].rstrip() if at > 0 else ""
        if head:
            parts.append(head)
            rest = rest[at:].lstrip()
        else:
            parts.append(rest[:limit])
            rest = rest[limit:]
    if rest:
        raise CannotRender(f"name: {len(name)} characters do not fit QAD's name fields; shorten {name[:60]!r}")
    return parts
