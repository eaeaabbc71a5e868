"""Encoded queries: text to conditions and back. Invariant: nothing is lost; what does not read as a condition is
kept as an invalid one, because the instance drops it instead of refusing it.

``^`` joins, ``^OR`` joins to the neighbour only, ``^NQ`` starts a whole new alternative, a caret in a value is doubled.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Longest first where one begins with another.
BARE = ("ISNOTEMPTY", "ISEMPTY", "EMPTYSTRING", "ANYTHING")
COMPARING = (
    "NOT LIKE", "NOTLIKE", "NOT IN", "STARTSWITH", "ENDSWITH", "NOTCONTAINS", "CONTAINS", "LIKE", "BETWEEN", "NSAMEAS",
    "SAMEAS", "INSTANCEOF", "IN", "!=", ">=", "<=", "=", ">", "<",
)  # fmt: skip
RANGES = frozenset({
    ">", ">=", "<", "<=", "BETWEEN", "LIKE", "NOTLIKE", "NOT LIKE", "CONTAINS", "NOTCONTAINS", "STARTSWITH", "ENDSWITH",
})  # fmt: skip
_CONDITION = re.compile(
    rf"([a-z0-9_.]+?)(?:({'|'.join(BARE)})|({'|'.join(re.escape(one) for one in COMPARING)})(.*))", re.DOTALL
)
_ORDER = re.compile(r"ORDERBY(DESC)?([a-z0-9_.]+)")


@dataclass(frozen=True)
class Condition:
    """An empty ``operator``: not a condition at all; ``value`` is its text then."""

    field: str
    operator: str
    value: str = ""


AnyOf = tuple[Condition, ...]


@dataclass(frozen=True)
class Order:
    field: str
    descending: bool = False


@dataclass(frozen=True)
class EncodedQuery:
    """A row fits where it fits one alternative; an alternative, where it fits one condition of each of its groups."""

    alternatives: tuple[tuple[AnyOf, ...], ...] = ()
    order: tuple[Order, ...] = ()


def parse(text: str) -> EncodedQuery:
    """Never refuses. An order that stands before a later ``^NQ`` is lost, as on the instance."""
    alternatives: list[list[list[Condition]]] = [[]]
    order: list[Order] = []
    for part in split(text):
        if part in ("", "EQ"):
            continue
        if part.startswith("NQ"):
            alternatives.append([])
            order = []
            part = part[2:]
            if not part:
                continue
        ordering = _ORDER.fullmatch(part)
        if ordering:
            order.append(Order(ordering[2], bool(ordering[1])))
        elif part.startswith("ORDERBY"):
            continue
        elif part.startswith("OR") and alternatives[-1]:
            alternatives[-1][-1].append(_condition(part[2:]))
        else:
            alternatives[-1].append([_condition(part)])
    kept = [alternative for alternative in alternatives if alternative]
    return EncodedQuery(tuple(tuple(tuple(group) for group in one) for one in kept), tuple(order))


def render(query: EncodedQuery) -> str:
    """The text of a query; ``parse`` gives the query back."""
    alternatives = ["^".join("^OR".join(_text(one) for one in group) for group in one) for one in query.alternatives]
    orders = [f"ORDERBY{'DESC' if one.descending else ''}{one.field}" for one in query.order]
    return "^".join(filter(None, ("^NQ".join(alternatives), *orders)))


def escape(value: str) -> str:
    return value.replace("^", "^^")


def split(text: str) -> Iterator[str]:
    """The parts between single carets, with doubled ones made single."""
    part: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter == "^" and text[position + 1 : position + 2] == "^":
            part.append("^")
            position += 1
        elif letter == "^":
            yield "".join(part)
            part = []
        else:
            part.append(letter)
        position += 1
    yield "".join(part)


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        return Condition("", "", text)
    field, bare, operator, value = found.groups()
    return Condition(field, bare or operator, value or "")


def _text(condition: Condition) -> str:
    return condition.field + condition.operator + escape(condition.value)
