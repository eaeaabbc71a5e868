"""Purchase orders, receipts and vendor bills. Invariant: every line is exact to the cent, or it cannot be made.

Units as in ``model``: ``quantity`` in hundredths, ``unit_cost`` in ten-thousandths of a dollar, instants in ticks.
"""

from datetime import date

import msgspec


class OrderLine(msgspec.Struct, kw_only=True):
    id: int
    sku_id: int
    sku_code: str
    sku_name: str
    kind: str
    description: str
    quantity: int
    unit_cost: int
    account_id: int
    received: int = 0

    @property
    def total_cents(self) -> int:
        return line_cents(self.quantity, self.unit_cost)


class PurchaseOrder(msgspec.Struct, kw_only=True):
    id: int
    number: str
    status: str
    vendor_id: int
    business_unit_id: int
    ordered: date
    created: int
    modified: int
    lines: list[OrderLine]
    tax_cents: int
    shipping_cents: int
    job_id: int | None = None
    sent: int | None = None
    received: int | None = None


class ReceiptLine(msgspec.Struct, kw_only=True):
    id: int
    order_line: OrderLine
    quantity: int


class Receipt(msgspec.Struct, kw_only=True):
    id: int
    number: str
    order_id: int
    vendor_id: int
    business_unit_id: int
    vendor_invoice: str
    received: int
    created: int
    modified: int
    lines: list[ReceiptLine]
    tax_cents: int
    shipping_cents: int
    other_cents: int
    bill_id: int | None = None
    active: bool = True
    status: str = "Posted"
    batch: int | None = None


class BillLine(msgspec.Struct, kw_only=True):
    """``receipt_line_id`` is None where the bill came before the goods: it then waits for the whole order."""

    id: int
    order_line: OrderLine
    quantity: int
    receipt_line_id: int | None

    @property
    def total_cents(self) -> int:
        return line_cents(self.quantity, self.order_line.unit_cost)


class Bill(msgspec.Struct, kw_only=True):
    id: int
    number: str
    status: str
    order_id: int
    vendor_id: int
    vendor_invoice: str
    business_unit_id: int
    terms: str
    billed: date
    due: date
    posted: date
    created: int
    modified: int
    lines: list[BillLine]
    tax_cents: int
    shipping_cents: int
    other_cents: int
    active: bool = True
    job_id: int | None = None
    batch: int | None = None

    @property
    def total_cents(self) -> int:
        """Gross, as ServiceTitan's ``billAmount``."""
        return sum(one.total_cents for one in self.lines) + self.tax_cents + self.shipping_cents + self.other_cents


def line_cents(quantity: int, unit_cost: int) -> int:
    """Hundredths times ten-thousandths, in cents. Raises where the product is not a whole cent: the generator must
    choose quantities that fit, because a bill is exact line by line."""
    cents, rest = divmod(quantity * unit_cost, 10_000)
    if rest:
        raise ValueError(f"quantity {quantity} at unit cost {unit_cost} is not a whole cent")
    return cents
