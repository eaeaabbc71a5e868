"""What rows of one table must not do to each other. Invariant: on each day each key has at most one row, and a question
has at most one most specific answer; the order of rows in the file never decides."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import combinations

from st_pipelines.mapping.columns import VALID_FROM, Column, TableFormat
from st_pipelines.mapping.csv_cells import MappingError
from st_pipelines.mapping.row import MappingRow

_ENOUGH = 100  # ties are reported in pairs; beyond this many the table needs another shape, not a longer list


def faults_between_rows(table: TableFormat, rows: list[MappingRow]) -> list[MappingError]:
    """Duplicates, overlaps and holes of one key; ties between equally specific rows."""
    return [*_one_row_a_day(table, rows), *_ties(table, rows)]


def _one_row_a_day(table: TableFormat, rows: list[MappingRow]) -> Iterator[MappingError]:
    by_key: defaultdict[tuple[str, ...], list[MappingRow]] = defaultdict(list)
    for row in rows:
        by_key[tuple(row[column.name] for column in table.keys)].append(row)
    for same in by_key.values():
        same.sort(key=lambda row: (row.first, row.last, row.line))
        before = same[0]
        for row in same[1:]:
            if (before.first, before.last) == (row.first, row.last):
                first, second = sorted((before, row), key=lambda one: one.line)
                yield _at(table, second, table.keys[0].name, f"duplicate of line {first.line}: {_named(table, row)}")
            elif before.overlaps(row):
                message = f"overlaps line {before.line} ({before.when()}): {_named(table, row)} {row.when()}"
                yield _at(table, row, VALID_FROM, message)
            elif before.last + timedelta(days=1) != row.first:
                message = (f"a hole after line {before.line}: {_named(table, row)} has no row from "
                           f"{before.last + timedelta(days=1)} to {row.first - timedelta(days=1)}")  # fmt: skip
                yield _at(table, row, VALID_FROM, message)
            before = max(before, row, key=lambda one: one.last)


def _ties(table: TableFormat, rows: list[MappingRow]) -> list[MappingError]:
    """Two rows that fill equally many key cells, not the same ones, and could both match one line on one day."""
    by_pattern: defaultdict[tuple[str, ...], list[MappingRow]] = defaultdict(list)
    for row in rows:
        by_pattern[_filled(table, row)].append(row)
    faults: list[MappingError] = []
    for one, other in combinations(sorted(by_pattern), 2):
        if len(one) != len(other):
            continue
        shared = [name for name in one if name in other]
        for first, second in _pairs(by_pattern[one], by_pattern[other], shared):
            earlier, later = sorted((first, second), key=lambda row: row.line)
            field = next(name for name in _filled(table, later) if name not in _filled(table, earlier))
            message = (f"as specific as line {earlier.line}: a line can match both {_named(table, earlier)} and "
                       f"{_named(table, later)}; fill more columns in one of them")  # fmt: skip
            faults.append(_at(table, later, field, message))
            if len(faults) >= _ENOUGH:
                return faults
    return faults


def _pairs(
    one: Iterable[MappingRow], other: Iterable[MappingRow], shared: list[str]
) -> Iterator[tuple[MappingRow, MappingRow]]:
    by_shared: defaultdict[tuple[str, ...], list[MappingRow]] = defaultdict(list)
    for row in other:
        by_shared[tuple(row[name] for name in shared)].append(row)
    for first in one:
        for second in by_shared[tuple(first[name] for name in shared)]:
            if first.overlaps(second):
                yield first, second


def _filled(table: TableFormat, row: MappingRow) -> tuple[str, ...]:
    return tuple(column.name for column in table.keys if row[column.name] != "")


def _named(table: TableFormat, row: MappingRow) -> str:
    def shown(column: Column) -> str:
        return f"{column.name} {row[column.name]!r}"

    return ", ".join(shown(column) for column in table.keys if row[column.name] != "" or not column.blank_is_any)


def _at(table: TableFormat, row: MappingRow, field: str, message: str) -> MappingError:
    return MappingError(table.file, row.line, row.positions.get(field, 1), field, message)
