"""One condition of an encoded query as a test on a value. Invariant: numbers compare as numbers, text without case
(a switch), and an empty value only ever equals the empty one.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from st_pipelines.sandbox.servicenow.schema import Column
from st_pipelines.sandbox.servicenow.values import INSTANT, NUMBERS, Locale, amount, money, parsed

Test = Callable[[str], bool]
_GENERATE = re.compile(r"javascript:gs\.dateGenerate\('(\d{4}-\d\d-\d\d)',\s*'(\d\d:\d\d:\d\d)'\);?")


def test_of(column: Column, operator: str, value: str, locale: Locale, case_sensitive: bool) -> Test | None:
    """What a stored value must pass, or None for a literal that the column's type cannot read."""
    if value.startswith("javascript:"):
        value = evaluated(value, locale)
    match operator:
        case "ISEMPTY" | "EMPTYSTRING":
            return lambda held: held == ""
        case "ISNOTEMPTY":
            return lambda held: held != ""
        case "ANYTHING":
            return lambda held: True
        case "IN" | "NOT IN":
            return _among(column, value.split(","), operator == "IN", case_sensitive)
        case "BETWEEN":
            low, _, high = value.partition("@")
            above = _comparing(column, ">=", low, case_sensitive)
            below = _comparing(column, "<=", high, case_sensitive)
            return None if above is None or below is None else lambda held: above(held) and below(held)
        case "=" | "!=" | ">" | ">=" | "<" | "<=":
            return _comparing(column, operator, value, case_sensitive)
        case _:
            return _text_test(operator, value, case_sensitive)


def evaluated(script: str, locale: Locale) -> str:
    """``gs.dateGenerate`` in the user's zone; any other script gives nothing."""
    found = _GENERATE.fullmatch(script)
    moment = parsed(f"{found[1]} {found[2]}", INSTANT) if found else None
    return "" if moment is None else moment.replace(tzinfo=locale.zone).astimezone(UTC).strftime(INSTANT)


def number_of(column: Column, held: str) -> Decimal | None:
    return money(held)[1] if column.kind == "currency2" else amount(held)


def _comparing(column: Column, operator: str, value: str, case_sensitive: bool) -> Test | None:
    if value == "":
        return lambda held: (held == "" and operator == "=") or (held != "" and operator == "!=")
    if column.kind in NUMBERS:
        wanted = number_of(column, value)
        return None if wanted is None else _on_numbers(column, operator, wanted)
    if column.kind in ("glide_date", "glide_date_time"):
        literal = _date_literal(column.kind, value)
        return None if literal is None else _on_text(operator, literal, True)
    return _on_text(operator, value, case_sensitive)


def _date_literal(kind: str, value: str) -> str | None:
    """The stored form of a literal: an instant is UTC; a bare day is its first second. ISO with T and Z is not read."""
    moment: datetime | None = parsed(value, INSTANT) or parsed(value, "%Y-%m-%d")
    return None if moment is None else moment.strftime("%Y-%m-%d" if kind == "glide_date" else INSTANT)


def _on_numbers(column: Column, operator: str, wanted: Decimal) -> Test:
    def held_number(held: str) -> Decimal | None:
        return None if held == "" else number_of(column, held)

    tests: dict[str, Callable[[Decimal], bool]] = {
        "=": lambda n: n == wanted, ">": lambda n: n > wanted, ">=": lambda n: n >= wanted,
        "<": lambda n: n < wanted, "<=": lambda n: n <= wanted,
    }  # fmt: skip
    if operator == "!=":
        return lambda held: held_number(held) != wanted
    compare = tests[operator]

    def test(held: str) -> bool:
        number = held_number(held)
        return number is not None and compare(number)

    return test


def _on_text(operator: str, wanted: str, case_sensitive: bool) -> Test:
    """Nothing lies below or above an empty value, as with NULL in the database."""
    fold: Callable[[str], str] = str if case_sensitive else str.casefold
    literal = fold(wanted)
    tests: dict[str, Test] = {
        "=": lambda held: fold(held) == literal, "!=": lambda held: fold(held) != literal,
        ">": lambda held: held != "" and fold(held) > literal, ">=": lambda held: held != "" and fold(held) >= literal,
        "<": lambda held: held != "" and fold(held) < literal, "<=": lambda held: held != "" and fold(held) <= literal,
    }  # fmt: skip
    return tests[operator]


def _among(column: Column, values: list[str], wanted: bool, case_sensitive: bool) -> Test:
    if column.kind in NUMBERS:
        numbers = {number for number in map(amount, values) if number is not None}
        return lambda held: (number_of(column, held) in numbers if held else False) is wanted
    fold: Callable[[str], str] = str if case_sensitive else str.casefold
    texts = {fold(one) for one in values}
    return lambda held: (fold(held) in texts) is wanted


def _text_test(operator: str, value: str, case_sensitive: bool) -> Test | None:
    fold: Callable[[str], str] = str if case_sensitive else str.casefold
    part = fold(value)
    tests: dict[str, Test] = {
        "STARTSWITH": lambda held: fold(held).startswith(part), "ENDSWITH": lambda held: fold(held).endswith(part),
    }  # fmt: skip
    for name in ("LIKE", "CONTAINS"):
        tests[name] = lambda held: part in fold(held)
    for name in ("NOTLIKE", "NOT LIKE", "NOTCONTAINS"):
        tests[name] = lambda held: part not in fold(held)
    return tests.get(operator)
