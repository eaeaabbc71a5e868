"""Small source frames in few words, the demo company's tables and a reference like its QAD. Invariant: what a test does
not name is ordinary."""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from st_pipelines.documents.frames import (
    APPLICATION_SOURCE,
    BILL_LINE_SOURCE,
    BILL_SOURCE,
    INVOICE_LINE_SOURCE,
    INVOICE_SOURCE,
    PARTY_SOURCE,
    PAYMENT_SOURCE,
)
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.mapping.bills import map_bills
from st_pipelines.mapping.columns import FINANCIAL
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.invoices import map_invoices
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.parties import map_parties
from st_pipelines.mapping.payments import map_payments
from st_pipelines.mapping.reference import Reference, from_tables
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines.mapping.tables import Mapping, load_mapping

DEMO = Path(__file__).parents[2] / "mappings" / "demo_qad"
TAG = "ST:1234567"
OPTIONS = MappingOptions(
    source_tag=TAG, party_company="10USA_10USACO", receivable_account="1200", payable_account="2000",
    rounding_account="6900", rounding_limit=Decimal("0.05"), currency="USD",
)  # fmt: skip

Row = MappingOf[str, Any]


def key(kind: str, number: object) -> str:
    return f"{TAG}:{kind}:{number}"


def demo() -> Mapping:
    return load_mapping(DEMO, FINANCIAL)


def tables(folder: Path, **files: str) -> Mapping:
    """The demo tables with some files replaced by the given text."""
    for path in DEMO.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return load_mapping(folder, FINANCIAL)


def accounts(**flags: str) -> pa.Table:
    """The demo chart. ``flags``: account -> any of ``inactive``, ``no_cc``, ``cc``, ``no_sub``, ``project`` or a
    limitation after ``=``."""
    rows = []
    taking = {"4000", "4100", "4200", "4300", "4900", "4999", "5000", "5100", "5200", "5300", "5400", "6900"}
    for code in sorted(taking | {"1010", "1020", "1030", "1200", "2000", "2100", "2200"}):
        said = flags.get(f"a{code}", "").split("|")
        takes = code in taking
        rows.append({
            "code": code, "description": f"Account {code}", "is_active": "inactive" not in said and code != "4999",
            "is_cost_centre_account": (takes or "cc" in said) and "no_cc" not in said,
            "is_project_account": "project" in said,
            "is_sub_account_account": (takes or "sub" in said) and "no_sub" not in said,
            "analysis_limitation": next((one[1:] for one in said if one.startswith("=")), "None"),
        })  # fmt: skip
    return pa.Table.from_pylist(rows)


def codes(*active: str, inactive: Sequence[str] = ()) -> pa.Table:
    rows = [{"code": code, "description": code, "is_active": code not in inactive} for code in (*active, *inactive)]
    return (
        pa.Table.from_pylist(rows)
        if rows
        else pa.table({"code": pa.array([], pa.string()), "is_active": pa.array([], pa.bool_())})
    )


def reference(**changed: Any) -> Reference:
    given = {
        "gl_accounts": accounts(),
        "cost_centers": codes("1100", "1200", "2100", "2200", "3100", "4100", inactive=["9900"]),
        "sub_accounts": codes("01", "02"),
        "tax_codes": codes("TX825", "WI55", "EXEMPT"),
        "credit_terms": codes("DUE", "N15", "N30", "N45"),
    }
    return from_tables(**given | changed)


def _common(kind: str, number: object) -> dict[str, Any]:
    return {
        "doc_key": key(kind, number), "source_id": str(number), "number": f"N{number}",
        "modified_on": datetime(2026, 10, 6, 12, tzinfo=UTC), "is_active": True, "eligibility": "", "unreadable": "",
        "currency": "USD", "business_unit": "101",
    }  # fmt: skip


def table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def invoice(number: object = 1, **changed: Any) -> dict[str, Any]:
    """100.00 and 8.25 tax."""
    return _common("invoice", number) | {
        "customer_key": key("customer", 7), "customer_name": "Ada", "invoice_date": date(2026, 10, 5),
        "due_date": date(2026, 11, 4), "sub_total": Decimal("100"), "tax_amount": Decimal("8.25"),
        "total": Decimal("108.25"), "tax_zone": "301", "terms": "Net 30", "adjusts_key": "", "summary": "Repair",
    } | changed  # fmt: skip


def item(number: object = 1, sequence: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "doc_key": key("invoice", number), "sequence": sequence, "source_id": f"{number}.{sequence}",
        "business_unit": "", "item": "SVC-DIAG", "item_type": "Service", "gl_hint": "4000", "quantity": Decimal(1),
        "amount": Decimal("100"), "description": "Diagnosis",
    } | changed  # fmt: skip


def payment(number: object = 1, **changed: Any) -> dict[str, Any]:
    """100.00 by check, wholly applied by ``application()``."""
    return _common("payment", number) | {
        "customer_key": key("customer", 7), "customer_name": "Ada", "payment_date": date(2026, 10, 6),
        "amount": Decimal("100"), "unapplied": Decimal(0), "payment_type": "502", "refunds_key": "", "memo": "",
    } | changed  # fmt: skip


def application(number: object = 1, sequence: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "doc_key": key("payment", number), "sequence": sequence, "invoice_key": key("invoice", 1),
        "amount": Decimal("100"),
    } | changed  # fmt: skip


def bill(number: object = 1, **changed: Any) -> dict[str, Any]:
    """Ten at 8.00, tax 6.60, freight 15.00, other 7.50: 109.10."""
    return _common("bill", number) | {
        "vendor_key": key("vendor", 3), "vendor_name": "Parts Inc", "supplier_reference": "INV-9",
        "bill_date": date(2026, 10, 7), "due_date": date(2026, 11, 6), "amount": Decimal("109.10"),
        "tax_amount": Decimal("6.60"), "freight_amount": Decimal("15"), "other_amount": Decimal("7.50"),
        "terms": "Net 30", "purchase_order": "PO-1", "summary": "",
    } | changed  # fmt: skip


def bill_item(number: object = 1, sequence: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "doc_key": key("bill", number), "sequence": sequence, "source_id": f"{number}.{sequence}", "item": "MAT-CAP",
        "item_type": "Material", "gl_hint": "5000", "quantity": Decimal(10), "unit_cost": Decimal("8"),
        "receipt_key": key("receipt_line", f"{number}{sequence}"), "description": "Capacitor",
    } | changed  # fmt: skip


def party(number: object = 7, role: str = "customer", **changed: Any) -> dict[str, Any]:
    return {
        "doc_key": key(role, number), "source_id": str(number), "role": role, "name": "Ada Lovelace",
        "party_type": "Residential", "modified_on": datetime(2026, 10, 6, 12, tzinfo=UTC), "is_active": True,
        "unreadable": "", "street": "1 Main St", "unit": "", "city": "Austin", "state": "TX", "zip": "78701",
        "country": "USA", "email": "ada@mail.example", "phone": "512-555-0100", "terms": "Net 30", "tax_zone": "301",
        "tax_exempt": False, "merged_into": "",
    } | changed  # fmt: skip


Tables = tuple[Mapping, Reference, MappingOptions]


def _with(mapping: Mapping | None, live: Reference | None, options: MappingOptions | None) -> Tables:
    return mapping or demo(), live or reference(), options or OPTIONS


def invoices(
    documents: Sequence[Row], lines: Sequence[Row], mapping: Mapping | None = None, live: Reference | None = None,
    options: MappingOptions | None = None,
) -> MappedFrames:  # fmt: skip
    frames = table(documents, INVOICE_SOURCE), table(lines, INVOICE_LINE_SOURCE)
    return map_invoices(*frames, *_with(mapping, live, options))


def payments(
    documents: Sequence[Row], lines: Sequence[Row], mapping: Mapping | None = None, live: Reference | None = None,
    options: MappingOptions | None = None,
) -> MappedFrames:  # fmt: skip
    frames = table(documents, PAYMENT_SOURCE), table(lines, APPLICATION_SOURCE)
    return map_payments(*frames, *_with(mapping, live, options))


def bills(
    documents: Sequence[Row], lines: Sequence[Row], mapping: Mapping | None = None, live: Reference | None = None,
    options: MappingOptions | None = None,
) -> MappedFrames:  # fmt: skip
    frames = table(documents, BILL_SOURCE), table(lines, BILL_LINE_SOURCE)
    return map_bills(*frames, *_with(mapping, live, options))


def parties(
    rows: Sequence[Row], mapping: Mapping | None = None, live: Reference | None = None,
    options: MappingOptions | None = None,
) -> MappedFrames:  # fmt: skip
    return map_parties(table(rows, PARTY_SOURCE), *_with(mapping, live, options))


def only(frames: MappedFrames) -> MappedDocument:
    (document,) = mapped_documents(frames)
    return document


def one_invoice(changes: Row, *lines: Row, **given: Any) -> MappedDocument:
    """One invoice with changes; each of ``lines`` changes a line (default: the ordinary one)."""
    items = [item(sequence=place, **changed) for place, changed in enumerate(lines or ({},), start=1)]
    return only(invoices([invoice(**changes)], items, **given))
