"""A row as a client reads it: dot-walks, display texts, and the shape of a reference. Invariant: every value is text,
in whatever shape it comes.
"""

from collections.abc import Callable, Sequence
from typing import Any

from st_pipelines.sandbox.servicenow import values
from st_pipelines.sandbox.servicenow.rights import Person, Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Column
from st_pipelines.sandbox.servicenow.settings import CurrentSettings

Record = dict[str, Any]
ValueOf = Callable[[Record], str]


class Shape:
    """``display``: false, true or all; ``exclude_link``: whether references come without their link."""

    def __init__(self, display: str, exclude_link: bool, fields: Sequence[str] | None, origin: str) -> None:
        self.display = display if display in ("true", "all") else "false"
        self.exclude_link, self.fields, self.origin = exclude_link, fields, origin


class Reading:
    gmt = values.GMT

    def __init__(self, rows: Rows, rights: Rights, settings: CurrentSettings) -> None:
        self._rows, self._rights, self._settings = rows, rights, settings

    def path(self, table: str, path: str) -> tuple[Column, ValueOf] | None:
        """The last column of a dot-walk and how to get its stored value from a row; None where it leads nowhere."""
        first, _, rest = path.partition(".")
        column = self._rows.schema.column(table, first)
        if column is None:
            return None
        if not rest:
            return column, lambda row: row.get(first, "")
        if column.kind != "reference":
            return None
        target = column.reference
        beyond = self.path(target, rest)
        if beyond is None:
            return None
        last, value_of = beyond

        def walk(row: Record) -> str:
            found = self._rows.get(target, row.get(first, "")) if row.get(first) else None
            return "" if found is None else value_of(found)

        return last, walk

    def display(self, column: Column, value: str, locale: values.Locale) -> str:
        """What a person sees; nothing for a reference whose row is gone."""
        if value == "":
            return ""
        if column.kind == "reference":
            target = self._rows.schema.table(column.reference)
            row = self._rows.get(column.reference, value)
            if row is None or target is None:
                return ""
            named = target.columns.get(target.display)
            return "" if named is None else self.display(named, row.get(target.display, ""), locale)
        label = self._choice(column, value)
        if label is not None:
            return label
        return values.shown(column, value, locale)

    def records(self, table: str, rows: Sequence[Record], shape: Shape, person: Person) -> list[dict[str, Any]]:
        """Rows in the shape asked for. Unknown fields are left out; hidden ones too,
        or they are empty (a switch). Of a row of an extending table only this table's own columns show."""
        hidden = self._rights.hidden_columns(person, table)
        plan = self._plan(table, shape, hidden)
        empty = {name: "" for name in self._asked(table, shape) if name.partition(".")[0] in hidden}
        if self._settings.now.denied_field == "missing":
            empty = {}
        return [
            {**empty, **{name: self._value(column, of(row), shape, person) for name, column, of in plan}}
            for row in rows
        ]

    def _asked(self, table: str, shape: Shape) -> Sequence[str]:
        known = self._rows.schema.table(table)
        assert known is not None
        return list(known.columns) if shape.fields is None else shape.fields

    def _plan(self, table: str, shape: Shape, hidden: frozenset[str]) -> list[tuple[str, Column, ValueOf]]:
        visible = [name for name in self._asked(table, shape) if name.partition(".")[0] not in hidden]
        paths = [(name, self.path(table, name)) for name in visible]
        return [(name, *found) for name, found in paths if found is not None]

    def _value(self, column: Column, value: str, shape: Shape, person: Person) -> Any:
        read = values.raw(column, value, self._settings.now.currency_reading)
        linked = column.kind == "reference" and not shape.exclude_link
        if shape.display == "all":
            both = {"display_value": self.display(column, value, person.locale), "value": read}
            return {**both, "link": _link(column, value, shape.origin)} if linked else both
        if shape.display == "true":
            text = self.display(column, value, person.locale)
            return {"display_value": text, "link": _link(column, value, shape.origin)} if linked and value else text
        return {"link": _link(column, value, shape.origin), "value": value} if linked and value else read

    def _choice(self, column: Column, value: str) -> str | None:
        choices = self._rows.find("sys_choice", element=column.element, name=column.table)
        return next((one["label"] for one in choices if one["value"] == value), None)


def _link(column: Column, value: str, origin: str) -> str:
    return f"{origin}/api/now/table/{column.reference}/{value}" if value else ""
