"""Supplier invoices. Invariant: the lines add up to the gross amount, exactly, matched ones among them."""

from datetime import date
from decimal import Decimal

import msgspec

from st_pipelines.documents.lines import Line


class OrderMatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """What a bill takes of one order line: pieces as invoiced, at the invoice's price, in the bill's currency.
    ``sequence``: the bill's line of kind ``matched`` that carries the money."""

    sequence: int
    order: str
    line: str
    quantity: Decimal
    unit_price: Decimal


COVERED = ":covered"


def cover_key(doc_key: str) -> str:
    """The fact that a bill with matches waits for: the books hold enough received goods that no invoice has taken."""
    return f"{doc_key}{COVERED}"


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bill"):
    """``supplier_reference`` is the vendor's own invoice number, the identity that an accountant checks first.
    ``supplier_code``: the target's own code of a supplier that it had all along; then ``vendor_key`` only names it."""

    doc_key: str
    number: str
    supplier_reference: str
    vendor_key: str
    business_unit: str
    currency: str
    bill_date: date
    due_date: date | None
    posting_date: date
    total: Decimal
    lines: tuple[Line, ...]
    terms: str = ""
    purchase_order: str = ""
    summary: str = ""
    matches: tuple[OrderMatch, ...] = ()
    supplier_code: str = ""
