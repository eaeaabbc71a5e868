"""Approved supplier invoices in few words. Invariant: what a test does not name is ordinary."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from st_pipelines.documents.frames import SUPPLIER_INVOICE_LINE_SOURCE, SUPPLIER_INVOICE_SOURCE
from st_pipelines.mapping.columns import INVOICED
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.supplier_invoices import map_supplier_invoices
from st_pipelines.mapping.tables import Mapping, load_mapping
from st_pipelines_tests.mapping import given

DEMO = Path(__file__).parents[2] / "mappings" / "demo_servicenow_back"
OPTIONS = MappingOptions(
    source_tag="SN:demo", party_company="10USA_10USACO", receivable_account="", payable_account="2000",
    rounding_account="6900", rounding_limit=Decimal("0.05"), currency="USD", currencies=("EUR",),
    received_account="2100",
)  # fmt: skip


def key(number: object) -> str:
    return f"SN:demo:invoice:F{number}-PS0001-invoice"


def tables(folder: Path, legal_entities: str = "") -> Mapping:
    for path in DEMO.glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    if legal_entities:
        (folder / "legal_entities.csv").write_text(legal_entities, encoding="utf-8")
    return load_mapping(folder, INVOICED)


def reference(**changed: Any) -> Reference:
    return given.reference(**{"suppliers": given.codes("PS0001", "PS0002")} | changed)


def invoice(number: object = 1, **changed: Any) -> dict[str, Any]:
    """100.00 of one line."""
    return {
        "doc_key": key(number), "source_id": f"{number:0>32}", "number": f"INVC{number}",
        "modified_on": datetime(2026, 10, 6, 12, tzinfo=UTC), "is_active": True, "eligibility": "", "unreadable": "",
        "currency": "USD", "business_unit": "10USACO", "supplier": "PS0001", "supplier_reference": f"F{number}",
        "credit_memo": False, "invoice_date": date(2026, 10, 5), "due_date": None, "amount": Decimal("100.00"),
        "tax_amount": Decimal(0), "freight_amount": Decimal(0), "purchase_order": "", "stands_as": "", "conflict": "",
    } | changed  # fmt: skip


def line(number: object = 1, sequence: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "doc_key": key(number), "sequence": sequence, "source_id": str(sequence), "gl_account": "5000",
        "cost_center": "1100", "quantity": Decimal(2), "unit_price": Decimal("50.00"), "amount": Decimal("100.00"),
        "order": "", "order_line": "", "order_currency": "", "description": "Service",
    } | changed  # fmt: skip


def mapped(
    documents: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]], mapping: Mapping | None = None,
    live: Reference | None = None,
) -> MappedFrames:  # fmt: skip
    frames = (given.table(documents, SUPPLIER_INVOICE_SOURCE), given.table(lines, SUPPLIER_INVOICE_LINE_SOURCE))
    return map_supplier_invoices(*frames, mapping or load_mapping(DEMO, INVOICED), live or reference(), OPTIONS)
