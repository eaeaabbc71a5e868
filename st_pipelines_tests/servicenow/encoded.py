"""A small parser of encoded queries for the tests, written from the reference alone: left to right, a doubled caret is
a letter, a single one ends a part. It knows nothing of the builder.
"""

from dataclasses import dataclass

OPERATORS = ("ISNOTEMPTY", "ISEMPTY", "STARTSWITH", "BETWEEN", "NOT IN", "IN", "LIKE", "!=", ">=", "<=", "=", ">", "<")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_."


@dataclass(frozen=True)
class Term:
    column: str
    operator: str
    value: str


@dataclass
class Parsed:
    """Alternatives of choices of terms, and the columns it is ordered by."""

    alternatives: list[list[list[Term]]]
    order: list[str]


def parse(text: str) -> Parsed:
    parts, now, at = [], "", 0
    while at < len(text):
        if text.startswith("^^", at):
            now, at = now + "^", at + 2
        elif text[at] == "^":
            parts.append(now)
            now, at = "", at + 1
        else:
            now, at = now + text[at], at + 1
    parts.append(now)
    parsed = Parsed([[]], [])
    for place, part in enumerate(parts):
        if part.startswith("ORDERBY"):
            parsed.order.append(part.removeprefix("ORDERBY"))
        elif part.startswith("NQ") and place:
            parsed.alternatives.append([[term(part[2:])]])
        elif part.startswith("OR") and place:
            parsed.alternatives[-1][-1].append(term(part[2:]))
        elif part:
            parsed.alternatives[-1].append([term(part)])
    return parsed


def term(text: str) -> Term:
    end = next((place for place, letter in enumerate(text) if letter not in LETTERS), len(text))
    for operator in OPERATORS:
        if text.startswith(operator, end):
            return Term(text[:end], operator, text[end + len(operator) :])
    raise AssertionError(f"no condition: {text!r}")


def holds(one: Term, row: dict[str, str]) -> bool:
    held = row[one.column]
    match one.operator:
        case "=":
            return held.casefold().rstrip(" ") == one.value.casefold().rstrip(" ")  # as usual databases compare
        case "!=":
            return held.casefold() != one.value.casefold()
        case ">":
            return held > one.value
        case ">=":
            return held >= one.value
        case "<":
            return held < one.value
        case "<=":
            return held <= one.value
        case "STARTSWITH":
            return held.startswith(one.value)
        case "ISEMPTY":
            return held == ""
        case "ISNOTEMPTY":
            return held != ""
        case "BETWEEN":
            low, _, high = one.value.partition("@")
            return low <= held <= high
    raise AssertionError(one)
