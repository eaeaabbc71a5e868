"""What the Structs of ``models.py`` say about themselves. Invariant: every field has exactly one kind."""

from dataclasses import dataclass
from functools import cache

import msgspec

_SCALARS = {
    msgspec.inspect.IntType: "whole", msgspec.inspect.StrType: "text", msgspec.inspect.BoolType: "flag",
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """``kind``: whole, text, flag, text_amount, number_amount, date, instant, object or list. ``published``: its name
    on the wire. ``model``: the Struct of an object, or of a list's elements."""

    name: str
    published: str
    kind: str
    nullable: bool
    model: type[msgspec.Struct] | None = None


@cache
def fields(model: type[msgspec.Struct]) -> tuple[Field, ...]:
    """All fields of a Struct in order of declaration."""
    info = msgspec.inspect.type_info(model)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{model} is not a Struct")
    return tuple(_field(field) for field in info.fields)


def _field(field: msgspec.inspect.Field) -> Field:
    kind, model = "", None
    nullable = not field.required
    parts = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
    for part in parts:
        if isinstance(part, msgspec.inspect.NoneType):
            nullable = True
        else:
            kind, model = _kind(part)
    return Field(field.name, field.encode_name, kind, nullable, model)


def _kind(of: msgspec.inspect.Type) -> tuple[str, type[msgspec.Struct] | None]:
    marked = ""
    if isinstance(of, msgspec.inspect.Metadata):
        marked, of = (of.extra or {}).get("kind", ""), of.type
    if isinstance(of, msgspec.inspect.StructType):
        return "object", of.cls
    if isinstance(of, msgspec.inspect.ListType) and isinstance(of.item_type, msgspec.inspect.StructType):
        return "list", of.item_type.cls
    if isinstance(of, msgspec.inspect.DecimalType):
        return "number_amount", None
    kind = _SCALARS.get(type(of))
    if kind is None:
        raise TypeError(f"no column kind for {of}")
    return {"amount": "text_amount"}.get(marked, marked) or kind, None
