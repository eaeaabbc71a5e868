"""A second witness for the source side: the source's own journal, where the tenant has it.

Invariant: the witness never changes a total or a variance; it only says where our source control totals and the
source's own ledger disagree. It answers the question that reading the target back cannot: did we understand the source?
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from st_pipelines.documents.frames import JOURNAL_DETAIL, JOURNAL_SUMMARY
from st_pipelines.documents.money import to_minor
from st_pipelines.reconciliation.amounts import money
from st_pipelines.reconciliation.sides import Side

__all__ = [
    "JOURNAL_DETAIL", "JOURNAL_SUMMARY", "Disagreement", "Journal", "NoWitness", "SecondWitness", "Testimony",
    "compare_with_journal",
]  # fmt: skip

Account = tuple[str, str, str]  # business unit, GL account, currency


class NoWitness(Exception):
    """The journal cannot be heard; the text says why and what to do. It never stops a reconciliation."""


@dataclass(frozen=True)
class Journal:
    """How to ask the source. Both are given the first and the last posting date, and raise ``NoWitness``.
    ``summary`` has schema ``JOURNAL_SUMMARY``, ``details`` has ``JOURNAL_DETAIL``; either may hold other dates too."""

    name: str
    summary: Callable[[date, date], pa.Table]
    details: Callable[[date, date], pa.Table]


@dataclass(frozen=True)
class Testimony:
    """One business unit and account over the period, in minor units, debit positive."""

    business_unit: str
    gl_account: str
    currency: str
    witness_minor: int
    source_minor: int

    @property
    def difference_minor(self) -> int:
        return self.source_minor - self.witness_minor


@dataclass(frozen=True)
class Disagreement:
    """One document that the journal and we have differently. ``contradicts``: it cannot be explained by what we have
    not read, hold or do not post by rule. ``amount_minor``: the larger of the debits and the credits that differ."""

    doc_key: str
    reason: str
    detail: str
    cure: str
    contradicts: bool
    currency: str
    amount_minor: int
    accounts: tuple[Testimony, ...]


@dataclass(frozen=True)
class SecondWitness:
    """What the journal said. ``heard`` is false where it could not be asked or could not say which documents it means:
    ``notes`` say why. ``accounts`` compare like with like; ``notes`` name what was left out of either side."""

    name: str
    heard: bool
    accounts: tuple[Testimony, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def contradictions(self) -> tuple[Disagreement, ...]:
        return tuple(one for one in self.disagreements if one.contradicts)

    @property
    def contradicts(self) -> bool:
        return bool(self.contradictions)

    @property
    def agrees(self) -> bool:
        """To the cent, in every account."""
        return self.heard and not self.disagreements

    @property
    def account_count(self) -> int:
        """Different GL accounts, whatever the business unit."""
        return len({one.gl_account for one in self.accounts})

    def verdict(self) -> str:
        """One line. ``ServiceTitan's journal agrees (13 accounts)``."""
        if not self.heard:
            return f"{self.name} was not heard: {' '.join(self.notes)}"
        if self.agrees:
            return f"{self.name} agrees ({self.account_count} accounts)"
        if not self.contradicts:
            reasons = ", ".join(sorted({one.reason for one in self.disagreements}))
            but = f"{_documents(self.disagreements)}: {reasons}"
            return f"{self.name} agrees ({self.account_count} accounts) but for {but}"
        return f"{self.name} contradicts {_documents(self.contradictions)}"


def compare_with_journal(
    journal: pa.Table, source: Side, accounts: Mapping[str, str] | None = None
) -> tuple[Testimony, ...]:
    """Every business unit and account of either. ``accounts`` translates the source's account numbers into the target's
    where they are not the same; an account without a translation keeps its own number and so shows as a difference."""
    ours: dict[Account, int] = defaultdict(int)
    for line in source.lines.to_pylist():
        ours[line["business_unit"], line["gl_account"], line["currency"]] += line["amount_minor"]
    sums = summed(journal.select(JOURNAL_SUMMARY.names).cast(JOURNAL_SUMMARY), accounts or {})
    return testimonies(sums, ours)


def summed(journal: pa.Table, accounts: Mapping[str, str]) -> dict[Account, int]:
    """Debits less credits. Raises ``InvalidAmount`` where a sum has fractions of a cent: a witness is never rounded."""
    return _summed(journal, "", accounts).get("", {})


def summed_by_document(details: pa.Table, accounts: Mapping[str, str]) -> dict[str, dict[Account, int]]:
    """The same by ``doc_key``. Raises ``InvalidAmount``."""
    return _summed(details, "doc_key", accounts)


def _summed(journal: pa.Table, by: str, accounts: Mapping[str, str]) -> dict[str, dict[Account, int]]:
    keys = [*([by] if by else []), "business_unit", "gl_account", "currency"]
    table = journal.group_by(keys, use_threads=False).aggregate([("debit", "sum"), ("credit", "sum")])
    found: dict[str, dict[Account, int]] = {}
    for row in table.to_pylist():
        account = accounts.get(row["gl_account"], row["gl_account"])
        place = (row["business_unit"] or "", account, row["currency"])
        sums = found.setdefault(row[by] if by else "", defaultdict(int))
        sums[place] += to_minor(row["debit_sum"] - row["credit_sum"], row["currency"])
    return found


def testimonies(witness: Mapping[Account, int], ours: Mapping[Account, int]) -> tuple[Testimony, ...]:
    """One a place of either side, ordered by currency, business unit and account."""
    places = sorted(witness.keys() | ours.keys(), key=lambda place: (place[2], place))
    return tuple(Testimony(*place, witness.get(place, 0), ours.get(place, 0)) for place in places)


def _documents(found: tuple[Disagreement, ...]) -> str:
    sums: dict[str, int] = defaultdict(int)
    for one in found:
        sums[one.currency] += one.amount_minor
    count = len({one.doc_key for one in found})
    what = ", ".join(money(minor, currency) for currency, minor in sorted(sums.items()))
    return f"{what} in {count} document{'s' if count != 1 else ''}"
