"""Do the lines add up to the header? Invariant: compared exactly; only then rounded, line by line, and what rounding
leaves is a line of its own within the limit, never lost.

A header amount of finer lines may be their sum rounded half-up, or the sum of lines rounded half-up; nothing looser.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.mapping.amounts import PLACES, Amounts, Sums, half_up, sums, totals
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, Findings
from st_pipelines.mapping.intake import Intake


@dataclass(frozen=True)
class Balance:
    """``line_minor``: each line rounded; ``charges_minor``: tax, freight … rounded, in the order given;
    ``residual_minor``: total less all of these."""

    lines: Sums
    line_minor: Ints
    charges_minor: tuple[Ints, ...]
    total_minor: Ints
    residual_minor: Ints
    lines_agree: Flags
    total_agrees: Flags

    @property
    def nothing(self) -> Flags:
        """A total of zero that adds up: nothing to post. One that does not add up is a contradiction to be held."""
        return np.asarray((self.total_minor == 0) & self.lines_agree & self.total_agrees, dtype=np.bool_)

    def report(self, findings: Findings, limit: Decimal, unit: Ints, unbalanced: Columns) -> None:
        """``unbalanced`` supplies the sentence with both sums, under that name."""
        findings.on_documents(~(self.lines_agree & self.total_agrees), "unbalanced", unbalanced)
        most = np.array([int(limit.scaleb(PLACES)) // one for one in np.unique(unit).tolist()], dtype=np.int64)
        over = np.abs(self.residual_minor) > most[np.searchsorted(np.unique(unit), unit)]
        residual = Amounts(self.residual_minor * unit, over)
        findings.on_documents(over, "rounding.over_limit", {
            "residual": lambda places: decimal_text(residual, unit, places)})  # fmt: skip


def balance(
    intake: Intake, unit: Ints, lines: Amounts, sub_total: Amounts | None, charges: tuple[Amounts, ...], total: Amounts
) -> Balance:
    """``unit``: 1e-8 a minor unit, per document. Where the source states no ``sub_total`` (bills), lines and charges
    must add up to ``total`` directly."""
    line_minor = half_up(lines, np.repeat(unit, np.diff(intake.bounds)))
    charges_minor = tuple(half_up(charge, unit) for charge in charges)
    total_minor = half_up(total, unit)
    added = sums(lines, unit, intake.bounds)
    if sub_total is None:
        lines_agree = np.ones(len(unit), dtype=np.bool_)
        header = added
    else:
        rounded = Amounts(totals(line_minor, intake.bounds) * unit, sub_total.present)
        lines_agree = added.agrees(sub_total, unit) | Sums.of(rounded, unit).same(Sums.of(sub_total, unit))
        header = Sums.of(sub_total, unit)
    for charge in charges:
        header = header.plus(Sums.of(charge, unit), unit)
    residual = total_minor - totals(line_minor, intake.bounds) - sum(charges_minor, np.zeros(len(unit), dtype=np.int64))
    total_agrees = header.agrees(total, unit)
    if sub_total is None:
        total_agrees |= (residual == 0) & (total_minor * unit == total.whole)
    return Balance(added, line_minor, charges_minor, total_minor, residual, lines_agree, total_agrees)


def decimal_text(amounts: Sums | Amounts, unit: Ints, places: Ints) -> pa.Array:
    """Exact amounts as people write them, for the few documents that a hold text names."""
    found = amounts if isinstance(amounts, Sums) else Sums.of(amounts, unit)
    texts = []
    for place in places.tolist():
        minor, part, rest, one = (int(column[place]) for column in (found.minor, found.part, found.rest, unit))
        exact = Decimal(minor * one + part).scaleb(-PLACES) + Decimal(rest).scaleb(-2 * PLACES)
        least = Decimal(one).scaleb(-PLACES).normalize()
        texts.append(f"{exact.quantize(least) if part == rest == 0 else exact.normalize():f}")
    return pa.array(texts, pa.string())


def add_up_text(parts: list[tuple[str, pa.Array]], total_name: str, total: pa.Array) -> pa.Array:
    """``lines 100.00 + tax 8.25, total 108.24``."""
    pieces: list[pa.Array | str] = []
    for place, (name, amount) in enumerate(parts):
        pieces += [f"{' + ' if place else ''}{name} ", amount]
    return pc.binary_join_element_wise(*pieces, f", {total_name} ", total, "")
