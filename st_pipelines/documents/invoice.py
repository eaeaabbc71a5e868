"""Customer invoices and credit memos. Invariant: the lines add up to the total, exactly."""

from datetime import date
from decimal import Decimal

import msgspec

from st_pipelines.documents.lines import Line


class Invoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="invoice"):
    """``kind``: invoice or credit_memo. ``total`` and lines keep the source's sign: a credit memo is negative here.
    ``tax_code`` is the target's code of the tax zone, also where the tax is zero (the tax line then is absent)."""

    kind: str
    doc_key: str
    number: str
    customer_key: str
    business_unit: str
    currency: str
    invoice_date: date
    due_date: date | None
    posting_date: date
    total: Decimal
    lines: tuple[Line, ...]
    terms: str = ""
    tax_code: str = ""
    adjusts_key: str = ""
    summary: str = ""
