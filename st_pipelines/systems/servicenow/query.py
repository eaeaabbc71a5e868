"""Encoded queries. Invariant: only what is written here in code makes structure; no value can add, end or change a
condition.

An instance drops a condition that it does not understand and answers the broader question, so nothing is left to it:
columns come from a fixed list, operators are functions, a value passes ``_escaped`` or is refused. ``^`` joins, ``^OR``
joins to its neighbour only, ``^NQ`` begins a whole new alternative (the base filter stands in each), ORDERBY ends it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SCRIPT = re.compile(r"\s*javascript\s*:", re.IGNORECASE)
_COMPARABLE = re.compile(r"-?[0-9A-Za-z]")  # "=5" after ">" would read as ">=" and "5"

Condition = NewType("Condition", str)
AnyOf = tuple[Condition, ...]
AllOf = tuple[AnyOf, ...]


class UnfitValue(ValueError):
    """A value that cannot stand in a query. Text names column and value."""


class NotAColumn(ValueError):
    """A column that is not in the list of those that may be filtered by."""


def is_name(text: str) -> bool:
    """Fit as the name of a table or column."""
    return bool(_NAME.fullmatch(text))


@dataclass(frozen=True)
class Column:
    """One column that may be filtered by. Made by ``Columns``, never from outside text."""

    table: str
    name: str


class Columns:
    """The columns of one table that a query may name; ``proof`` makes it of columns that are known to be there."""

    def __init__(self, table: str, names: Iterable[str]) -> None:
        self.table = table
        self._known = {name: Column(table, name) for name in names}
        unfit = [name for name in (table, *self._known) if not is_name(name)]
        if unfit:
            raise NotAColumn(f"{table}: {unfit[0]!r} is no name of a table or column")

    def __getitem__(self, name: str) -> Column:
        if name not in self._known:
            raise NotAColumn(f"{self.table}: {name!r} is not among the columns that may be filtered by")
        return self._known[name]

    def __contains__(self, name: str) -> bool:
        return name in self._known


def equals(column: Column, value: str) -> Condition:
    if not value:
        raise UnfitValue(f"{column.table}.{column.name}: an empty value would ask for rows without one; use is_empty")
    return Condition(f"{column.name}={_escaped(column, value)}")


def differs(column: Column, value: str) -> Condition:
    if not value:
        raise UnfitValue(f"{column.table}.{column.name}: an empty value would ask for rows with any; use is_not_empty")
    return Condition(f"{column.name}!={_escaped(column, value)}")


def above(column: Column, value: str) -> Condition:
    return _compared(column, ">", value)


def at_least(column: Column, value: str) -> Condition:
    return _compared(column, ">=", value)


def below(column: Column, value: str) -> Condition:
    return _compared(column, "<", value)


def at_most(column: Column, value: str) -> Condition:
    return _compared(column, "<=", value)


def between(column: Column, low: str, high: str) -> Condition:
    """Both ends in. ``@`` separates the ends and has no escape."""
    for end in (low, high):
        if "@" in end or not _COMPARABLE.match(end):
            raise UnfitValue(f"{column.table}.{column.name}: {end[:60]!r} cannot be an end of a range")
    return Condition(f"{column.name}BETWEEN{_escaped(column, low)}@{_escaped(column, high)}")


def starts_with(column: Column, value: str) -> Condition:
    if not value:
        raise UnfitValue(f"{column.table}.{column.name}: everything starts with an empty value")
    return Condition(f"{column.name}STARTSWITH{_escaped(column, value)}")


def is_empty(column: Column) -> Condition:
    return Condition(f"{column.name}ISEMPTY")


def is_not_empty(column: Column) -> Condition:
    return Condition(f"{column.name}ISNOTEMPTY")


def one_of(column: Column, values: Sequence[str]) -> AnyOf:
    """A chain of ``=``: inside IN a comma could not be told from a separator."""
    if not values:
        raise UnfitValue(f"{column.table}.{column.name}: no values; the condition would be left out")
    return tuple(equals(column, value) for value in values)


def all_of(*parts: Condition | AnyOf) -> AllOf:
    """Conditions that must all hold; a tuple of them is a choice."""
    return tuple(part if isinstance(part, tuple) else (part,) for part in parts)


def query(base: AllOf, *alternatives: AllOf, order_by: Sequence[Column] = ()) -> str:
    """``base`` and, where there are ``alternatives``, one of them. Ends with the order, ascending."""
    whole = [base + alternative for alternative in alternatives] or [base]
    texts = ["^".join("^OR".join(choice) for choice in one) for one in whole]
    if len(texts) > 1 and not all(texts):
        raise UnfitValue("an alternative without a condition would be left out")
    return "^".join(filter(None, ["^NQ".join(texts), *(f"ORDERBY{column.name}" for column in order_by)]))


def _compared(column: Column, operator: str, value: str) -> Condition:
    if not _COMPARABLE.match(value):
        raise UnfitValue(f"{column.table}.{column.name}: {value[:60]!r} cannot be compared by {operator}")
    return Condition(f"{column.name}{operator}{_escaped(column, value)}")


def _escaped(column: Column, value: str) -> str:
    if _UNFIT.search(value):
        raise UnfitValue(f"{column.table}.{column.name}: {value[:60]!r} holds a line break or control character; "
                         "correct the record at its source")  # fmt: skip
    if _SCRIPT.match(value):
        raise UnfitValue(f"{column.table}.{column.name}: {value[:60]!r} would be run as a script by the instance")
    return value.replace("^", "^^")
