"""What the books know of the goods of one order line. Invariant: pieces only; ``received`` is a sum over receipts, in
which a correction has taken its pieces away already, and never the existence of one (reliability L10).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple


class OrderLineKey(NamedTuple):
    """``line`` as text, as an invoice names it."""

    order: str
    line: str

    def __str__(self) -> str:
        return f"order {self.order} line {self.line}"


@dataclass(frozen=True, slots=True)
class Goods:
    """``matched``: pieces that invoices have taken, whoever entered them; ``allowance``: pieces that the tenant lets an
    invoice take beyond what is open. ``fault``: why the books cannot answer for this line; then nothing is open."""

    received: Decimal = Decimal(0)
    matched: Decimal = Decimal(0)
    allowance: Decimal = Decimal(0)
    fault: str = ""

    @property
    def open(self) -> Decimal:
        """Pieces that a further invoice may take; below zero where goods went back after they were invoiced."""
        return Decimal(0) if self.fault else self.received - self.matched


def plain(pieces: Decimal) -> str:
    """Without zeros behind that only a table's width put there: ``59.00000000`` is ``59``."""
    return format(pieces.normalize() + 0, "f")
