"""Supplier invoices. Invariant: the lines add up to the gross amount, exactly."""

from datetime import date
from decimal import Decimal

import msgspec

from st_pipelines.documents.lines import Line


class Bill(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bill"):
    """``supplier_reference`` is the vendor's own invoice number, the identity that an accountant checks first."""

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
