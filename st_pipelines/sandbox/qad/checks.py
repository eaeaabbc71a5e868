"""What any record must satisfy before its entity's own rules see it. Invariant: every complaint names its field."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from st_pipelines.documents.money import InvalidAmount, to_minor
from st_pipelines.sandbox.qad.dates import read_date
from st_pipelines.sandbox.qad.served import Field, ServedEntity
from st_pipelines.sandbox.qad.wire import Problem, mandatory

Record = dict[str, Any]
_BLANK: Mapping[str, Any] = {"text": "", "number": 0, "integer": 0, "date": ""}


def clean(
    entity: ServedEntity, given: Mapping[str, Any], before: Mapping[str, Any] | None
) -> tuple[Record, list[Problem]]:
    """A whole record of known fields with wire types, and what is wrong with it.

    Unknown members are dropped without a word, as QAD does. A field that is not given keeps its value in an update and
    is blank in a new record; only ``isActive`` is then true.
    """
    problems: list[Problem] = []
    record = _fields(entity.fields, given, before or {}, problems)
    for array, fields in entity.nested.items():
        rows = given.get(array)
        if rows is None:
            record[array] = list(before[array]) if before else []
        elif not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            problems.append(Problem("value", array, f"{array} must be a list of records."))
        else:
            record[array] = [_fields(fields, row, {}, problems) for row in rows]
    return record, problems


def _fields(
    fields: Mapping[str, Field], given: Mapping[str, Any], before: Mapping[str, Any], problems: list[Problem]
) -> Record:
    record: Record = {}
    for name, field in fields.items():
        value = given.get(name)
        if value is None:
            value = before.get(name, name == "isActive" if field.type == "flag" else _BLANK[field.type])
        complaint = _complaint(name, field, value)
        if complaint is None:
            if field.type == "date" and value:
                value = read_date(value)
            if field.required and value == "":
                complaint = mandatory(name)
        if complaint is not None:
            problems.append(complaint)
        record[name] = value
    return record


def _complaint(name: str, field: Field, value: Any) -> Problem | None:
    match field.type:
        case "text":
            if not isinstance(value, str):
                return Problem("value", name, f"{name} must be text.", value)
            if field.length and len(value) > field.length:
                message = f"The value of {name} is too long. The maximum length is {field.length} characters."
                return Problem("too_long", name, message, value)
        case "flag":
            if not isinstance(value, bool):
                return Problem("value", name, f"{name} must be true or false.", value)
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                return Problem("value", name, f"{name} must be a whole number.", value)
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | Decimal):
                return Problem("value", name, f"{name} must be a number.", value)
            if not -(10**15) < value < 10**15:
                return Problem("value", name, f"{name} is out of range.", value)
        case "date":
            if value == "":
                return None
            try:
                read_date(value)
            except (TypeError, ValueError):
                return Problem("value", name, f"{name} must be a date like 2026-10-05T00:00:00.000Z.", value)
    return None


def fits_currency(name: str, amount: Any, currency: str, problems: list[Problem]) -> bool:
    """Whether the amount has no more decimals than its currency."""
    try:
        to_minor(Decimal(amount), currency)
    except InvalidAmount:
        problems.append(Problem("value", name, f"{name} has more decimals than {currency} allows.", amount))
        return False
    return True
