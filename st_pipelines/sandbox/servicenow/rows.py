"""Rows of all tables, with what the platform does to each write: sys_id, stamps, numbers, unique indexes, business
rules. Invariant: a write that changes nothing leaves the row as it is, stamp included.

Stamps have whole seconds, so that many rows share one.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicenow.errors import ApiError, invalid_table
from st_pipelines.sandbox.servicenow.schema import Schema
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.values import INSTANT

Record = dict[str, Any]
Rule = Callable[[str, Record, Record | None], None]
SYSTEM = "system"


class Rows:
    """``rules``: by table, what runs after a row of it was written: ``rule(table, row, row before)``."""

    def __init__(self, books: Books, clock: Clock, schema: Schema, settings: CurrentSettings) -> None:
        self.books, self.clock, self.schema, self._settings = books, clock, schema, settings
        self.rules: dict[str, list[Rule]] = {}

    def now(self) -> str:
        return self.clock.now().strftime(INSTANT)

    def get(self, table: str, sys_id: str) -> Record | None:
        for name in self.schema.family(table):
            found = self.books.get(name, sys_id)
            if found is not None:
                return found
        return None

    def all(self, table: str) -> Iterator[Record]:
        for name in self.schema.family(table):
            yield from self.books.all(name)

    def find(self, table: str, **wanted: str) -> list[Record]:
        """Rows whose columns have these stored values, in the order they were made."""
        (first, value), *rest = wanted.items()
        found = [row for name in self.schema.family(table) for row in self.books.find(name, first, value)]
        return [row for row in found if all(row.get(field) == text for field, text in rest)]

    def one(self, table: str, **wanted: str) -> Record | None:
        found = self.find(table, **wanted)
        return found[0] if found else None

    def insert(self, table: str, fields: Mapping[str, str], user: str = SYSTEM) -> Record:
        """A new row. Columns that the table does not have are lost without a word."""
        with self.books.transaction():
            row = self.new_row(table, fields, user)
            self._check_unique(table, row)
            self.books.put(table, row["sys_id"], row)
            self._run_rules(table, row, None)
        return self.books.get(table, row["sys_id"]) or row

    def new_row(self, table: str, fields: Mapping[str, str], user: str = SYSTEM) -> Record:
        """The row that an insert makes, not yet in the table."""
        known = self.schema.table(table)
        if known is None:
            raise invalid_table(table)
        row: Record = {name: column.default for name, column in known.columns.items()}
        row |= {name: value for name, value in fields.items() if name in known.columns}
        if known.number_prefix and not row.get("number"):
            row["number"] = f"{known.number_prefix}{self.books.next_number('number.' + known.line[-1]):07d}"
        row["sys_id"] = row["sys_id"] or self.new_sys_id(table)
        if "sys_class_name" in known.columns:
            row["sys_class_name"] = table
        now = self.now()
        row |= {"sys_created_on": now, "sys_created_by": user, "sys_updated_on": now, "sys_updated_by": user}
        return row | {"sys_mod_count": "0"}

    def update(self, table: str, sys_id: str, changes: Mapping[str, str], user: str = SYSTEM) -> Record:
        """The row with these changes. ``KeyError`` where there is none."""
        home = self.home(table, sys_id)
        before = self.books.get(home, sys_id)
        assert before is not None
        row = self.changed_row(home, before, changes, user)
        if row is before:
            return before
        with self.books.transaction():
            self._check_unique(home, row)
            self.books.put(home, sys_id, row)
            self._run_rules(home, row, before)
        return self.books.get(home, sys_id) or row

    def changed_row(self, home: str, before: Record, changes: Mapping[str, str], user: str = SYSTEM) -> Record:
        """The row that an update makes, not yet in the table; the row itself where nothing changes."""
        known = self.schema.table(home)
        assert known is not None
        real = {name: value for name, value in changes.items() if name in known.columns and before.get(name) != value}
        if not real:
            return before
        row = {**before, **real, "sys_id": before["sys_id"], "sys_updated_on": self.now(), "sys_updated_by": user}
        return row | {"sys_mod_count": str(int(before["sys_mod_count"]) + 1)}

    def home(self, table: str, sys_id: str) -> str:
        """The very table of the family in which the row lies."""
        for name in self.schema.family(table):
            if self.books.get(name, sys_id) is not None:
                return name
        raise KeyError(f"{table} {sys_id}")

    def touch(self, table: str, sys_id: str) -> Record:
        """Saved by force: only the stamp and the count move."""
        home = self.home(table, sys_id)
        before = self.books.get(home, sys_id)
        assert before is not None
        count = str(int(before["sys_mod_count"]) + 1)
        return self.books.put(home, sys_id, {**before, "sys_updated_on": self.now(), "sys_mod_count": count})

    def delete(self, table: str, sys_id: str) -> None:
        """The row is gone; only ``sys_audit_delete`` knows of it."""
        home = self.home(table, sys_id)
        with self.books.transaction():
            self.books.delete(home, sys_id)
            self.insert("sys_audit_delete", {"tablename": home, "documentkey": sys_id})

    def version(self, table: str) -> int:
        return sum(self.books.version(name) for name in self.schema.family(table))

    def new_sys_id(self, table: str) -> str:
        number = self.books.next_number("sys_id")
        return hashlib.md5(f"{table}|{number}".encode(), usedforsecurity=False).hexdigest()

    def _check_unique(self, table: str, row: Record) -> None:
        known = self.schema.table(table)
        assert known is not None
        for column in known.columns.values():
            value = row.get(column.element, "")
            if not column.unique or not value:
                continue
            if any(other["sys_id"] != row["sys_id"] for other in self.find(column.table, **{column.element: value})):
                detail = f"Error during insert of {table}: unique key violation on {column.element} ({value})"
                raise ApiError(self._settings.now.unique_clash_status, "Operation Failed", detail)

    def _run_rules(self, table: str, row: Record, before: Record | None) -> None:
        known = self.schema.table(table)
        for name in known.line if known else ():
            for rule in self.rules.get(name, ()):
                rule(table, row, before)
