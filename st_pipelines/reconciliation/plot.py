"""The small picture of the report: documents and amount per business date, source against target.

Invariant: drawn in whole pixels from whole numbers; a day on which the two differ is never drawn like one on which they
agree, however small the difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from st_pipelines.reconciliation.amounts import amount
from st_pipelines.reconciliation.overview import DayTotal

HEIGHT = 90
_STEP, _WIDEST = 26, 720


@dataclass(frozen=True)
class Bar:
    """One day: the source as a wide pale bar, the target as a narrow dark one in front. Pixels from the top left."""

    x: int
    width: int
    source_y: int
    source_height: int
    target_y: int
    target_height: int
    differs: bool
    label: str
    title: str


@dataclass(frozen=True)
class Plot:
    """Ready for the template; ``labels`` are the day labels that fit, ``top`` the value at the upper edge."""

    heading: str
    width: int
    height: int
    zero_y: int
    top: str
    bars: tuple[Bar, ...]


def plots(days: Sequence[DayTotal], currency: str) -> tuple[Plot, Plot]:
    """Documents and amounts of one currency."""
    mine = [day for day in days if day.currency == currency]
    documents = [(d, d.source_documents, d.target_documents) for d in mine]
    amounts = [(d, d.source_minor, d.target_minor) for d in mine]
    return (
        _plot("Documents per business date", documents, str),
        _plot(f"Amount per business date, {currency}", amounts, lambda minor: amount(minor, currency)),
    )


def _plot(heading: str, values: Sequence[tuple[DayTotal, int, int]], text: Callable[[int], str]) -> Plot:
    highest = max([0, *(max(source, target) for _, source, target in values)])
    lowest = min([0, *(min(source, target) for _, source, target in values)])
    span = max(highest - lowest, 1)
    zero_y = HEIGHT * highest // span if highest > lowest else HEIGHT
    step = max(4, min(_STEP, _WIDEST // max(len(values), 1)))
    every = max(1, 30 // step)  # a label needs some thirty pixels

    def extent(value: int) -> tuple[int, int]:
        height = max(HEIGHT * abs(value) // span, 1 if value else 0)
        return (zero_y - height if value > 0 else zero_y), height

    bars = []
    for place, (day, source, target) in enumerate(values):
        source_y, source_height = extent(source)
        target_y, target_height = extent(target)
        bars.append(Bar(
            place * step, step - 2, source_y, source_height, target_y, target_height, source != target,
            f"{day.day:%d}" if place % every == 0 else "", f"{day.day}: source {text(source)}, target {text(target)}",
        ))  # fmt: skip
    return Plot(heading, max(len(values) * step, 60), HEIGHT, zero_y, text(highest), tuple(bars))
