"""QAD's list filters: ``field,op,value,literal``. Invariant: a filter that is not understood is refused, never ignored.

Several filters are ANDed. A field may be written plain or with its entity in front (``customers.customerCode``). How
QAD escapes a comma is unknown, so there is no way to ask for one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.qad.dates import sought_date
from st_pipelines.sandbox.qad.served import ServedEntity
from st_pipelines.sandbox.qad.wire import GatewayError

Record = dict[str, Any]
_HIGHEST = chr(0x10FFFF)
_FEW = 100  # so few that no other index is worth asking
_TESTS: Mapping[str, Callable[[Any, Any, Any], bool]] = {
    "eq": lambda held, low, high: bool(held == low),
    "sw": lambda held, low, high: str(held).startswith(str(low)),
    "ew": lambda held, low, high: str(held).endswith(str(low)),
    "cn": lambda held, low, high: str(low) in str(held),
    "gt": lambda held, low, high: bool(held > low),
    "ge": lambda held, low, high: bool(held >= low),
    "lt": lambda held, low, high: bool(held < low),
    "le": lambda held, low, high: bool(held <= low),
    "rg": lambda held, low, high: bool(low <= held <= high),
}


@dataclass(frozen=True)
class Filter:
    """``high`` is the second end of ``rg``, else the same as ``low``. Values have the field's own type."""

    field: str
    op: str
    low: Any
    high: Any

    def holds(self, record: Mapping[str, Any]) -> bool:
        held = record.get(self.field)
        return held is not None and _TESTS[self.op](held, self.low, self.high)


def parse_filter(text: str, entity: ServedEntity) -> Filter:
    """Raises ``GatewayError`` 400 for an unknown field or operator, missing parts, a value of a wrong type."""
    parts = text.split(",")
    if len(parts) < 2 or parts[1] not in _TESTS:
        raise GatewayError(400, f"Invalid filter: {text[:100]}")
    wire, op, rest = parts[0].rsplit(".", 1)[-1], parts[1], parts[2:]
    if len(rest) != (4 if op == "rg" else 2) or any(kind != "literal" for kind in rest[1::2]):
        raise GatewayError(400, f"Invalid filter: {text[:100]}")
    name = entity.ours(wire)
    described = entity.fields.get(name)
    if described is None:
        raise GatewayError(400, f"Unknown field in filter: {wire[:60]}")
    low, high = _value(rest[0], described.type), _value(rest[2] if op == "rg" else rest[0], described.type)
    return Filter(name, op, low, high)


def _value(text: str, kind: str) -> Any:
    try:
        match kind:
            case "flag":
                return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]
            case "integer" | "number":
                return Decimal(text)
            case "date":
                return sought_date(text)
    except (KeyError, InvalidOperation):
        raise GatewayError(400, f"Invalid value in filter: {text[:60]}") from None
    return text


def candidates(
    books: Books, entity: ServedEntity, filters: Sequence[Filter], scope: tuple[str, str] | None
) -> list[Record]:
    """Records that may satisfy the filters, by the best index there is. ``scope``: field and value all must have."""
    best: list[Record] | None = None
    common = "" if scope is None else scope[0]
    for wanted in sorted(filters, key=lambda one: (one.field == common, one.op != "eq")):
        if best is not None and (len(best) <= _FEW or wanted.field == common):
            break
        if wanted.op == "eq" and entity.fields[wanted.field].type in ("text", "date"):
            found = books.find(entity.name, wanted.field, wanted.low)
        elif entity.fields[wanted.field].type in ("text", "date") and wanted.op in ("rg", "sw", "ge", "gt", "le", "lt"):
            low = wanted.low if wanted.op in ("rg", "sw", "ge", "gt") else None
            high = {"rg": wanted.high, "sw": f"{wanted.low}{_HIGHEST}", "le": wanted.low, "lt": wanted.low}.get(
                wanted.op
            )
            found = books.between(entity.name, wanted.field, low, high)
        else:
            continue
        if best is None or len(found) < len(best):
            best = found
    if best is not None:
        return best
    return books.all(entity.name) if scope is None else books.find(entity.name, *scope)
