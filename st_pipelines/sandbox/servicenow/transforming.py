"""Runs the transform maps of a staging row. Invariant: whatever happens to a row is written on the row, and a row that
failed has changed nothing in its target.

An empty source field never empties its target. Nothing to coalesce on means a new target row each time.
"""

from typing import Any

from st_pipelines.sandbox.servicenow import values
from st_pipelines.sandbox.servicenow.errors import ApiError
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Column

Record = dict[str, Any]
_WORDS = {"inserted": "Row inserted", "updated": "Row updated", "ignored": "No field values changed"}


class _Rejected(Exception):
    """The row cannot be transformed; the text says why."""


class Transforming:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def run(self, staging: str, sys_id: str, forced_error: str = "") -> list[Record]:
        """The results, one for each active map. A table without a map leaves the row pending."""
        maps = self._rows.find("sys_transform_map", source_table=staging, active="true")
        if not maps:
            return [self.result(staging, sys_id, None)]
        results = []
        for one in sorted(maps, key=lambda row: int(row["order"] or 0)):
            self._run_map(staging, sys_id, one, forced_error)
            results.append(self.result(staging, sys_id, one))
        return results

    def result(self, staging: str, sys_id: str, of_map: Record | None = None) -> Record:
        """What the row itself says about its last transform."""
        row = self._rows.get(staging, sys_id)
        assert row is not None
        of_map = of_map or self._rows.get("sys_transform_map", row["sys_transform_map"])
        result: Record = {
            "transform_map": of_map["name"] if of_map else "", "table": row["sys_target_table"],
            "display_name": "", "display_value": "", "status": row["sys_import_state"],
        }  # fmt: skip
        if row["sys_import_state"] == "error":
            return {**result, "error_message": row["sys_import_state_comment"],
                    "status_message": row["sys_import_state_comment"]}  # fmt: skip
        target = self._rows.get(row["sys_target_table"], row["sys_target_sys_id"]) if row["sys_target_sys_id"] else None
        if target is None:
            return result
        known = self._rows.schema.table(row["sys_target_table"])
        shown = known.display if known else ""
        if row["sys_import_state"] == "ignored":
            result["status_message"] = row["sys_import_state_comment"]
        link = f"/api/now/table/{row['sys_target_table']}/{target['sys_id']}"
        return {**result, "display_name": shown, "display_value": target.get(shown, ""), "record_link": link,
                "sys_id": target["sys_id"]}  # fmt: skip

    def _run_map(self, staging: str, sys_id: str, of_map: Record, forced_error: str) -> None:
        row = self._rows.get(staging, sys_id)
        assert row is not None
        state = {"sys_transform_map": of_map["sys_id"], "sys_target_table": of_map["target_table"]}
        try:
            if forced_error:
                raise _Rejected(forced_error)
            status, target = self._apply(row, of_map)
            done = {"sys_import_state": status, "sys_target_sys_id": target, "sys_import_state_comment": _WORDS[status]}
        except (_Rejected, ApiError) as error:
            text = error.detail or error.message if isinstance(error, ApiError) else str(error)
            done = {"sys_import_state": "error", "sys_target_sys_id": "", "sys_import_state_comment": text}
        self._rows.update(staging, sys_id, {**state, **done})

    def _apply(self, row: Record, of_map: Record) -> tuple[str, str]:
        table = of_map["target_table"]
        known = self._rows.schema.table(table)
        if known is None:
            raise _Rejected(f"Target table {table} does not exist")
        fields: dict[str, str] = {}
        coalesce: dict[str, str] = {}
        entries: dict[str, list[Record]] = {}
        for entry in self._rows.find("sys_transform_entry", map=of_map["sys_id"]):
            entries.setdefault(entry["target_field"], []).append(entry)
        for target, of_target in entries.items():
            column = known.columns.get(target)
            if column is None:
                continue
            value = self._target_value(row, of_target, column)
            if value:
                fields[target] = value
            if any(entry["coalesce"] == "true" for entry in of_target):
                coalesce[target] = value
        found = self._rows.one(table, **coalesce) if coalesce and all(coalesce.values()) else None
        if found is None:
            return "inserted", str(self._rows.insert(table, fields)["sys_id"])
        changed = self._rows.update(table, found["sys_id"], fields)
        same = changed["sys_mod_count"] == found["sys_mod_count"]
        return ("ignored" if same else "updated"), str(found["sys_id"])

    def _target_value(self, row: Record, entries: list[Record], column: Column) -> str:
        """What the entries for one target column give: references that must be found together, else the first one."""
        if column.kind == "reference" and all(entry["choice_action"] == "reject" for entry in entries):
            return self._reference(row, entries, column, must=True)
        return next(filter(None, (self._value(row, entry, column) for entry in entries)), "")

    def _value(self, row: Record, entry: Record, column: Column) -> str:
        if column.kind == "reference":
            return self._reference(row, [entry], column, must=False)
        given = [row.get(name, "").strip() for name in entry["source_field"].split(",")]
        if not given[-1]:
            return ""
        if column.kind == "currency2":
            return values.stored(column, ";".join(filter(None, given)), None, _as_given)
        for one in self._rows.find("sys_choice", element=column.element, name=column.table):
            if given[-1] == one["label"]:
                return str(one["value"])
        return values.stored(column, given[-1], None, _as_given)

    def _reference(self, row: Record, entries: list[Record], column: Column, must: bool) -> str:
        """The row that all entries together mean; rejects or leaves empty what is not there."""
        wanted = {entry["reference_value_field_name"]: row.get(entry["source_field"], "").strip() for entry in entries}
        if not all(wanted.values()):
            if must:
                raise _Rejected(f"{' and '.join(entry['source_field'] for entry in entries)} must be given")
            return ""
        own = next(path for path in reversed(wanted) if "." not in path)
        for candidate in self._rows.find(column.reference, **{own: wanted[own]}):
            if all(self._walked(column.reference, candidate, path) == text for path, text in wanted.items()):
                return str(candidate["sys_id"])
        if must:
            shown = ", ".join(f"{path} {text}" for path, text in wanted.items())
            raise _Rejected(f"{column.element}: there is no {column.reference} with {shown}")
        return ""

    def _walked(self, table: str, row: Record, path: str) -> str:
        first, _, rest = path.partition(".")
        value = str(row.get(first, ""))
        column = self._rows.schema.column(table, first)
        if not rest or column is None:
            return value
        beyond = self._rows.get(column.reference, value)
        return "" if beyond is None else self._walked(column.reference, beyond, rest)


def _as_given(column: Column, text: str) -> str:
    return text
