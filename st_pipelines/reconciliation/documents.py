"""Brings the three sides of each document together, and diffs ledger and target both ways by external reference.

Invariant: every document of every side comes out exactly once. The pairing is by key and reference, never by amount
or name: two equal payments are two payments.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from st_pipelines.reconciliation.sides import Side

Row = Mapping[str, Any]
Place = tuple[str, str, str, date | None]  # business unit, GL account, currency, business date
Lines = Mapping[Place, int]
Coding = Mapping[tuple[str, str, str], int]  # GL account, cost center, currency


@dataclass(frozen=True)
class Stand:
    """One document as one side has it; ``lines`` are summed by place and empty where it does not stand. ``coding``: the
    same money by cost center."""

    row: Row
    lines: Lines
    coding: Coding = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        return bool(self.row["stands"])


@dataclass(frozen=True)
class Triple:
    """One document on the three sides. ``copies`` are the target's, live ones first, in the order of their ids."""

    doc_key: str
    source: Stand | None
    ledger: Stand | None
    copies: tuple[Stand, ...]

    @property
    def live(self) -> tuple[Stand, ...]:
        return tuple(copy for copy in self.copies if copy.stands)


def triples(source: Side, ledger: Side, target: Side) -> Iterator[Triple]:
    """Every document of any side, ordered by key."""
    from_source, from_ledger = _by_key(source), _by_key(ledger)
    copies = _copies_by_key(target)
    for key in sorted(from_source.keys() | from_ledger.keys() | copies.keys()):
        yield Triple(key, from_source.get(key), from_ledger.get(key), copies.get(key, ()))


def subtract(left: Lines, right: Lines) -> dict[Place, int]:
    """What is left of ``left`` after ``right``, without the places that come out even."""
    result = dict(left)
    for place, minor in right.items():
        result[place] = result.get(place, 0) - minor
    return {place: minor for place, minor in result.items() if minor}


def _by_key(side: Side) -> dict[str, Stand]:
    lines, coding = _lines(side), _coding(side)
    return {
        row["doc_key"]: Stand(row, lines.get(of, {}), coding.get(of, {}))
        for row in side.documents.to_pylist()
        for of in [(row["doc_key"], row["copy_id"])]
    }


def _copies_by_key(side: Side) -> dict[str, tuple[Stand, ...]]:
    lines, coding = _lines(side), _coding(side)
    found: dict[str, list[Stand]] = defaultdict(list)
    for row in side.documents.to_pylist():
        of = row["doc_key"], row["copy_id"]
        found[row["doc_key"]].append(Stand(row, lines.get(of, {}), coding.get(of, {})))
    return {
        key: tuple(sorted(some, key=lambda stand: (not stand.stands, stand.row["copy_id"])))
        for key, some in found.items()
    }


def _lines(side: Side) -> dict[tuple[str, str], dict[Place, int]]:
    result: dict[tuple[str, str], dict[Place, int]] = defaultdict(dict)
    names = ("doc_key", "copy_id", "business_unit", "gl_account", "currency", "business_date", "amount_minor")
    for key, copy, unit, account, currency, day, minor in zip(
        *(side.lines[name].to_pylist() for name in names), strict=True
    ):
        place, lines = (unit, account, currency, day), result[key, copy]
        lines[place] = lines.get(place, 0) + minor
    return result


def _coding(side: Side) -> dict[tuple[str, str], dict[tuple[str, str, str], int]]:
    result: dict[tuple[str, str], dict[tuple[str, str, str], int]] = defaultdict(dict)
    names = ("doc_key", "copy_id", "gl_account", "cost_center", "currency", "amount_minor")
    for key, copy, account, center, currency, minor in zip(
        *(side.lines[name].to_pylist() for name in names), strict=True
    ):
        sums = result[key, copy]
        sums[account, center, currency] = sums.get((account, center, currency), 0) + minor
    return result
