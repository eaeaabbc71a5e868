"""Mapped documents of the demo company, as mapping hands them to posting."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from st_pipelines.documents.bill import Bill
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Application, Line
from st_pipelines.documents.mapped import MappedDocument, Payload
from st_pipelines.documents.parties import Address, Party
from st_pipelines.documents.payment import Payment
from st_pipelines.posting.target import Reference
from st_pipelines.systems.qad.profile import Profile
from st_pipelines.systems.qad.profile_file import load_profile

PROFILE = Path(__file__).resolve().parents[2] / "mappings" / "demo_qad" / "qad_profile.yaml"
BOOKS = "10USA_10USACO"
DAY = date(2026, 10, 5)
TENANT = "ST:1234567"


@cache
def demo_profile() -> Profile:
    return load_profile(PROFILE)


def key(kind: str, number: int) -> str:
    return f"{TENANT}:{kind}:{number}"


def mapped(kind: str, doc_key: str, payload: Payload | None, total: Decimal, **changes: Any) -> MappedDocument:
    values: dict[str, Any] = {
        "flow": "invoices", "kind": kind, "doc_key": doc_key, "company": BOOKS, "business_date": DAY, "currency": "USD",
        "total": total, "disposition": "ready", "source_sha256": sha256(repr(payload).encode()).hexdigest(),
        "modified_on": datetime(2026, 10, 5, 12, tzinfo=UTC), "payload": payload,
    }  # fmt: skip
    return MappedDocument(**(values | changes))


def party(role: str = "customer", number: int = 42, name: str = "Ada's Bakery & Co", **changes: Any) -> Party:
    values: dict[str, Any] = {
        "role": role, "doc_key": key(role, number), "name": name,
        "address": Address("1 Main Street", "Unit 2", "Austin", "TX", "78701", "USA"), "currency": "USD",
        "email": "ada@example.test", "phone": "512-555-0100", "terms": "N30",
    }  # fmt: skip
    return Party(**(values | changes))


def relation(of: Party) -> MappedDocument:
    return mapped("business_relation", f"{of.doc_key}:relation", of, Decimal(0))


def master(of: Party) -> MappedDocument:
    return mapped("customer" if of.role == "customer" else "supplier", of.doc_key, of, Decimal(0))


def domain(of: Party) -> MappedDocument:
    return mapped("customer_domain", f"{of.doc_key}:domain", of, Decimal(0))


def line(sequence: int, account: str, amount: str, kind: str = "revenue", centre: str = "1100", **more: Any) -> Line:
    analysed = kind not in ("tax",)
    return Line(sequence, kind, account, Decimal(amount), centre if analysed else "", "01" if analysed else "", **more)


def invoice(number: int = 7001, lines: tuple[Line, ...] = (), customer: int = 42, **changes: Any) -> MappedDocument:
    """With tax by default: 100.00 service, -10.00 discount, 7.43 tax = 97.43."""
    lines = lines or (
        line(1, "4000", "100.00", description="Tune-up"),
        line(2, "4900", "-10.00", "discount"),
        line(3, "2200", "7.43", "tax", tax_code="TX825"),
    )
    total = sum((one.amount for one in lines), Decimal(0))
    values: dict[str, Any] = {
        "kind": "credit_memo" if total < 0 else "invoice", "doc_key": key("invoice", number), "number": f"J-{number}",
        "customer_key": key("customer", customer), "business_unit": "101", "currency": "USD", "invoice_date": DAY,
        "due_date": date(2026, 11, 4), "posting_date": DAY, "total": total, "lines": lines, "terms": "N30",
        "summary": "Spring tune-up\nand filter",
    }  # fmt: skip
    payload = Invoice(**(values | changes))
    return mapped("customer_invoice", payload.doc_key, payload, payload.total)


def payment(
    number: int = 9001, amount: str = "97.43", applied: dict[int, str] | None = None, **changes: Any
) -> MappedDocument:
    parts = tuple(Application(key("invoice", of), Decimal(part)) for of, part in (applied or {}).items())
    whole = Decimal(amount)
    values: dict[str, Any] = {
        "doc_key": key("payment", number), "number": str(number), "customer_key": key("customer", 42),
        "business_unit": "101", "currency": "USD", "payment_date": DAY, "posting_date": DAY, "amount": whole,
        "unapplied": whole - sum((part.amount for part in parts), Decimal(0)), "bank_account": "1030",
        "payment_type": "502", "applications": parts,
    }  # fmt: skip
    payload = Payment(**(values | changes))
    return mapped("customer_payment", payload.doc_key, payload, payload.amount)


def bill(number: int = 3001, vendor: int = 7, reference: str = "SUP-88/1", **changes: Any) -> MappedDocument:
    lines = (
        line(1, "5000", "200.00", "expense"),
        line(2, "5200", "15.50", "freight"),
        Line(3, "tax", "5300", Decimal("16.50"), "1100", "01"),
    )
    values: dict[str, Any] = {
        "doc_key": key("bill", number), "number": f"B-{number}", "supplier_reference": reference,
        "vendor_key": key("vendor", vendor), "business_unit": "101", "currency": "USD", "bill_date": DAY,
        "due_date": date(2026, 11, 4), "posting_date": DAY, "total": Decimal("232.00"), "lines": lines, "terms": "N30",
        "purchase_order": "PO-5",
    }  # fmt: skip
    payload = Bill(**(values | changes))
    return mapped("supplier_invoice", payload.doc_key, payload, payload.total)


def posted(doc_key: str, kind: str, target_id: str, number: str) -> dict[str, Reference]:
    return {doc_key: Reference(doc_key, target_id, number, kind)}


CUSTOMER = posted(key("customer", 42), "customer", "CUST|10000042", "10000042")
VENDOR = posted(key("vendor", 7), "supplier", "SUPP|20000007", "20000007")


def invoice_reference(number: int, voucher: int) -> dict[str, Reference]:
    return posted(key("invoice", number), "customer_invoice", f"10USACO|ARINV|2026|{voucher}", f"ARINV/2026/{voucher}")


def changed(document: MappedDocument, **changes: Any) -> MappedDocument:
    return msgspec.structs.replace(document, **changes)
