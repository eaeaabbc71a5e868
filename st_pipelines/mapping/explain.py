"""Which rows of the mapping tables lead to an account or a cost center. Invariant: only rows that are valid on the day
and say exactly this account are named, the most specific first; nothing is guessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from st_pipelines.mapping.row import MappingRow
from st_pipelines.mapping.tables import Mapping as MappingTables
from st_pipelines.mapping.tables import MappingTable

_ACCOUNTS = ("gl_account", "bank_account")
_UNIT = "business_unit_id"


def account_rows(mapping: MappingTables, account: str, business_unit: str, day: date) -> list[str]:
    """``invoice_accounts.csv, line 3: item_type Service``, of every row that gives this account to this unit."""
    found: list[tuple[int, str]] = []
    for table, row in _valid(mapping, day):
        named = [column for column in _ACCOUNTS if row.cells.get(column) == account]
        if named and row.cells.get(_UNIT, "") in ("", business_unit):
            filled = _filled(row, (*_ACCOUNTS,))
            found.append((-len(filled), _said(table, row, filled)))
    return [said for _, said in sorted(found)]


def cost_center_rows(mapping: MappingTables, cost_center: str, business_unit: str, day: date) -> list[str]:
    """The row of the business unit, where it has this cost center."""
    return [
        _said(table, row, {_UNIT: business_unit}) for table, row in _valid(mapping, day)
        if cost_center and row.cells.get("cost_center") == cost_center and row.cells.get(_UNIT) == business_unit
    ]  # fmt: skip


def _valid(mapping: MappingTables, day: date) -> Iterator[tuple[MappingTable, MappingRow]]:
    for table in mapping.tables.values():
        for row in table.rows:
            if row.first <= day <= row.last:
                yield table, row


def _filled(row: MappingRow, without: Sequence[str]) -> dict[str, str]:
    return {name: text for name, text in row.cells.items() if text and name not in without}


def _said(table: MappingTable, row: MappingRow, filled: Mapping[str, str]) -> str:
    keys = {column.name for column in table.format.keys}
    told = " ".join(f"{name} {text}" for name, text in filled.items() if name in keys)
    return f"{table.file}, line {row.line}{f': {told}' if told else ''}"
