"""The small picture of purchase orders: ordered, received, invoiced by legal entity, both systems.

Invariant: drawn in whole pixels from whole numbers; a bar whose two sides differ is never drawn like one on which they
agree, however small the difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from st_pipelines.reconciliation.amounts import amount, money
from st_pipelines.reconciliation.order_lines import OrderLines, OrderTotal

LEFT, LONGEST = 170, 300  # where bars begin, and how long one may be
_STEP, _GAP = 16, 8


@dataclass(frozen=True)
class OrderBar:
    """``source`` and ``target``: lengths of the pale and of the dark bar in front of it."""

    y: int
    source: int
    target: int
    differs: bool
    label: str
    title: str


@dataclass(frozen=True)
class OrderPlot:
    heading: str
    top: str
    left: int
    width: int
    height: int
    bars: tuple[OrderBar, ...]


def order_plots(orders: OrderLines) -> Iterator[OrderPlot]:
    """One for each currency."""
    for currency in sorted({total.currency for total in orders.totals}):
        mine = [total for total in orders.totals if total.currency == currency]
        longest = max(1, *(max(total.left_minor, total.right_minor) for total in mine))
        bars = tuple(_bars(mine, longest, orders))
        height = bars[-1].y + _STEP if bars else 0
        yield OrderPlot(f"Purchase orders by legal entity, {currency}", amount(longest, currency), LEFT,
                        LEFT + LONGEST, height, bars)  # fmt: skip


def _bars(totals: Sequence[OrderTotal], longest: int, orders: OrderLines) -> Iterator[OrderBar]:
    y = 0
    for number, total in enumerate(totals):
        y += _GAP if number and total.measure == "ordered" else 0
        source, target = (_length(minor, longest) for minor in (total.left_minor, total.right_minor))
        both = f"{orders.left} {money(total.left_minor, total.currency)}, "
        both += f"{orders.right} {money(total.right_minor, total.currency)}"
        differs = bool(total.variance_minor or total.variance_pieces) and total.measure in orders.measures
        yield OrderBar(y, source, target, differs, f"{total.entity} {total.measure}", both)
        y += _STEP


def _length(minor: int, longest: int) -> int:
    return max(LONGEST * max(minor, 0) // longest, 1 if minor > 0 else 0)
