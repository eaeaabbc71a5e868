"""What QAD made of an invoice that takes goods. Invariant: amounts are plain decimals as text, never rounded.

``matched``: the goods at the invoice's prices; ``variance``: positive where the invoice is dearer than the receipts;
``hold``: what QAD does not pay until somebody has looked.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from st_pipelines.documents.goods import plain
from st_pipelines.documents.money import from_minor, round_to_minor, to_minor
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.posting_lines import Leg
from st_pipelines.systems.qad.profile import Entity
from st_pipelines.systems.qad.wire_values import read_amount

MATCH = "match "  # of the content members that hold the pieces taken of an order line


def matched_content(record: Record, entity: Entity, held: Sequence[Leg], currency: str) -> dict[str, str]:
    """Empty for an invoice without matching lines. ``held``: its ledger lines as QAD shows them. Raises
    ``UntrustedAnswer`` for lines that cannot be read."""
    array = entity.nested.get("matchingLines")
    lines = record.get(array.array) if array else None
    if array is None or not lines:
        return {}
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise UntrustedAnswer(f"{entity.path}: {array.array} is no list of records")
    pieces: dict[str, Decimal] = {}
    worth: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        name = f"{line.get(array.fields['order'])}/{line.get(array.fields['line'])}"
        quantity, price = (_amount(line, array.fields[logical], entity) for logical in ("quantity", "unitPrice"))
        pieces[name] = pieces.get(name, Decimal(0)) + quantity
        worth[name, price] = worth.get((name, price), Decimal(0)) + quantity
    matched = sum((round_to_minor(quantity * price, currency) for (_, price), quantity in worth.items()), Decimal(0))
    variance = sum((leg.amount for leg in held if leg.gl_account == entity.variance_account), Decimal(0))
    hold = _amount(record, entity.wire("holdAmount"), entity) if entity.has("holdAmount") else Decimal(0)
    return {
        "matched": money(matched, currency), "variance": money(variance, currency), "hold": money(hold, currency),
        **{MATCH + name: plain(quantity) for name, quantity in sorted(pieces.items())},
    }  # fmt: skip


def money(amount: Decimal, currency: str) -> str:
    return format(from_minor(to_minor(amount, currency), currency), "f")


def _amount(record: Mapping[str, object], wire: str, entity: Entity) -> Decimal:
    try:
        return read_amount(record.get(wire), wire)
    except ValueError as error:
        raise UntrustedAnswer(f"{entity.path}: {error}") from error
