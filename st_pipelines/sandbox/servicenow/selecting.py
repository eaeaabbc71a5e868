"""Which rows an encoded query selects, and in which order. Invariant: a condition on a column that does not exist, or
that the user may not read, is left out and the rest still runs, unless the instance's property says: no rows then.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

from st_pipelines.sandbox.servicenow.conditions import number_of, test_of
from st_pipelines.sandbox.servicenow.encoded_query import RANGES, AnyOf, Condition, EncodedQuery, Order, parse
from st_pipelines.sandbox.servicenow.errors import forbidden
from st_pipelines.sandbox.servicenow.narrowing import narrowed
from st_pipelines.sandbox.servicenow.reading import Reading
from st_pipelines.sandbox.servicenow.rights import Person, Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Column
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.values import NUMBERS

Record = dict[str, Any]
Predicate = Callable[[Record], bool]
_NO_ROWS = "glide.invalid_query.returns_no_rows"


class Selecting:
    """``rows(table, query, person)``: everything that fits, hidden rows included, in the query's order."""

    def __init__(self, rows: Rows, rights: Rights, reading: Reading, settings: CurrentSettings) -> None:
        self._rows, self._rights, self._reading, self._settings = rows, rights, reading, settings
        self._kept: dict[tuple[object, ...], list[Record]] = {}
        rights.fits = self._fits

    def rows(self, table: str, text: str, person: Person) -> list[Record]:
        """Answers of the same query are kept while its tables stand still, so that a scan by offset sorts once."""
        query = parse(text)
        if any("." in one.field for alternative in query.alternatives for group in alternative for one in group):
            return self._select(table, query, person)
        acls = self._rows.books.version("sys_security_acl"), self._rows.books.version("sys_properties")
        now = self._settings.now
        key = (table, text, person, acls, self._rows.version(table), self._rows.version("sys_dictionary"),
               now.case_sensitive, now.denied_range)  # fmt: skip
        found = self._kept.get(key)
        if found is None:
            found = self._select(table, query, person)
            if len(self._kept) >= 16:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = found
        return found

    def all_rows(self, table: str, text: str) -> list[Record]:
        """What fits, whoever asks: for what the instance itself does."""
        return self._select(table, parse(text), None)

    def _select(self, table: str, query: EncodedQuery, person: Person | None) -> list[Record]:
        refuse = self._property(_NO_ROWS) == "true"
        selected: dict[str, Record] = {}
        for alternative in query.alternatives or ((),):
            groups: list[tuple[AnyOf, list[Predicate]]] = []
            for group in alternative:
                tests = [self._predicate(table, one, person) for one in group]
                known = [one for one in tests if one is not None]
                if len(known) < len(tests) and refuse:
                    return []
                if known:
                    groups.append((group, known))
            alone = [group[0] for group, _ in groups if len(group) == 1]
            candidates, covered = narrowed(self._rows, table, alone)
            left = [_any_of(tests) for group, tests in groups if len(group) > 1 or group[0] not in covered]
            selected.update((row["sys_id"], row) for row in candidates if all(test(row) for test in left))
        return self._ordered(table, list(selected.values()), query.order, person)

    def _fits(self, table: str, condition: str, row: Record) -> bool:
        """Whether a row fits a condition of the instance's own; rights do not play a part in it."""
        for alternative in parse(condition).alternatives:
            tests = [[self._predicate(table, one, None) for one in group] for group in alternative]
            if all(any(test is not None and test(row) for test in group) for group in tests):
                return True
        return False

    def _predicate(self, table: str, condition: Condition, person: Person | None) -> Predicate | None:
        if not condition.operator:
            return None
        found = self._reading.path(table, condition.field)
        if found is None:
            return None
        column, value_of = found
        if person is not None and not self._may_use(table, condition, person):
            return None
        if condition.operator in ("SAMEAS", "NSAMEAS"):
            other = self._reading.path(table, condition.value)
            if other is None:
                return None
            same, other_of = condition.operator == "SAMEAS", other[1]
            return lambda row: (value_of(row) == other_of(row)) is same
        if condition.operator == "INSTANCEOF":
            return lambda row: value_of(row) in self._rows.schema.family(condition.value)
        locale = self._reading.gmt if person is None else person.locale
        test = test_of(column, condition.operator, condition.value, locale, self._settings.now.case_sensitive)
        return None if test is None else lambda row: test(value_of(row))

    def _may_use(self, table: str, condition: Condition, person: Person) -> bool:
        first = condition.field.partition(".")[0]
        if not self._rights.column(person, table, first, "read"):
            return False
        return condition.operator not in RANGES or self._may_range(table, first, person)

    def _may_range(self, table: str, element: str, person: Person) -> bool:
        may = self._rights.table(person, table, "query_range")
        if may and self._rights.column(person, table, element, "query_range"):
            return True
        if self._settings.now.denied_range == "403":
            raise forbidden(f"query_range on {table}.{element} is required")
        return False

    def _ordered(self, table: str, rows: list[Record], orders: Sequence[Order], person: Person | None) -> list[Record]:
        locale = self._reading.gmt if person is None else person.locale
        usable = [order for order in orders if self._may_order(table, order, person)]
        known = self._rows.schema.table(table)
        if known and usable and all(not one.descending and _plain(known.columns.get(one.field)) for one in usable):
            rows.sort(key=itemgetter(*(one.field for one in usable)))
            return rows
        for order in reversed(usable):
            found = self._reading.path(table, order.field)
            assert found is not None
            column, value_of = found
            if column.kind in NUMBERS:
                rows.sort(key=lambda row: _number(column, value_of(row)), reverse=order.descending)
            elif column.kind == "reference":
                show = self._reading.display
                rows.sort(key=lambda row: show(column, value_of(row), locale).casefold(), reverse=order.descending)
            elif column.kind == "string":
                rows.sort(key=lambda row: value_of(row).casefold(), reverse=order.descending)
            else:
                rows.sort(key=value_of, reverse=order.descending)
        return rows

    def _may_order(self, table: str, order: Order, person: Person | None) -> bool:
        first = order.field.partition(".")[0]
        if self._reading.path(table, order.field) is None:
            return False
        return person is None or (
            self._rights.column(person, table, first, "read") and self._may_range(table, first, person)
        )

    def _property(self, name: str) -> str:
        found = self._rows.one("sys_properties", name=name)
        return "" if found is None else str(found["value"])


def _plain(column: Column | None) -> bool:
    """Whether the stored texts sort as they stand."""
    return column is not None and column.kind in ("GUID", "glide_date", "glide_date_time")


def _any_of(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]
    return lambda row: any(test(row) for test in tests)


def _number(column: Column, held: str) -> tuple[bool, Decimal]:
    number = number_of(column, held) if held else None
    return (number is not None, number or Decimal(0))
