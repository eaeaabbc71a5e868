"""Changes that make reading hard: many rows in one second, rows that commit late, tables filled for a long scan.
Invariant: a row that was held back shows nowhere before it is let go, and then with the stamp of when it was written.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from st_pipelines.sandbox.servicenow.payables import ActionRefused
from st_pipelines.sandbox.servicenow.rows import SYSTEM, Rows
from st_pipelines.sandbox.servicenow.selecting import Selecting
from st_pipelines.sandbox.servicenow.values import INSTANT

Record = dict[str, Any]
_LATE = "uncommitted"


class Mutations:
    def __init__(self, rows: Rows, selecting: Selecting) -> None:
        self._rows, self._selecting = rows, selecting

    def bulk_update(self, table: str, query: str = "", fields: Mapping[str, str] | None = None) -> list[Record]:
        """All rows that fit, stamped alike; without fields they are only saved again."""
        found = self._selecting.all_rows(table, query)
        if fields:
            return [self._rows.update(table, row["sys_id"], fields) for row in found]
        return [self._rows.touch(table, row["sys_id"]) for row in found]

    def fill(self, table: str, count: int, fields: Mapping[str, str], per_second: int = 1) -> list[Record]:
        """``count`` new rows, ``per_second`` of them with the same stamp, the last ones stamped now. ``{n}`` in a
        field's text becomes the row's number."""
        known = self._rows.schema.table(table)
        if known is None or count < 1 or per_second < 1:
            raise ActionRefused(f"cannot fill {table} with {count} rows, {per_second} a second")
        blank = dict.fromkeys(known.columns, "")
        newest = self._rows.clock.now()
        with self._rows.books.transaction():
            for number in range(count):
                stamp = (newest - timedelta(seconds=(count - 1 - number) // per_second)).strftime(INSTANT)
                row: Record = blank | {name: text.replace("{n}", str(number)) for name, text in fields.items()}
                row |= {"sys_id": self._rows.new_sys_id(table), "sys_mod_count": "0", "sys_created_by": SYSTEM,
                        "sys_created_on": stamp, "sys_updated_on": stamp, "sys_updated_by": SYSTEM}  # fmt: skip
                if "sys_class_name" in row:
                    row["sys_class_name"] = table
                self._rows.books.put(table, row["sys_id"], row)
        return []

    def write_late(self, table: str, fields: Mapping[str, str], sys_id: str = "") -> list[Record]:
        """A row written now, new or changed, whose transaction stays open."""
        if sys_id:
            home = self._rows.home(table, sys_id)
            before = self._rows.books.get(home, sys_id)
            assert before is not None
            row = self._rows.changed_row(home, before, fields)
        else:
            home, row = table, self._rows.new_row(table, fields)
        self._rows.books.put(_LATE, row["sys_id"], {"table": home, "row": row})
        return [row]

    def commit_late(self) -> list[Record]:
        """Everything that was held back shows."""
        held = self._rows.books.all(_LATE)
        for one in held:
            self._rows.books.put(one["table"], one["row"]["sys_id"], one["row"])
            self._rows.books.delete(_LATE, one["row"]["sys_id"])
        return [one["row"] for one in held]
