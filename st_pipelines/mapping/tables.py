"""Reads the mapping tables of one folder. Invariant: either a complete, consistent ``Mapping`` or every fault at once.

The version is a SHA-256 over the content that matters: order of rows, quoting and line ends do not change it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from st_pipelines.mapping.columns import FORMATS, VALID_FROM, VALID_TO, Column, TableFormat
from st_pipelines.mapping.consistency import faults_between_rows
from st_pipelines.mapping.csv_cells import Cell, MappingError, Record, read_records, text_faults
from st_pipelines.mapping.row import FIRST_DAY, LAST_DAY, MappingRow

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class MappingErrors(ValueError):
    """The tables cannot be used. ``errors`` has every fault with file, line and column, sorted."""

    def __init__(self, errors: list[MappingError]) -> None:
        self.errors = tuple(sorted(errors))
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True)
class MappingTable:
    """The checked rows of one file, in a canonical order that does not depend on the file's."""

    format: TableFormat
    rows: tuple[MappingRow, ...]

    @property
    def file(self) -> str:
        return self.format.file

    def values(self, column: str) -> list[str]:
        return [row[column] for row in self.rows]


@dataclass(frozen=True)
class Mapping:
    """All tables of one integration, immutable. ``version`` names their content."""

    tables: MappingOf[str, MappingTable]

    def __getitem__(self, name: str) -> MappingTable:
        return self.tables[name]

    def rows(self, name: str) -> tuple[MappingRow, ...]:
        """The rows of a table; none where the integration has no such table."""
        return self.tables[name].rows if name in self.tables else ()

    @cached_property
    def version(self) -> str:
        content = {
            name: [[*row.cells.values(), row.first.isoformat(), row.last.isoformat()] for row in table.rows]
            for name, table in sorted(self.tables.items())
        }
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_mapping(folder: Path, names: Collection[str]) -> Mapping:
    """Reads the named ``<folder>/<name>.csv`` as declared in ``columns.FORMATS``. Raises ``MappingErrors`` with all
    faults; a table of the house that this integration does not use is one."""
    errors: list[MappingError] = []
    tables: dict[str, MappingTable] = {}
    for table_format in FORMATS:
        if table_format.name not in names:
            if (folder / table_format.file).exists():
                message = "this integration does not use this table; remove the file"
                errors.append(MappingError(table_format.file, 1, 1, "", message))
            continue
        rows = _rows(table_format, read_records(folder / table_format.file, errors), errors)
        errors.extend(faults_between_rows(table_format, rows))
        tables[table_format.name] = MappingTable(table_format, tuple(sorted(rows, key=MappingRow.canonical)))
    if errors:
        raise MappingErrors(errors)
    return Mapping(tables)


def _rows(table: TableFormat, records: list[Record], errors: list[MappingError]) -> list[MappingRow]:
    if not records:
        if not any(error.file == table.file for error in errors):
            errors.append(MappingError(table.file, 1, 1, "", "the file is empty; the first line must name the columns"))
        return []
    header = _header(table, records[0], errors)
    if header is None:
        return []
    rows = []
    for record in records[1:]:
        if len(record.cells) != len(header):
            message = f"the line has {len(record.cells)} cells, the header has {len(header)}"
            errors.append(MappingError(table.file, record.line, record.cells[-1].column, "", message))
            continue
        row = _row(table, dict(zip(header, record.cells, strict=True)), record.line, errors)
        if row is not None:
            rows.append(row)
    return rows


def _header(table: TableFormat, record: Record, errors: list[MappingError]) -> list[str] | None:
    names = [cell.text for cell in record.cells]
    known = [column.name for column in table.columns] + [VALID_FROM, VALID_TO]
    before = len(errors)
    for cell in record.cells:
        if cell.text not in known:
            message = f"unknown column {cell.text!r}; {table.file} has {', '.join(known)}"
            errors.append(MappingError(table.file, record.line, cell.column, cell.text, message))
    for name, times in Counter(names).items():
        if times > 1 and name in known:
            second = [cell for cell in record.cells if cell.text == name][1]
            errors.append(MappingError(table.file, record.line, second.column, name, "the column is there twice"))
    for column in table.columns:
        if column.name not in names and not column.optional:
            errors.append(MappingError(table.file, record.line, 1, column.name, "the column is missing"))
    return names if len(errors) == before else None


def _row(table: TableFormat, cells: dict[str, Cell], line: int, errors: list[MappingError]) -> MappingRow | None:
    before = len(errors)

    def fault(name: str, message: str) -> None:
        errors.append(MappingError(table.file, line, cells[name].column, name, message))

    for name, cell in cells.items():
        for message in text_faults(cell.text):
            fault(name, message)
    for column in table.columns:
        if column.name in cells and (message := _cell_fault(column, cells[column.name].text)):
            fault(column.name, message)
    first = _day(cells.get(VALID_FROM), FIRST_DAY, lambda message: fault(VALID_FROM, message))
    last = _day(cells.get(VALID_TO), LAST_DAY, lambda message: fault(VALID_TO, message))
    if len(errors) == before and last < first:
        fault(VALID_TO, f"{last} lies before {VALID_FROM} {first}")
    if table.one_of_filled and not any(cells[name].text for name in table.one_of_filled):
        names = ", ".join(table.one_of_filled)
        fault(table.one_of_filled[0], f"fill at least one of {names}: a row without them would be a default account")
    if len(errors) > before:
        return None
    texts = {column.name: cells[column.name].text if column.name in cells else "" for column in table.columns}
    texts = {column.name: texts[column.name] or column.default for column in table.columns}
    return MappingRow(line, texts, {name: cell.column for name, cell in cells.items()}, first, last)


def _cell_fault(column: Column, text: str) -> str:
    if text == "":
        return "" if column.may_be_blank else "must not be blank"
    if column.one_of and text not in column.one_of:
        return f"{text!r} is none of {', '.join(column.one_of)}"
    if column.pattern and not column.pattern.fullmatch(text):
        return f"{text!r} does not look like a {column.name}: letters, digits, point and hyphen, at most 20"
    return ""


def _day(cell: Cell | None, when_blank: date, fault: Callable[[str], None]) -> date:
    if cell is None or cell.text == "":
        return when_blank
    if _DATE.fullmatch(cell.text):
        try:
            return date.fromisoformat(cell.text)
        except ValueError:
            pass
    fault(f"{cell.text!r} is not a day; write YYYY-MM-DD")
    return when_blank
