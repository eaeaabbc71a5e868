"""Lines of a mapped document: account, analysis and amount. Invariant: a document's lines add up to its total."""

from decimal import Decimal

import msgspec


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One general-ledger line. ``amount`` is signed in the document's own sense: positive raises its total.

    ``kind``: revenue, discount, tax, rounding (invoices); expense, matched, tax, freight,
    other, rounding (bills).
    """

    sequence: int
    kind: str
    gl_account: str
    amount: Decimal
    cost_center: str = ""
    sub_account: str = ""
    business_unit: str = ""
    tax_code: str = ""
    description: str = ""
    source_id: str = ""


class Application(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The part of a payment that settles one invoice. ``amount`` in the payment's currency and sense."""

    invoice_key: str
    amount: Decimal


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A received quantity that a bill line pays for; ``receipt_key`` is a fact in the ledger."""

    receipt_key: str
    quantity: Decimal
