"""Numbers and tables for the Dagster UI. Invariant: money is shown exact, as text in tables; plots get plain numbers.

Dagster refuses ``Decimal`` and draws only ``float`` and ``int``; the plotted number is a picture, never an input.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from st_pipelines.documents.money import from_minor

PREVIEW_ROWS = 20


def amount(minor: int, currency: str) -> str:
    """``1234567`` USD cents to ``"12,345.67 USD"``."""
    return f"{from_minor(minor, currency):,} {currency}"


def plotted(minor: int, currency: str) -> dg.MetadataValue[Any]:
    """For the plot over partitions only."""
    return dg.MetadataValue.float(float(from_minor(minor, currency)))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> dg.MetadataValue[Any]:
    """The first rows as a table; whole lists live in the report."""
    records = [dg.TableRecord({name: _cell(row[name]) for name in columns}) for row in rows][:PREVIEW_ROWS]
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def _cell(value: object) -> str | int | bool:
    return value if isinstance(value, (str, int, bool)) else str(value)
