"""Who may see and change what. Invariant: rights are rows of ``sys_security_acl``; a user has a right with any one of
its roles, and ``admin`` has all.

Operations: ``read`` and ``write`` on a table or on ``table.column``, with a condition on some rows only;
``query_range`` on the same names for ranges and orders. A name without rows is open to everybody who is logged in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.values import Locale

Record = dict[str, Any]
Fits = Callable[[str, str, Record], bool]


@dataclass(frozen=True)
class Person:
    """The user in whose name a call runs."""

    sys_id: str
    user_name: str
    roles: frozenset[str]
    locale: Locale

    def has_any(self, roles: str) -> bool:
        return "admin" in self.roles or not self.roles.isdisjoint(roles.split(","))


class Rights:
    """``fits(table, condition, row)`` is asked for conditions of row rights."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._seen = -1
        self._acls: dict[tuple[str, str], list[Record]] = {}
        self.fits: Fits = lambda table, condition, row: True

    def person(self, user_sys_id: str) -> Person | None:
        """The active user of this sys_id with the roles that are granted."""
        user = self._rows.get("sys_user", user_sys_id)
        if user is None or user["active"] != "true":
            return None
        granted = self._rows.find("sys_user_has_role", user=user_sys_id, state="active")
        roles = (self._rows.get("sys_user_role", one["role"]) for one in granted)
        names = frozenset(one["name"] for one in roles if one is not None)
        locale = Locale(ZoneInfo(user["time_zone"] or "UTC"), user["date_format"] or "yyyy-MM-dd")
        return Person(user_sys_id, user["user_name"], names, locale)

    def table(self, person: Person, table: str, operation: str) -> bool:
        """Whether the table as a whole is open; rows may still be hidden."""
        known = self._rows.schema.table(table)
        for name in known.line if known else (table,):
            own = [one for one in self._of(name, operation) if not one["condition"]]
            if own:
                return all(person.has_any(one["roles"]) for one in own)
        return True

    def column(self, person: Person, table: str, element: str, operation: str) -> bool:
        known = self._rows.schema.table(table)
        for name in known.line if known else (table,):
            own = self._of(f"{name}.{element}", operation)
            if own:
                return all(person.has_any(one["roles"]) for one in own)
        return True

    def hidden_columns(self, person: Person, table: str) -> frozenset[str]:
        known = self._rows.schema.table(table)
        names = known.columns if known else {}
        return frozenset(one for one in names if not self.column(person, table, one, "read"))

    def row(self, person: Person, table: str, row: Record, operation: str = "read") -> bool:
        known = self._rows.schema.table(table)
        for name in known.line if known else (table,):
            for one in self._of(name, operation):
                if one["condition"] and not person.has_any(one["roles"]) and self.fits(table, one["condition"], row):
                    return False
        return True

    def rows_limited(self, table: str) -> bool:
        """Whether any right of the table depends on the row: if not, a page need not be looked through."""
        known = self._rows.schema.table(table)
        names = known.line if known else (table,)
        return any(one["condition"] for name in names for one in self._of(name, "read"))

    def _of(self, name: str, operation: str) -> list[Record]:
        version = self._rows.books.version("sys_security_acl")
        if version != self._seen:
            self._acls = {}
            for one in self._rows.books.all("sys_security_acl"):
                if one["active"] == "true":
                    self._acls.setdefault((one["name"], one["operation"]), []).append(one)
            self._seen = version
        return self._acls.get((name, operation), [])
