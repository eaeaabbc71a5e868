"""The business dates that are reconciled. Invariant: ranges are inclusive, ordered and do not overlap.

A day's documents may touch dates far apart (a late edit of an old invoice): each run of days is a range of its own, so
that the target is asked for those days and not for all the months between.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

Range = tuple[date, date]


@dataclass(frozen=True)
class Period:
    """``label`` is what the report calls it: ``2026-10``, ``2026-10-05 to 2026-10-11``, ``3 business dates``."""

    ranges: tuple[Range, ...]
    label: str

    @classmethod
    def between(cls, since: date, until: date) -> Self:
        if until < since:
            raise ValueError(f"a period ends before it begins: {since} to {until}")
        return cls(((since, until),), f"{since}" if since == until else f"{since} to {until}")

    @classmethod
    def month(cls, day: date) -> Self:
        """The whole calendar month that ``day`` lies in."""
        last = monthrange(day.year, day.month)[1]
        return cls(((day.replace(day=1), day.replace(day=last)),), f"{day:%Y-%m}")

    @classmethod
    def of_dates(cls, dates: Iterable[date]) -> Self:
        """Exactly these dates, joined where they follow one another."""
        ranges: list[Range] = []
        chosen = sorted(set(dates))
        for day in chosen:
            if ranges and ranges[-1][1] + timedelta(days=1) == day:
                ranges[-1] = (ranges[-1][0], day)
            else:
                ranges.append((day, day))
        if len(ranges) == 1:
            return cls.between(*ranges[0])
        return cls(
            tuple(ranges), f"{len(chosen)} business dates, {chosen[0]} to {chosen[-1]}" if chosen else "no dates"
        )

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and any(since <= day <= until for since, until in self.ranges)
