"""Turns records of one kind into Arrow tables, column by column. Invariant: a value that does not fit its column is an
error that names the field; nothing is rounded, shifted or dropped.

Columns follow from the Struct: published names in snake case, nested objects flattened with ``_``, lists as tables of
their own with the parent's id in front. Amounts become decimal128(23,8), calendar dates date32, instants stay text as
received; ``modified_at`` is the instant of ``modified_on`` (of ``created_on`` where that is null) in UTC microseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import astuple

from st_pipelines.documents.frames import AMOUNT, INSTANT
from st_pipelines.systems.servicetitan.arrays import flags, texts, wholes
from st_pipelines.systems.servicetitan.fields import Field, fields
from st_pipelines.systems.servicetitan.record import Record

_PLAIN_AMOUNT = r"^-?[0-9]{1,15}(\.[0-9]{1,8})?$"
_MIDNIGHT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T00:00:00(\.0{1,7})?Z?)?$"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?Z$"
_TYPES = {
    "whole": pa.int64(), "text": pa.string(), "flag": pa.bool_(), "text_amount": AMOUNT, "number_amount": AMOUNT,
    "date": pa.date32(), "instant": pa.string(),
}  # fmt: skip


_Column = tuple[str, str, Sequence[Any]]  # kind, published name, values


class UnfitValue(ValueError):
    """A field holds something that its column cannot take exactly."""


@dataclass(frozen=True)
class _Level:
    """The plain fields of one Struct, then the Structs nested in it with what stands in for an absent one. Each with
    its place in the Struct."""

    width: int
    plain: tuple[tuple[int, Field], ...]
    nested: tuple[tuple[int, "_Level", msgspec.Struct], ...]


@dataclass(frozen=True)
class Shape:
    """The table ``name`` and, by list field, the shapes of its children. ``has_instant``: it carries modifiedOn."""

    name: str
    schema: pa.Schema
    level: _Level
    lists: Mapping[str, "Shape"]
    has_instant: bool


def shape(name: str, model: type[msgspec.Struct], children: Mapping[str, str], parent: str = "") -> Shape:
    """``children`` names the table of each list field that is kept; ``parent`` the id column of a child table."""
    known = fields(model)
    level = _level(known)
    columns = [pa.field(parent, pa.int64())] if parent else []
    columns += [pa.field(column, _TYPES[kind]) for column, kind in _columns(known, "")]
    has_instant = any(field.name == "modified_on" for field in known)
    columns += [pa.field("modified_at", INSTANT)] if has_instant else []
    lists = {
        field.name: shape(children[field.name], field.model, {}, f"{name.removesuffix('s')}_id")
        for field in known
        if field.kind == "list" and field.model is not None and field.name in children
    }
    return Shape(name, pa.schema(columns), level, lists, has_instant)


def schemas(of: Shape) -> dict[str, pa.Schema]:
    """The schema of the shape's own table and of its children's."""
    return {of.name: of.schema, **{child.name: child.schema for child in of.lists.values()}}


def tables(of: Shape, records: Sequence[Record]) -> dict[str, pa.Table]:
    """All tables of these records. Raises ``UnfitValue``, naming the field; the caller finds the record."""
    made = {of.name: _table(of, records, None)}
    for field, child in of.lists.items():
        lists = list(map(attrgetter(field), records))
        parents = [record.id for record, rows in zip(records, lists, strict=True) for _ in rows or ()]  # type: ignore[attr-defined]
        made[child.name] = _table(child, [row for rows in lists for row in rows or ()], parents)
    return made


def exact_instants(stamps: pa.Array, field: str) -> pa.Array:
    """UTC instants in nanoseconds (100 ns are received). Text without a zone is refused (T1)."""
    _require(stamps, _INSTANT, field, "an instant in UTC")
    try:
        return pc.cast(stamps, pa.timestamp("ns", tz="UTC"))
    except pa.ArrowInvalid as error:
        raise UnfitValue(f"{field}: {error}") from error


def _table(of: Shape, records: Sequence[Any], parents: list[int] | None) -> pa.Table:
    columns: list[_Column] = [] if parents is None else [("whole", "id", parents)]
    _collect(columns, of.level, records)
    arrays = _arrays(columns, len(records))
    if of.has_instant:
        at = of.schema.get_field_index
        modified = pc.coalesce(arrays[at("modified_on")], arrays[at("created_on")])
        arrays.append(pc.cast(exact_instants(modified, "modifiedOn"), INSTANT, safe=False))
    return pa.Table.from_arrays(arrays, schema=of.schema)


def _collect(columns: list[_Column], level: _Level, records: Sequence[Any]) -> None:
    """One column a plain field, then those of each nested Struct: the order of ``_columns``."""
    values = list(zip(*map(astuple, records), strict=True)) if records else [()] * level.width
    columns += [(field.kind, field.published, values[place]) for place, field in level.plain]
    for place, below, blank in level.nested:
        _collect(columns, below, [blank if value is None else value for value in values[place]])


def _arrays(columns: Sequence[_Column], rows: int) -> list[pa.Array]:
    """Columns that Arrow must check and cast are made together and cut apart: on pages of a few hundred rows its calls
    cost more than the values."""
    made: list[pa.Array] = [
        None if kind in _CHECKED else _exactly(_AS_IS[kind], values, field) for kind, field, values in columns
    ]
    for kind, convert in _CHECKED.items():
        places = [place for place, column in enumerate(columns) if column[0] == kind]
        if not places:
            continue
        try:
            together = convert(list(chain.from_iterable(columns[place][2] for place in places)), "")
        except UnfitValue:
            for place in places:
                convert(columns[place][2], columns[place][1])  # the one that fails names its field
            raise
        for nth, place in enumerate(places):
            made[place] = together.slice(nth * rows, rows)
    return made


def _text_amounts(values: Sequence[str | None], field: str) -> pa.Array:
    given = _exactly(texts, values, field)
    _require(given, _PLAIN_AMOUNT, field, "a plain decimal amount")
    return pc.cast(given, AMOUNT)


def _number_amounts(values: Sequence[Decimal | None], field: str) -> pa.Array:
    return _text_amounts([None if value is None else _plain(value, field) for value in values], field)


def _plain(value: Decimal, field: str) -> str:
    # 1E+400000000 is a short JSON number and a very long text: look at its size before writing it out.
    if not value.is_finite() or value.adjusted() > 15 or value.as_tuple().exponent < -24:  # type: ignore[operator]
        raise UnfitValue(f"{field}: {str(value)[:40]!r} is not a plain decimal amount")
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _dates(values: Sequence[str | None], field: str) -> pa.Array:
    given = _exactly(texts, values, field)
    _require(given, _MIDNIGHT, field, "a calendar date (midnight, as ServiceTitan writes it)")
    try:
        return pc.cast(pc.utf8_slice_codeunits(given, 0, 10), pa.date32())
    except pa.ArrowInvalid as error:
        raise UnfitValue(f"{field}: {error}") from error


_CHECKED: Mapping[str, Callable[[Sequence[Any], str], pa.Array]] = {
    "date": _dates, "text_amount": _text_amounts, "number_amount": _number_amounts,
}  # fmt: skip
_AS_IS: Mapping[str, Callable[[Sequence[Any]], pa.Array]] = {
    "whole": wholes, "text": texts, "instant": texts, "flag": flags,
}  # fmt: skip


def _exactly(make: Callable[[Sequence[Any]], pa.Array], values: Sequence[Any], field: str) -> pa.Array:
    try:
        return make(values)
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError) as error:
        raise UnfitValue(f"{field}: {error}") from error


def _require(given: pa.Array, pattern: str, field: str, what: str) -> None:
    fits = pc.match_substring_regex(given, pattern)
    if pc.all(fits, skip_nulls=True, min_count=0).as_py() is False:
        wrong = given.filter(pc.invert(fits))[0].as_py()
        raise UnfitValue(f"{field}: {wrong[:40]!r} is not {what}")


def _level(known: Sequence[Field]) -> _Level:
    plain = tuple((place, field) for place, field in enumerate(known) if field.kind in _TYPES)
    nested = tuple(
        (place, _level(below := fields(field.model)), field.model(**dict.fromkeys(one.name for one in below)))
        for place, field in enumerate(known)
        if field.kind == "object" and field.model is not None
    )
    return _Level(len(known), plain, nested)


def _columns(known: Sequence[Field], prefix: str) -> list[tuple[str, str]]:
    """(column, kind) of the plain fields, then of each nested Struct."""
    found = [(prefix + field.name, field.kind) for field in known if field.kind in _TYPES]
    for field in known:
        if field.kind == "object" and field.model is not None:
            found += _columns(fields(field.model), f"{prefix}{field.name}_")
    return found
