"""Purchase orders, their lines and goods receipts. Invariant: an order is known by its number within its domain, a line
by order and line number, a receipt by receiver and line; quantities keep their sign, a correction is negative.

What is ordered and received is compared in money and in pieces. Pieces are compared by the code that compares money:
a control line whose account ends in ``QUANTITY`` is in the currency ``QTY`` (``money.PIECES``).
"""

from datetime import date
from decimal import Decimal

import msgspec

from st_pipelines.documents.money import PIECES

ORDERED, RECEIVED, QUANTITY = "ordered", "received", " quantity"


class PurchaseOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="purchase_order"):
    """``amount`` is the sum of the lines' amounts. ``status``: only where the order was closed by hand, in the target's
    word; how far it has come follows from its receipts."""

    doc_key: str
    number: str
    supplier_key: str
    supplier: str
    legal_entity: str
    currency: str
    amount: Decimal
    order_date: date
    status: str = ""
    due_date: date | None = None
    terms: str = ""


class OrderLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="order_line"):
    """``amount`` is quantity times price, rounded once, here."""

    doc_key: str
    order_key: str
    order: str
    line: str
    item: str
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    currency: str
    due_date: date | None = None
    gl_account: str = ""
    cost_center: str = ""


class SupplierDetail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="supplier_detail"):
    """That a legal entity buys from a supplier, and by which number."""

    doc_key: str
    supplier_key: str
    supplier: str
    legal_entity: str


class GoodsReceipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="goods_receipt"):
    """One row of a receiver."""

    doc_key: str
    line_key: str
    number: str
    order: str
    line: str
    quantity: Decimal
    currency: str
    received: date


Procured = PurchaseOrder | OrderLine | GoodsReceipt | SupplierDetail


def measure(account: str, currency: str) -> str:
    """The currency of a control line: the document's, or pieces."""
    return PIECES if account.endswith(QUANTITY) else currency
