"""Numbers and tables for the Dagster UI. Invariant: money is shown exact, as text in tables; plots get plain numbers.

Dagster refuses ``Decimal`` and draws only ``float`` and ``int``; the plotted number is a picture, never an input.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from st_pipelines.documents.money import from_minor
from st_pipelines.reconciliation.visible import visible

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


def links(rows: Iterable[tuple[str, str]]) -> dg.MetadataValue[Any]:
    """A list of (text, address); whatever could be markup in the text is shown as it is."""
    lines = [f"- [{_MARKUP.sub(_escaped, visible(text))}](<{address}>)" for text, address in rows]
    return dg.MetadataValue.md("\n".join(lines))


_MARKUP = re.compile(r"[\\`*_{}\[\]<>()#+.!|~-]")


def _escaped(found: "re.Match[str]") -> str:
    return f"\\{found[0]}"


def _cell(value: object) -> str | int | bool:
    return value if isinstance(value, (int, bool)) else visible(value)
