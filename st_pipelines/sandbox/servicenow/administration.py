"""What an administrator does to the instance: rights, columns, applications, properties, rate rules. Invariant: each is
a change of the instance's own rows, so that a client can find it out where it would look on a real one.
"""

from typing import Any

from st_pipelines.sandbox.servicenow import masters
from st_pipelines.sandbox.servicenow.metadata import acl, key, tables_of
from st_pipelines.sandbox.servicenow.payables import ActionRefused
from st_pipelines.sandbox.servicenow.rows import Rows

Record = dict[str, Any]


class Administration:
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def install_scope(self, scope: str) -> list[Record]:
        """An application with its tables, rights and choices, as delivered."""
        masters.install(self._rows, [_known(scope)])
        return self._rows.find("sys_scope", scope=scope)

    def uninstall_scope(self, scope: str) -> list[Record]:
        """Without the application: its tables are unknown from now on; what they held stays, unreachable."""
        for table, field, values in (
            ("sys_scope", "scope", [_known(scope)]), ("v_plugin", "id", [scope]),
            ("sys_db_object", "name", tables_of(scope)), ("sys_dictionary", "name", tables_of(scope)),
        ):  # fmt: skip
            for value in values:
                for row in self._rows.find(table, **{field: value}):
                    self._rows.delete(table, row["sys_id"])
        return []

    def grant_role(self, user: str, role: str) -> list[Record]:
        granted = self._grant(user, role)
        held = self._rows.find("sys_user_has_role", **granted)
        return held or [self._rows.insert("sys_user_has_role", {**granted, "state": "active"})]

    def revoke_role(self, user: str, role: str) -> list[Record]:
        for one in self._rows.find("sys_user_has_role", **self._grant(user, role)):
            self._rows.delete("sys_user_has_role", one["sys_id"])
        return []

    def add_acl(self, name: str, operation: str, roles: list[str], condition: str = "") -> list[Record]:
        """``table`` or ``table.column``; read, write or query_range; a condition hides the rows that fit it from all
        who have none of the roles."""
        if self._rows.schema.table(name.partition(".")[0]) is None:
            raise ActionRefused(f"there is no table {name}")
        return [self._rows.insert("sys_security_acl", acl(name, operation, roles, condition))]

    def drop_acl(self, name: str, operation: str) -> list[Record]:
        for one in self._rows.find("sys_security_acl", name=name, operation=operation):
            self._rows.delete("sys_security_acl", one["sys_id"])
        return []

    def set_property(self, name: str, value: str) -> list[Record]:
        held = self._rows.one("sys_properties", name=name)
        if held is None:
            return [self._rows.insert("sys_properties", {"name": name, "value": value})]
        return [self._rows.update("sys_properties", held["sys_id"], {"value": value})]

    def set_user(self, user: str, fields: dict[str, str]) -> list[Record]:
        """``time_zone``, ``date_format``, ``active`` …"""
        return [self._rows.update("sys_user", self._user(user), fields)]

    def add_rate_rule(self, limit: int, api: str = "", role: str = "", user: str = "") -> list[Record]:
        rule = {"name": f"{limit} an hour", "active": "true", "api": api, "role": role,
                "user": self._user(user) if user else "", "request_limit_per_hour": str(limit)}  # fmt: skip
        return [self._rows.insert("sys_rate_limit_rules", rule)]

    def drop_rate_rules(self) -> list[Record]:
        for one in self._rows.books.all("sys_rate_limit_rules"):
            self._rows.delete("sys_rate_limit_rules", one["sys_id"])
        return []

    def rename_column(self, table: str, element: str, to: str) -> list[Record]:
        """The column with everything in it, under another name."""
        entry = self._row("sys_dictionary", "element", element, name=table)
        changed = self._rows.update("sys_dictionary", entry["sys_id"], {"element": to})
        for name in self._rows.schema.family(table):
            for row in self._rows.books.all(name):
                if element in row:
                    moved = {(to if field == element else field): value for field, value in row.items()}
                    self._rows.books.put(name, row["sys_id"], moved)
        return [changed]

    def change_column(self, table: str, element: str, fields: dict[str, str]) -> list[Record]:
        """``unique``, ``max_length``, ``active`` (false takes the column away), ``internal_type`` …"""
        entry = self._row("sys_dictionary", "element", element, name=table)
        return [self._rows.update("sys_dictionary", entry["sys_id"], fields)]

    def add_column(self, table: str, element: str, label: str, kind: str = "string", length: int = 255) -> list[Record]:
        if self._rows.schema.table(table) is None:
            raise ActionRefused(f"there is no table {table}")
        fields = {"sys_id": key("dictionary", table, element), "name": table, "element": element, "active": "true",
                  "column_label": label, "internal_type": kind, "max_length": str(length)}  # fmt: skip
        return [self._rows.insert("sys_dictionary", fields)]

    def _grant(self, user: str, role: str) -> dict[str, str]:
        return {"user": self._user(user), "role": self._row("sys_user_role", "name", role)["sys_id"]}

    def _user(self, name: str) -> str:
        return str(self._row("sys_user", "user_name", name)["sys_id"])

    def _row(self, table: str, field: str, value: str, **more: str) -> Record:
        found = self._rows.one(table, **{field: value, **more})
        if found is None:
            raise ActionRefused(f"there is no {table} with {field} {value}")
        return found


def _known(scope: str) -> str:
    try:
        masters.scopes_of(scope)
    except ValueError as error:
        raise ActionRefused(str(error)) from error
    return scope
