"""Which row of a table holds on which day, for whole columns at once. Invariant: first and last day are both inclusive.

A key is a small whole number (its place in a vocabulary), a day is days since 1970. Key and day are packed into one
integer so that one binary search over the rows' first days answers every question.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_BITS = 22  # 9999-12-31 is day 3 652 059 of the common era
_MOST_KEYS = 1 << (62 - _DAY_BITS)


def days_of(dates: Sequence[date]) -> Ints:
    """Days since 1970."""
    return np.array([day.toordinal() - _EPOCH for day in dates], dtype=np.int64)


class EffectiveIndex:
    """``keys``, ``first`` and ``last`` describe rows; ranges of one key must not overlap (the loader sees to that)."""

    def __init__(self, keys: Ints, first: Ints, last: Ints) -> None:
        if keys.size and int(keys.max()) >= _MOST_KEYS:
            raise ValueError("a mapping table has too many combinations of key values to be searched exactly")
        packed = _pack(keys, first)
        self._row = np.argsort(packed, kind="stable").astype(np.int64)
        self._start = packed[self._row]
        self._end = _pack(keys, last)[self._row]

    def find(self, keys: Ints, days: Ints) -> Ints:
        """The row for each (key, day), -1 where there is none or the key is negative (unknown)."""
        if not self._row.size:
            return np.full(keys.shape, -1, dtype=np.int64)
        wanted = _pack(np.maximum(keys, 0), days)
        place = np.searchsorted(self._start, wanted, side="right") - 1
        at = np.maximum(place, 0)
        # The end is packed with its key: a wanted value beyond it belongs to a later day or to another key.
        found = (keys >= 0) & (place >= 0) & (wanted <= self._end[at])
        return np.where(found, self._row[at], -1)


def _pack(keys: Ints, days: Ints) -> Ints:
    return (keys << _DAY_BITS) + (days + _EPOCH)
