"""Ids as a tenant hands them out. Invariant: strictly rising with gaps within a kind, never the same across kinds."""

from random import Random

STARTS = {"customer": 51_400_318, "location": 61_720_004, "contact": 71_093_551, "vendor": 81_306_112,
          "job": 10_241_870_377, "invoice": 10_658_129_440, "line": 20_118_443_206, "payment": 11_472_650_918,
          "application": 21_330_172_655, "order": 12_907_311_024, "order_line": 22_604_915_733,
          "receipt": 13_155_820_469, "receipt_line": 23_871_604_112, "bill": 14_539_274_806,
          "bill_line": 24_093_715_580}  # fmt: skip


class Numbering:
    """``numbering("invoice")`` gives the next id. Larger than 2**31 on purpose: ids are int64."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._last = dict(STARTS)

    def __call__(self, kind: str) -> int:
        self._last[kind] += 1 + int(self._rng.random() * 5)
        return self._last[kind]
