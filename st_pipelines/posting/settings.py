"""Durations and limits of planning and posting. Invariant: every one can be set, down to fractions of a second."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class RunLimits:
    """Above these, all of a run's new postings of a company are held for a person (M5). ``amount`` is the sum of
    absolute amounts, per currency, in major units. None = no limit."""

    documents: int | None = None
    amount: Decimal | None = None


@dataclass(frozen=True)
class PostSettings:
    """All durations in seconds.

    ``lease_s`` must exceed the target's request deadline plus ``margin_s``. ``quiet_period_s`` and ``second_wait_s``
    default to the target's own quiet period; the second wait is counted on the monotonic clock, so it is what protects
    against a wall clock that jumps. ``patience_s`` is how long a run waits for postings that may be sent soon.
    """

    batch: int = 50
    lease_s: float = 300.0
    margin_s: float = 5.0
    patience_s: float = 60.0
    quiet_period_s: float | None = None
    second_wait_s: float | None = None
    max_read_backs: int = 5
    questions: int = 50  # references asked for in one question to the target
    backoff_base_s: float = 0.5
    backoff_cap_s: float = 60.0
    retry_after_cap_s: float = 900.0
    breaker_after: int = 5  # faults in a row before sending pauses
    stop_after_refusals: int = 25  # refusals in a row before the run stops for a person
    minimum_free_bytes: int = 16 * 2**20
