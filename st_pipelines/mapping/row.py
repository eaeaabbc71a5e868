"""One checked row of a mapping table. Invariant: ``first`` and ``last`` are inclusive days, and first <= last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

FIRST_DAY, LAST_DAY = date.min, date.max  # what a blank valid_from and valid_to stand for


@dataclass(frozen=True)
class MappingRow:
    """``cells`` by column name, in the declared order; ``positions``: character position of each cell in its line."""

    line: int
    cells: Mapping[str, str]
    positions: Mapping[str, int]
    first: date
    last: date

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def canonical(self) -> tuple[Any, ...]:
        """Sorts rows by content, so that neither results nor versions depend on their order in the file."""
        return (*self.cells.values(), self.first, self.last)

    def overlaps(self, other: "MappingRow") -> bool:
        return self.first <= other.last and other.first <= self.last

    def when(self) -> str:
        """The valid range as people write it: ``from 2026-01-01 to 2026-12-31``, blank where it is open."""
        start = "" if self.first == FIRST_DAY else f"from {self.first}"
        end = "" if self.last == LAST_DAY else f"to {self.last}"
        return " ".join(part for part in (start, end) if part) or "always"
