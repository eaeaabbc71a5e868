"""One month in the company's own zone, as 100-nanosecond ticks. Invariant: no instant leaves its month."""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

TICKS = 10_000_000
DAY = 86_400 * TICKS
_EPOCH = date(1970, 1, 1)


def instant_text(ticks: int) -> str:
    """``2026-10-05T20:35:38.2876004Z``, as .NET prints it: up to seven decimals, trailing zeros left away."""
    seconds, fraction = divmod(ticks, TICKS)
    minutes, second = divmod(seconds, 60)
    tail = "Z" if not fraction else f".{fraction:07d}".rstrip("0") + "Z"
    return f"{_minute_text(minutes)}:{second:02d}{tail}"


@lru_cache(maxsize=65_536)
def _minute_text(minutes: int) -> str:
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{_EPOCH + timedelta(days=days)}T{hour:02d}:{minute:02d}"


def date_text(day: date) -> str:
    """A calendar date as ServiceTitan carries it: midnight with Z, which is not an instant."""
    return f"{day.isoformat()}T00:00:00Z"


class Month:
    """``Month("2026-10", "America/Chicago")``: its days and the ticks of their local midnights, one more than days."""

    def __init__(self, month: str, zone: str) -> None:
        year, number = (int(part) for part in month.split("-"))
        first = date(year, number, 1)
        following = (first + timedelta(days=32)).replace(day=1)
        self.days = [first + timedelta(days=n) for n in range((following - first).days)]
        self.midnights = [_midnight(day, ZoneInfo(zone)) for day in [*self.days, following]]

    def at(self, index: int, ticks_of_day: int) -> int:
        """The instant that long after local midnight of day ``index``; negative indexes are days before the month."""
        if index < 0:
            return self.midnights[0] + index * DAY + ticks_of_day
        return min(self.midnights[index] + ticks_of_day, self.midnights[-1] - 1)

    def day(self, index: int) -> date:
        return self.days[0] + timedelta(days=index)

    def index_of(self, ticks: int) -> int:
        """The local day an instant falls on; -1 before the month, ``len(days)`` after it."""
        return bisect_right(self.midnights, ticks) - 1


def _midnight(day: date, zone: ZoneInfo) -> int:
    moment = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * TICKS
