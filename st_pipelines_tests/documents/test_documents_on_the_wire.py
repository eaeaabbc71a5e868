"""Canonical documents survive JSON to the last digit, and refuse what they do not know."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest

from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument

INVOICE = Invoice(
    kind="invoice", doc_key="ST:1:invoice:5", number="5", customer_key="ST:1:customer:7", business_unit="101",
    currency="USD", invoice_date=date(2026, 10, 5), due_date=None, posting_date=date(2026, 10, 5),
    total=Decimal("100.00"), lines=(Line(1, "revenue", "4000", Decimal("100.00"), "1100", "01"),), tax_code="TX825",
)  # fmt: skip
DOCUMENT = MappedDocument(
    flow="invoices", kind="customer_invoice", doc_key="ST:1:invoice:5", company="10USA_10USACO",
    business_date=date(2026, 10, 5), currency="USD", total=Decimal("100.00"), disposition="ready",
    source_sha256="0" * 64, modified_on=datetime(2026, 10, 6, tzinfo=UTC), payload=INVOICE,
    control=(ControlLine("101", "4000", "1100", -10000),), needs=("ST:1:customer:7",),
)  # fmt: skip


def test_a_mapped_document_reads_back_the_same() -> None:
    text = msgspec.json.encode(DOCUMENT)
    assert msgspec.json.decode(text, type=MappedDocument) == DOCUMENT
    assert b'"total":"100.00"' in text


def test_a_document_written_before_a_field_existed_still_reads() -> None:
    older = msgspec.json.encode(DOCUMENT).replace(b'"tax_code":"TX825",', b"").replace(b',"tax_code":"TX825"', b"")
    payload = msgspec.json.decode(older, type=MappedDocument).payload
    assert isinstance(payload, Invoice)
    assert payload.tax_code == ""


def test_an_unknown_field_is_refused() -> None:
    text = msgspec.json.encode(DOCUMENT).replace(b'"flow":', b'"flaw":1,"flow":')
    with pytest.raises(msgspec.ValidationError, match="flaw"):
        msgspec.json.decode(text, type=MappedDocument)


def test_documents_cannot_be_changed() -> None:
    for value, name in ((DOCUMENT, "total"), (INVOICE, "lines"), (Hold("a", "b", "c", "d"), "code")):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
