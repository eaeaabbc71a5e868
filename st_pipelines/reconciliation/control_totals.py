"""Control totals: count and sum per business unit, GL account, currency and business date, on three sides.

Invariant: integers only. The full outer join is made by stacking the sides and summing, so no null (and with it no
float) can appear; a sum that is absent on a side is zero with a count of zero.
"""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.reconciliation.sides import Side

KEY = ("business_unit", "gl_account", "currency", "business_date")
SIDES = ("source", "ledger", "target")

CONTROL_TOTALS = pa.schema(
    [
        ("business_unit", pa.string()), ("gl_account", pa.string()), ("currency", pa.string()),
        ("business_date", pa.date32()),
        *((f"{name}_{what}", pa.int64()) for name in SIDES for what in ("documents", "minor")),
        ("variance_minor", pa.int64()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class ControlTotal:
    """One row. Documents are counted, sums are in minor units, debit positive; the variance is source minus target."""

    business_unit: str
    gl_account: str
    currency: str
    business_date: date
    source_documents: int
    source_minor: int
    ledger_documents: int
    ledger_minor: int
    target_documents: int
    target_minor: int
    variance_minor: int


def control_totals(source: Side, ledger: Side, target: Side) -> pa.Table:
    """Schema ``CONTROL_TOTALS``, ordered by currency, business unit, account and date; every key that any side has."""
    # First per document, so that a document with three lines on one account counts once.
    stacked = pa.concat_tables(
        [_per_document(side.lines, name) for name, side in zip(SIDES, (source, ledger, target), strict=True)]
    )
    sums = [(f"{name}_{what}", "sum") for name in SIDES for what in ("documents", "minor")]
    table = stacked.group_by(list(KEY), use_threads=False).aggregate(sums)
    table = table.rename_columns([name.removesuffix("_sum") for name in table.column_names])
    table = table.append_column("variance_minor", pc.subtract_checked(table["source_minor"], table["target_minor"]))
    table = table.select(CONTROL_TOTALS.names).cast(CONTROL_TOTALS)
    return table.sort_by([(name, "ascending") for name in ("currency", "business_unit", "gl_account", "business_date")])


@dataclass(frozen=True)
class CodingTotal:
    """One GL account and cost center over all dates and business units, in minor units."""

    gl_account: str
    cost_center: str
    currency: str
    source_minor: int
    target_minor: int

    @property
    def variance_minor(self) -> int:
        return self.source_minor - self.target_minor


def coding_totals(source: Side, target: Side) -> tuple[CodingTotal, ...]:
    """By currency, GL account and cost center; empty where no line has a cost center."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for place, lines in enumerate((source.lines, target.lines)):
        table = lines.group_by(["currency", "gl_account", "cost_center"], use_threads=False)
        for row in table.aggregate([("amount_minor", "sum")]).to_pylist():
            of = sums.setdefault((row["currency"], row["gl_account"], row["cost_center"]), [0, 0])
            of[place] += row["amount_minor_sum"]
    if not any(center for _, _, center in sums):
        return ()
    return tuple(CodingTotal(account, center, currency, *both)
                 for (currency, account, center), both in sorted(sums.items()))  # fmt: skip


def as_rows(totals: pa.Table) -> tuple[ControlTotal, ...]:
    """The table as values."""
    return tuple(ControlTotal(**row) for row in totals.to_pylist())


def folded(totals: pa.Table, by: tuple[str, ...]) -> pa.Table:
    """Sums of the amounts by fewer columns, e.g. ``("currency", "business_unit", "gl_account")`` for a screen. Counts
    are left out: they do not add up where a document has several accounts."""
    sums = [(f"{name}_minor", "sum") for name in (*SIDES, "variance")]
    table = totals.group_by(list(by), use_threads=False).aggregate(sums)
    table = table.rename_columns([name.removesuffix("_sum") for name in table.column_names])
    return table.sort_by([(name, "ascending") for name in by])


def _per_document(lines: pa.Table, side_name: str) -> pa.Table:
    table = lines.group_by(["doc_key", "copy_id", *KEY], use_threads=False).aggregate([("amount_minor", "sum")])
    rows = table.num_rows
    columns = {name: table[name] for name in KEY}
    zeros = pa.array([0] * rows, pa.int64())
    for name in SIDES:
        mine = name == side_name
        columns[f"{name}_documents"] = pa.array([1] * rows, pa.int64()) if mine else zeros
        columns[f"{name}_minor"] = table["amount_minor_sum"] if mine else zeros
    return pa.table(columns)
