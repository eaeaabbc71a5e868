"""A second witness for the source side: ServiceTitan's own journal-entry summary, where the tenant has it.

Invariant: the witness never changes a total; it only says where our source control totals and the source's own ledger
disagree. It answers the question that reading the target back cannot: did we understand the source?
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from st_pipelines.documents.frames import AMOUNT
from st_pipelines.documents.money import to_minor
from st_pipelines.reconciliation.sides import Side

# One row a summary line of a journal entry: debit and credit are both positive, as the source gives them.
JOURNAL_SUMMARY = pa.schema(
    [
        ("business_unit", pa.string()), ("gl_account", pa.string()), ("currency", pa.string()),
        ("post_date", pa.date32()), ("debit", AMOUNT), ("credit", AMOUNT),
    ]
)  # fmt: skip


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


def compare_with_journal(
    journal: pa.Table, source: Side, accounts: Mapping[str, str] | None = None
) -> tuple[Testimony, ...]:
    """Every business unit and account of either. ``accounts`` translates the source's account numbers into the target's
    where they are not the same; an account without a translation keeps its own number and so shows as a difference."""
    translate = accounts or {}
    witness: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in journal.select(JOURNAL_SUMMARY.names).cast(JOURNAL_SUMMARY).to_pylist():
        account = translate.get(row["gl_account"], row["gl_account"])
        # Raises InvalidAmount where the source has fractions of a cent: a witness is never rounded.
        minor = to_minor(row["debit"] - row["credit"], row["currency"])
        witness[row["business_unit"] or "", account, row["currency"]] += minor
    ours: dict[tuple[str, str, str], int] = defaultdict(int)
    for line in source.lines.to_pylist():
        ours[line["business_unit"], line["gl_account"], line["currency"]] += line["amount_minor"]
    places = sorted(witness.keys() | ours.keys(), key=lambda place: (place[2], place))
    return tuple(Testimony(*place, witness.get(place, 0), ours.get(place, 0)) for place in places)
