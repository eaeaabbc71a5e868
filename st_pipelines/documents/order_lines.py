"""One purchase order line as one system holds it now. Invariant: pieces and money as that system shows them; receipts
are added up with their sign, so that a correction has taken its pieces away already."""

from decimal import Decimal

import msgspec

OPEN, PARTLY, FULLY, OVER = "open", "partly", "fully", "over"
PROGRESS = (OPEN, PARTLY, FULLY, OVER)


class OrderLineStanding(msgspec.Struct, frozen=True, gc=False):
    """``books``: what the system says whose order it is: a legal entity, or a site. Money in ``currency``."""

    order: str
    line: str
    books: str
    supplier: str
    item: str
    currency: str
    ordered: Decimal
    received: Decimal
    invoiced: Decimal
    ordered_amount: Decimal
    received_amount: Decimal
    invoiced_amount: Decimal

    @property
    def to_come(self) -> Decimal:
        """Pieces that were ordered and not received."""
        return self.ordered - self.received

    @property
    def not_invoiced(self) -> Decimal:
        """Pieces that were received and that no invoice has taken; below zero where it took them before they came."""
        return self.received - self.invoiced

    def progress(self, what: str) -> str:
        """How far ``received`` or ``invoiced`` has come of what was ordered."""
        done: Decimal = getattr(self, what)
        if done == 0 and self.ordered > 0:
            return OPEN
        return OVER if done > self.ordered else FULLY if done == self.ordered else PARTLY
