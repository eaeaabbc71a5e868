"""Mapping tables back to CSV. Invariant: what is written reads back to the same version, and no cell becomes a formula.

A spreadsheet runs cells that begin with = + - @ (reliability H6). A report may put an apostrophe before them; a mapping
table may not, the apostrophe would become part of the value when it is read again. So such a cell is refused.
"""

import csv
import io

from st_pipelines.mapping.columns import VALID_FROM, VALID_TO
from st_pipelines.mapping.row import FIRST_DAY, LAST_DAY
from st_pipelines.mapping.tables import MappingTable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


class FormulaCell(ValueError):
    """A cell that a spreadsheet would take for a formula; names file, line and column."""


def table_text(table: MappingTable) -> str:
    """The whole file with a header and CRLF line ends (RFC 4180). Raises ``FormulaCell``."""
    names = [column.name for column in table.format.columns]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*names, VALID_FROM, VALID_TO])
    for row in table.rows:
        for name in names:
            if row[name].startswith(_FORMULA):
                raise FormulaCell(
                    f"{table.file}:{row.line}: {name}: {row[name]!r} would run as a formula in a spreadsheet"
                )
        first = "" if row.first == FIRST_DAY else row.first.isoformat()
        last = "" if row.last == LAST_DAY else row.last.isoformat()
        writer.writerow([*(row[name] for name in names), first, last])
    return text.getvalue()
