"""Tables and columns of the instance, read from its own ``sys_db_object`` and ``sys_dictionary`` rows. Invariant: a
column that is not in the dictionary does not exist for any API, whatever the books hold.

An inherited column is listed in ``sys_dictionary`` under its parent's name only.
"""

from dataclasses import dataclass
from typing import Any

from st_pipelines.sandbox.books import Books

Record = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """``kind`` is the dictionary's internal type; ``reference`` the table that a reference points into."""

    table: str
    element: str
    kind: str
    label: str
    reference: str = ""
    length: int = 255
    unique: bool = False
    mandatory: bool = False
    default: str = ""


@dataclass(frozen=True)
class Table:
    """``line`` are the table and what it extends, the table itself first."""

    name: str
    line: tuple[str, ...]
    columns: dict[str, Column]
    display: str
    number_prefix: str
    scope: str


class Schema:
    """``table(name)``, or None where the instance has no such table. Follows every change of the metadata."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._seen: tuple[int, int] | None = None
        self._tables: dict[str, Table] = {}
        self._families: dict[str, tuple[str, ...]] = {}

    def table(self, name: str) -> Table | None:
        self._refresh()
        return self._tables.get(name)

    def family(self, name: str) -> tuple[str, ...]:
        """The table and everything that extends it: where the rows of a query may lie."""
        self._refresh()
        return self._families.get(name, ())

    def column(self, table: str, element: str) -> Column | None:
        found = self.table(table)
        return None if found is None else found.columns.get(element)

    def _refresh(self) -> None:
        seen = (self._books.version("sys_db_object"), self._books.version("sys_dictionary"))
        if seen == self._seen:
            return
        objects = self._books.all("sys_db_object")
        names = {one["sys_id"]: one["name"] for one in objects}
        parents = {one["name"]: names.get(one["super_class"], "") for one in objects}
        own: dict[str, list[Record]] = {}
        for row in self._books.all("sys_dictionary"):
            if row["element"] and row["active"] == "true":
                own.setdefault(row["name"], []).append(row)
        prefixes = {one["name"]: one["number_ref"] for one in objects}
        lines = {name: _line(name, parents) for name in parents}
        self._tables = {one["name"]: _table(one, lines[one["name"]], own, prefixes) for one in objects}
        self._families = {
            name: tuple(one for one in self._tables if name in self._tables[one].line) for name in self._tables
        }
        self._seen = seen


def _line(name: str, parents: dict[str, str]) -> tuple[str, ...]:
    line = [name]
    while parents.get(line[-1]):
        line.append(parents[line[-1]])
    return tuple(line)


def _table(row: Record, line: tuple[str, ...], own: dict[str, list[Record]], prefixes: dict[str, str]) -> Table:
    columns: dict[str, Column] = {}
    display = ""
    for name in reversed(line):
        for one in own.get(name, ()):
            columns[one["element"]] = Column(
                name, one["element"], one["internal_type"], one["column_label"], one["reference"],
                int(one["max_length"] or 255), one["unique"] == "true", one["mandatory"] == "true",
                one["default_value"],
            )  # fmt: skip
            if one["display"] == "true":
                display = one["element"]
    prefix = next((prefixes[name] for name in line if prefixes.get(name)), "")
    return Table(row["name"], line, columns, display, prefix, row["sys_scope"])
