"""Mapped documents as an accountant would write them down, compared with the files in ``golden/``."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from st_pipelines.documents.bill import Bill
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import ControlLine, MappedDocument
from st_pipelines.documents.money import from_minor
from st_pipelines.documents.payment import Payment
from st_pipelines_tests.mapping import given

GOLDEN = Path(__file__).parent / "golden"
AMOUNTS = {"sub_total", "tax_amount", "total", "amount", "unapplied", "quantity", "unit_cost", "freight_amount",
           "other_amount"}  # fmt: skip
FLOWS = {
    "invoices": (given.invoices, given.invoice, given.item),
    "payments": (given.payments, given.payment, given.application),
    "bills": (given.bills, given.bill, given.bill_item),
}


def _cases() -> Iterator[Any]:
    for flow in FLOWS:
        for name, case in yaml.safe_load((GOLDEN / f"{flow}.yaml").read_text("utf-8")).items():
            yield pytest.param(flow, case, id=f"{flow}: {name}")


def _exact(changed: dict[str, Any]) -> dict[str, Any]:
    assert not any(isinstance(value, float) for value in changed.values()), "quote the amounts"
    return {name: Decimal(value) if name in AMOUNTS else value for name, value in changed.items()}


@pytest.mark.parametrize(("flow", "case"), list(_cases()))
def test_it_becomes_what_the_golden_file_says(flow: str, case: dict[str, Any]) -> None:
    mapped, header, line = FLOWS[flow]
    lines = [line(sequence=place, **_exact(changed)) for place, changed in enumerate(case["lines"], start=1)]
    document = given.only(mapped([header(**_exact(case["given"]))], lines))
    assert _said(document) == case["becomes"]
    assert _book(document) == case.get("book", [])
    assert [_control(line) for line in document.control] == case.get("control", [])
    assert list(document.needs) == case.get("needs", [])


def _said(document: MappedDocument) -> str:
    if document.hold is not None:
        detail = f": {document.hold.detail}" if document.hold.code == "unbalanced" else ""
        return f"held by {document.hold.code}{detail}"
    if document.disposition != "ready":
        return f"{document.disposition} because {document.reason}"
    start = f"ready {document.company}"
    match document.payload:
        case Invoice() as one:
            adjusts = f" adjusts {one.adjusts_key}" if one.adjusts_key else ""
            return f"{start} {one.kind} {one.total} {one.currency} {one.terms or '-'} {one.tax_code or '-'}{adjusts}"
        case Payment() as one:
            refunds = f" refunds {one.refunds_key}" if one.refunds_key else ""
            return (f"{start} {one.amount} {one.currency} bank {one.bank_account} {one.payment_type}, "
                    f"unapplied {one.unapplied}{refunds}")  # fmt: skip
        case Bill() as one:
            return f"{start} {one.supplier_reference} {one.total} {one.currency} {one.terms}"
        case other:
            raise AssertionError(other)


def _book(document: MappedDocument) -> list[str]:
    if isinstance(document.payload, Payment):
        return [f"{one.invoice_key} {one.amount}" for one in document.payload.applications]
    if not isinstance(document.payload, Invoice | Bill):
        return []
    lines = document.payload.lines
    assert [line.sequence for line in lines] == list(range(1, len(lines) + 1))
    return [_line(line) for line in lines]


def _line(line: Line) -> str:
    return f"{line.kind} {line.gl_account} {line.cost_center or '-'}/{line.sub_account or '-'} {line.amount}"


def _control(line: ControlLine) -> str:
    amount = from_minor(line.amount_minor, "USD")
    return f"{line.business_unit} {line.gl_account} {line.cost_center or '-'} {amount}"
