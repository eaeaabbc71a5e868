"""What a sandbox is made from. Invariant: the same options give the same sandbox, byte for byte."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time


@dataclass(frozen=True)
class SandboxOptions:
    """``month`` is the business month (``2026-10``); ``extra`` holds options that one system understands, as text."""

    seed: int = 1
    size: str = "small"
    month: str = "2026-10"
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", self.month):
            raise ValueError(f"a month looks like 2026-10, not {self.month!r}")

    def start_of_clock(self) -> datetime:
        """Noon UTC of the second day after the month: the books of the month are still open, nothing new happens. The
        option ``clock`` (``2026-09-01``) begins on another day, for a life that is still to come."""
        if "clock" in self.extra:
            return datetime.combine(date.fromisoformat(self.extra["clock"]), time(12), UTC)
        year, month = int(self.month[:4]), int(self.month[5:])
        return datetime(year + month // 12, month % 12 + 1, 2, 12, tzinfo=UTC)
