"""Exact arithmetic on whole columns of amounts. Invariant: integers only; nothing is rounded except in ``half_up``.

An amount is a whole number of hundred-millionths (the eighth decimal, ``documents.frames.AMOUNT``) in 64 bits, plus,
for products of quantity and price, a rest below that in 1e-16. Amounts of ten billion and more are reported, never
wrapped around.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from st_pipelines.documents.frames import AMOUNT
from st_pipelines.mapping.effective import Flags, Ints

PLACES = 8
_LIMIT = 10**10 * 10**PLACES  # of nine such amounts the sum still fits
_ONE = 10**PLACES  # 1 in 1e-8; also the number of rests (1e-16) in 1e-8


@dataclass(frozen=True)
class Amounts:
    """``whole``: floor in 1e-8. ``rest``: 0 <= rest < 1e8 in 1e-16, or None where all are 0. ``present``: neither null
    nor too large; where it is False the amount counts as 0 and the document must be held."""

    whole: Ints
    present: Flags
    rest: Ints | None = None

    @property
    def moves(self) -> Flags:
        """Which amounts are present and not zero."""
        moved = self.whole != 0
        return np.asarray(self.present & (moved if self.rest is None else moved | (self.rest != 0)), dtype=np.bool_)


def exact(column: pa.ChunkedArray | pa.Array) -> Amounts:
    """A decimal column as integers, read from the column's own memory (two 64-bit halves a value)."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.type != AMOUNT:
        array = array.cast(AMOUNT)
    if not len(array):
        return Amounts(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_))
    halves = np.frombuffer(array.buffers()[1], dtype="<i8").reshape(-1, 2)[array.offset : array.offset + len(array)]
    low, high = halves[:, 0], halves[:, 1]
    present = (high == (low >> 63)) & (low < _LIMIT) & (low > -_LIMIT)
    if array.null_count:
        present &= array.is_valid().to_numpy(zero_copy_only=False)
    return Amounts(np.where(present, low, 0), present)


def product(quantity: pa.ChunkedArray, price: pa.ChunkedArray) -> Amounts:
    """Quantity times price without rounding: up to sixteen decimals, by schoolbook multiplication of the parts before
    and after the point. A product that may reach ten billion counts as not present."""
    a, b = exact(quantity), exact(price)
    a_units, a_part = np.divmod(a.whole, _ONE)
    b_units, b_part = np.divmod(b.whole, _ONE)
    fits = np.abs(a_units) + 1 <= 10**10 // (np.abs(b_units) + 1)
    present = a.present & b.present & fits
    a_units, a_part, b_units, b_part = (np.where(present, one, 0) for one in (a_units, a_part, b_units, b_part))
    below, rest = np.divmod(a_part * b_part, _ONE)
    whole = a_units * b_units * _ONE + a_units * b_part + a_part * b_units + below
    return Amounts(whole, present, rest if rest.any() else None)


def half_up(amounts: Amounts, unit: Ints) -> Ints:
    """Whole minor units, ties away from zero (reliability $3). ``unit``: how many 1e-8 a minor unit holds."""
    magnitude = np.abs(amounts.whole)
    half = unit // 2
    up = (magnitude + half) // unit
    if amounts.rest is not None:  # a negative amount is a floor plus a rest: its magnitude is a little smaller
        up = np.where((amounts.whole < 0) & (amounts.rest > 0), (magnitude + half - 1) // unit, up)
    return np.where(amounts.whole < 0, -up, up)


@dataclass(frozen=True)
class Sums:
    """Exact sums per document: ``minor`` floor in minor units, ``part`` 0 <= part < unit in 1e-8, ``rest`` as above."""

    minor: Ints
    part: Ints
    rest: Ints

    @staticmethod
    def of(amounts: Amounts, unit: Ints) -> "Sums":
        """Single amounts in the same form; ``unit`` per amount."""
        minor = amounts.whole // unit
        rest = np.zeros(len(minor), dtype=np.int64) if amounts.rest is None else amounts.rest
        return Sums(minor, amounts.whole - minor * unit, rest)

    def plus(self, other: "Sums", unit: Ints) -> "Sums":
        rest = self.rest + other.rest
        part = self.part + other.part + rest // _ONE
        return Sums(self.minor + other.minor + part // unit, part % unit, rest % _ONE)

    def half_up(self, unit: Ints) -> Ints:
        """Whole minor units, ties away from zero."""
        twice = 2 * self.part
        above = (twice > unit) | ((twice == unit) & ((self.rest > 0) | (self.minor >= 0)))
        return np.asarray(self.minor + above, dtype=np.int64)

    def same(self, other: "Sums") -> Flags:
        same = (self.minor == other.minor) & (self.part == other.part) & (self.rest == other.rest)
        return np.asarray(same, dtype=np.bool_)

    def agrees(self, stated: Amounts, unit: Ints) -> Flags:
        """Equal to the stated amount, or the stated amount is this one rounded to whole minor units."""
        other = Sums.of(stated, unit)
        same = self.same(other)
        rounded = (other.part == 0) & (other.rest == 0) & (self.half_up(unit) == other.minor)
        return np.asarray(same | rounded, dtype=np.bool_)


def sums(amounts: Amounts, unit: Ints, bounds: Ints) -> Sums:
    """Adds up lines per document. ``bounds``: first line of each document and, last, the number of lines; ``unit`` per
    document. Minor units and what lies below them are added apart, so that no sum can leave 64 bits."""
    per_line = np.repeat(unit, np.diff(bounds))
    minor = amounts.whole // per_line
    part = amounts.whole - minor * per_line
    rest = totals(amounts.rest, bounds) if amounts.rest is not None else np.zeros(len(unit), dtype=np.int64)
    below = totals(part, bounds) + rest // _ONE
    return Sums(totals(minor, bounds) + below // unit, below % unit, rest % _ONE)


def totals(values: Ints, bounds: Ints) -> Ints:
    """Sums of slices by differences of running sums (which may wrap around: the differences do not)."""
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)))
    return np.asarray(running[bounds[1:]] - running[bounds[:-1]], dtype=np.int64)
