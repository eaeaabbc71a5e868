"""Ids as a tenant hands them out. Invariant: strictly rising with gaps within a kind, never the same across kinds."""

from random import Random

STARTS = {"customer": 51_000_000, "location": 61_000_000, "contact": 71_000_000, "vendor": 81_000_000,
          "job": 10_200_000_000, "invoice": 10_600_000_000, "line": 20_100_000_000, "payment": 11_000_000_000,
          "application": 21_000_000_000, "order": 12_000_000_000, "order_line": 22_000_000_000,
          "receipt": 13_000_000_000, "receipt_line": 23_000_000_000, "bill": 14_000_000_000,
          "bill_line": 24_000_000_000}  # fmt: skip


class Numbering:
    """``numbering("invoice")`` gives the next id. Larger than 2**31 on purpose: ids are int64."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last = dict(STARTS)

    def __call__(self, kind: str) -> int:
        self._last[kind] += 1 + int(self._rng.random() * 5)
        return self._last[kind]
