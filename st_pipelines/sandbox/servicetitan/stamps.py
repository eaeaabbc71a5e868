"""Instants of the wire as ticks, and new ones from the sandbox clock. Invariant: two changes never share a stamp.

Dates and times arrive in query parameters in many forms; a date without a time is not an instant (the real filters
ignore it), which ``parse`` says with ``None``.
"""

import re
from datetime import UTC, datetime

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business.calendar import TICKS, instant_text
from st_pipelines.sandbox.clock import Clock

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII | re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> int | None:
    """Ticks since 1970 (without a zone: UTC); None for a date alone. ``ValueError`` for what is no date at all."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, fraction, zone = found.groups()
    if clock is None:
        datetime.fromisoformat(day)
        return None
    moment = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').upper()}")
    return round_to_ticks(moment) + int((fraction or "0").ljust(7, "0")[:7])


def midnight(text: str) -> int:
    """Ticks of a date alone, for feeds, which do take it."""
    return round_to_ticks(datetime.fromisoformat(text[:10]).replace(tzinfo=UTC))


def round_to_ticks(moment: datetime) -> int:
    gone = moment - _EPOCH
    return (gone.days * 86_400 + gone.seconds) * TICKS + gone.microseconds * 10


def now_text(clock: Clock, books: Books) -> str:
    """Now, one tick later at each call, so that even a standing clock gives rising stamps."""
    return instant_text(round_to_ticks(clock.now()) + books.next_number("stamp"))
