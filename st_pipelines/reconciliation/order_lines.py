"""Purchase order lines of both systems side by side: ordered, received, invoiced, in pieces and in money.

Invariant: every line that either system shows is compared, over its whole life and not over a month. It is read now and
beside the documents, so what was entered a minute ago may differ and be nobody's fault.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property

from st_pipelines.documents.goods import plain
from st_pipelines.documents.money import PIECES, round_to_minor, to_minor
from st_pipelines.documents.order_lines import PROGRESS, OrderLineStanding

MEASURES = ("ordered", "received", "invoiced")
Key = tuple[str, str]  # order, line
_NOWHERE = Decimal(0)


@dataclass(frozen=True)
class ComparedLine:
    """``left`` and ``right``: as the source and the target hold it; absent where that one has no such line."""

    order: str
    line: str
    entity: str
    left: OrderLineStanding | None
    right: OrderLineStanding | None
    cause: str = ""

    @property
    def known(self) -> OrderLineStanding:
        known = self.left or self.right
        assert known is not None
        return known

    def pieces(self, measure: str) -> tuple[Decimal, Decimal]:
        return _of(self.left, measure), _of(self.right, measure)

    def minor(self, measure: str) -> tuple[int, int]:
        left, right = (
            to_minor(round_to_minor(_of(side, f"{measure}_amount"), self.known.currency), self.known.currency)
            for side in (self.left, self.right)
        )
        return left, right

    def differs(self, measures: Iterable[str]) -> bool:
        """Other pieces, other money, or another currency."""
        if self.left is not None and self.right is not None and self.left.currency != self.right.currency:
            return True
        return any(left != right for one in measures for left, right in (self.pieces(one), self.minor(one)))

    def money(self, measures: Iterable[str]) -> int:
        """How much of it differs, for the order of a list."""
        return max((abs(left - right) for left, right in map(self.minor, measures)), default=0)


@dataclass(frozen=True)
class TakenBack:
    """An order line of which the books have matched more pieces than are received: goods went back after an invoice had
    taken them. ``taken_by``: documents of this integration that name the line and stand in the books."""

    line: ComparedLine
    taken_by: str

    @property
    def says(self) -> str:
        held = self.line.right
        assert held is not None
        return (
            f"order {self.line.order} line {self.line.line}: {plain(held.invoiced)} invoiced, "
            f"{plain(held.received)} received, {plain(-held.not_invoiced)} went back after they had been invoiced; "
            f"taken by {self.taken_by or 'invoices that are not of this integration'}"
        )


@dataclass(frozen=True)
class OrderTotal:
    """One measure of one legal entity in one currency; pieces in millionths (``money.PIECES``)."""

    entity: str
    currency: str
    measure: str
    lines: int
    left_pieces: int
    right_pieces: int
    left_minor: int
    right_minor: int

    @property
    def variance_pieces(self) -> int:
        return self.left_pieces - self.right_pieces

    @property
    def variance_minor(self) -> int:
        return self.left_minor - self.right_minor


@dataclass(frozen=True)
class OrderLines:
    """``left`` and ``right``: what the two systems are called. ``measures``: those that this integration carries, and
    that must therefore agree; the others are shown. ``taken_by``: which posted documents took goods of a line."""

    left: str
    right: str
    measures: Sequence[str]
    lines: Sequence[ComparedLine]
    taken_by: Mapping[Key, str] = field(default_factory=dict)

    @cached_property
    def taken_back(self) -> Sequence[TakenBack]:
        """Where invoices go into the target. Nothing is undone by itself: a match is undone there, by a person."""
        if "invoiced" not in self.measures:
            return []
        return [TakenBack(line, self.taken_by.get((line.order, line.line), "")) for line in self.lines
                if line.right is not None and line.right.not_invoiced < 0]  # fmt: skip

    @cached_property
    def differing(self) -> Sequence[ComparedLine]:
        """The largest amounts first."""
        found = [line for line in self.lines if line.differs(self.measures)]
        return sorted(found, key=lambda line: (-line.money(self.measures), line.order, line.line))

    @property
    def unexplained(self) -> Sequence[ComparedLine]:
        return [line for line in self.differing if not line.cause]

    @cached_property
    def totals(self) -> Sequence[OrderTotal]:
        """By legal entity, currency and measure."""
        sums: dict[tuple[str, str], list[ComparedLine]] = defaultdict(list)
        for line in self.lines:
            sums[line.entity, line.known.currency].append(line)
        return [_total(entity, currency, measure, some)
                for (entity, currency), some in sorted(sums.items()) for measure in MEASURES]  # fmt: skip

    def progress(self, what: str) -> Mapping[str, tuple[int, int]]:
        """How many lines are open, partly, fully and over-received (or invoiced), on each side."""
        return {
            word: (sum(line.left is not None and line.left.progress(what) == word for line in self.lines),
                   sum(line.right is not None and line.right.progress(what) == word for line in self.lines))
            for word in PROGRESS
        }  # fmt: skip

    def verdict(self) -> str:
        what, one = " and ".join(self.measures).capitalize(), len(self.measures) == 1
        if not self.differing:
            return f"{what} {'agrees' if one else 'agree'} on all {len(self.lines):,} order lines"
        explained = len(self.differing) - len(self.unexplained)
        differ = f"{'differs' if one else 'differ'} on {len(self.differing):,} of {len(self.lines):,} order lines"
        return f"{what} {differ}, {explained:,} of them explained by a document that is open"


def compare(
    left: Iterable[OrderLineStanding], right: Iterable[OrderLineStanding], *, entity: Callable[[str, str], str],
    causes: Callable[[Sequence[Key]], Mapping[Key, str]], names: tuple[str, str], measures: Sequence[str],
) -> OrderLines:  # fmt: skip
    """``entity``: (books on the left, books on the right) to the legal entity; ``causes``: why these lines differ, for
    those where a document tells. Raises ``ValueError`` where a side has a line twice."""
    sides = _by_key(left, names[0]), _by_key(right, names[1])
    lines = []
    for key in sorted(sides[0].keys() | sides[1].keys()):
        one, other = sides[0].get(key), sides[1].get(key)
        of = entity(one.books if one else "", other.books if other else "")
        lines.append(ComparedLine(*key, of, one, other))
    differing = [(line.order, line.line) for line in lines if line.differs(measures)]
    why = causes(differing) if differing else {}
    return OrderLines(*names, measures, [replace(one, cause=why.get((one.order, one.line), "")) for one in lines])


def _by_key(standings: Iterable[OrderLineStanding], side: str) -> dict[Key, OrderLineStanding]:
    found: dict[Key, OrderLineStanding] = {}
    for one in standings:
        if (one.order, one.line) in found:
            raise ValueError(f"{side} shows line {one.line} of order {one.order} twice")
        found[one.order, one.line] = one
    return found


def _of(side: OrderLineStanding | None, name: str) -> Decimal:
    return _NOWHERE if side is None else getattr(side, name)


def _total(entity: str, currency: str, measure: str, lines: Sequence[ComparedLine]) -> OrderTotal:
    pieces, minor = [line.pieces(measure) for line in lines], [line.minor(measure) for line in lines]
    return OrderTotal(
        entity, currency, measure, len(lines),
        *(sum(to_minor(round_to_minor(one[side], PIECES), PIECES) for one in pieces) for side in (0, 1)),
        *(sum(one[side] for one in minor) for side in (0, 1)),
    )  # fmt: skip
