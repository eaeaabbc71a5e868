"""Cash received from customers and refunds. Invariant: applications plus the unapplied rest equal the amount."""

from datetime import date
from decimal import Decimal

import msgspec

from st_pipelines.documents.lines import Application


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="payment"):
    """``amount`` is negative for a refund, which then names the payment it refunds."""

    doc_key: str
    number: str
    customer_key: str
    business_unit: str
    currency: str
    payment_date: date
    posting_date: date
    amount: Decimal
    unapplied: Decimal
    bank_account: str
    payment_type: str
    applications: tuple[Application, ...] = ()
    refunds_key: str = ""
    memo: str = ""
