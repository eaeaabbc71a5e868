"""What one posting session did. Invariant: counts of postings, from what the ledger recorded, not from intentions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from st_pipelines.posting.outcomes import Adopted, Hold, Outdated, Pair
from st_pipelines.posting.target import NotSent, Posted, Refused


@dataclass
class PostSummary:
    """``posted`` includes ``adopted`` (found in the target, not sent) and ``settled`` (unknown before, found by reading
    back). ``unknown``: still unsettled when the session ended. ``not_sent``: attempts that provably did nothing.
    ``stopped``: why the session ended early; empty = nothing more was claimable. ``waiting`` and ``held``: what is left
    in the ledger for these flows. ``differing``: document keys whose read-back differs from the plan."""

    sent: int = 0
    posted: int = 0
    adopted: int = 0
    settled: int = 0
    rejected: int = 0
    superseded: int = 0
    held_now: int = 0
    not_sent: int = 0
    unknown: int = 0
    returned: int = 0
    read_back: int = 0
    not_read_back: int = 0
    left: Counter[str] = field(default_factory=Counter)
    differing: list[str] = field(default_factory=list)
    hold_codes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stopped: str = ""
    seconds: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing of these flows is open, unknown, held or differing."""
        return not (self.stopped or self.differing or any(self.left.values()))

    def then(self, later: "PostSummary") -> "PostSummary":
        """This session and one after it as one: what was done is added up, what is left is the later one's."""
        added = {
            one.name: getattr(self, one.name) + getattr(later, one.name) for one in fields(self)
            if one.name not in ("left", "stopped", "unknown")
        }  # fmt: skip
        return PostSummary(**added, left=later.left, stopped=later.stopped, unknown=later.unknown)

    def count(self, pairs: Iterable[Pair]) -> bool:
        """Adds recorded outcomes; gives whether any of them may let another posting go on."""
        progress = False
        for _, outcome in pairs:
            progress = progress or not isinstance(outcome, NotSent)
            if isinstance(outcome, Posted):
                self.posted += 1
            elif isinstance(outcome, Adopted):
                self.posted += 1
                self.adopted += 1
            elif isinstance(outcome, Refused):
                self.rejected += 1
            elif isinstance(outcome, Outdated):
                self.superseded += 1
            elif isinstance(outcome, NotSent):
                self.not_sent += 1
                self.faults[outcome.reason[:200]] += 1
            elif isinstance(outcome, Hold):
                self.held_now += 1
                self.hold_codes[outcome.code] += 1
            else:
                self.faults[outcome.reason[:200]] += 1
        return progress
