"""Typed tables become the canonical frames: eligibility, voids, refunds, facts, parties; nothing disappears."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from st_pipelines.documents import frames
from st_pipelines.systems.servicetitan import documents
from st_pipelines.systems.servicetitan.decode import UNREADABLE, Page, Unreadable, shape_of, to_tables, unreadable_table
from st_pipelines.systems.servicetitan.entities import entity
from st_pipelines_tests.servicetitan import records as make
from st_pipelines_tests.servicetitan.test_one_bad_record_costs_no_page import _read

T = "1234567"


@dataclass(frozen=True)
class Options:
    currency: str = "USD"
    eligible_statuses: tuple[str, ...] = ("Posted", "Exported")


def _tables(name: str, *rows: Any) -> dict[str, pa.Table]:
    tables, page = _read(*rows, name=name)
    assert isinstance(page, Page)
    assert not page.unreadable, page.unreadable
    return dict(tables)


def _invoices(*rows: Any, **more: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    document, lines = documents.invoices(_tables("invoices", *rows) | more, T, Options())
    assert document.schema == frames.INVOICE_SOURCE
    assert lines.schema == frames.INVOICE_LINE_SOURCE
    return document.to_pylist(), lines.to_pylist()


def test_an_invoice_and_its_line() -> None:
    ((one,), (line,)) = _invoices(make.invoice(42, summary="<b>Fan</b> &amp; motor<br/>5 < 6", adjustmentToId=40))
    assert one["doc_key"] == "ST:1234567:invoice:42"
    assert one["customer_key"] == "ST:1234567:customer:7"
    assert one["adjusts_key"] == "ST:1234567:invoice:40"
    assert (one["total"], one["sub_total"], one["tax_amount"]) == (Decimal("10.83"), Decimal("10.00"), Decimal("0.83"))
    assert (one["invoice_date"], one["due_date"]) == (date(2026, 10, 5), None)
    assert (one["business_unit"], one["tax_zone"], one["terms"], one["currency"]) == ("101", "301", "Net 30", "USD")
    assert one["summary"] == "Fan & motor 5 < 6"
    assert (one["eligibility"], one["unreadable"], one["is_active"]) == ("", "", True)
    assert line["doc_key"] == one["doc_key"]
    assert (line["item"], line["item_type"], line["gl_hint"]) == ("TUNE-UP", "Service", "4000")
    assert (line["description"], line["business_unit"], line["sequence"]) == ("A & B", "101", 1)


@pytest.mark.parametrize(("changes", "eligibility", "unreadable", "active"), [
    ({}, "", "", True),
    ({"syncStatus": "Exported"}, "", "", True),
    ({"syncStatus": "Pending"}, "pending", "", True),
    ({"syncStatus": "Foo"}, "", "unknown syncStatus Foo", True),
    ({"syncStatus": None}, "", "syncStatus is missing", True),
    ({"customer": None}, "", "customer is missing", True),
    ({"active": False}, "", "", False),
    ({"active": False, "syncStatus": "Foo"}, "", "", False),
])  # fmt: skip
def test_what_may_be_posted(changes: dict[str, Any], eligibility: str, unreadable: str, active: bool) -> None:
    ((one,), _) = _invoices(make.invoice(1, **changes))
    assert (one["eligibility"], one["unreadable"], one["is_active"]) == (eligibility, unreadable, active)


def test_a_tenant_may_choose_which_statuses_are_eligible() -> None:
    tables = _tables("invoices", make.invoice(1, syncStatus="Posted"), make.invoice(2, syncStatus="Exported"))
    frame, _ = documents.invoices(tables, T, Options(eligible_statuses=("Exported",)))
    assert frame["eligibility"].to_pylist() == ["posted", ""]


def test_lines_are_numbered_within_their_document_and_keep_their_own_unit() -> None:
    rows = [make.invoice(1, items=[make.item(11), make.item(12, businessUnit={"id": 106, "name": "M"})]),
            make.invoice(2, items=None), make.invoice(3, items=[make.item(31)], businessUnit=None)]  # fmt: skip
    documents_, lines = _invoices(*rows)
    assert len(documents_) == 3
    assert [(line["doc_key"][-1], line["sequence"], line["business_unit"]) for line in lines] == [
        ("1", 1, "101"), ("1", 2, "106"), ("3", 1, ""),
    ]  # fmt: skip


def test_the_currency_is_the_business_units_where_it_names_one() -> None:
    units = pa.table({"id": [101, 102], "currency": ["CAD", None]})
    rows = [make.invoice(1), make.invoice(2, businessUnit={"id": 102}), make.invoice(3, businessUnit={"id": 999})]
    found, _ = _invoices(*rows, business_units=units)
    assert [one["currency"] for one in found] == ["CAD", "USD", "USD"]


def test_an_unreadable_record_becomes_a_held_document_of_its_own() -> None:
    broken = [Unreadable(9, "2026-10-05T12:00:00.1234567Z", "total: 'x'", 4), Unreadable(None, None, "no id", 5),
              Unreadable(1, None, "an older copy", 6)]  # fmt: skip
    found, _ = _invoices(make.invoice(1), invoices_unreadable=unreadable_table(broken, "ab" * 32))
    assert [(one["doc_key"], one["unreadable"]) for one in found] == [
        ("ST:1234567:invoice:1", ""),
        ("ST:1234567:invoice:9", "total: 'x'"),
        ("ST:1234567:invoice:unreadable-abababababab-5", "no id"),
    ]
    assert found[1]["modified_on"].microsecond == 123456
    assert found[2]["modified_on"] is None


def test_a_payment_and_its_applications() -> None:
    frame, lines = documents.payments(
        _tables("payments", make.payment(5), make.payment(6, appliedTo=None)), T, Options()
    )
    assert frame.schema == frames.PAYMENT_SOURCE
    assert lines.schema == frames.APPLICATION_SOURCE
    one, line = frame.to_pylist()[0], lines.to_pylist()[0]
    assert (one["amount"], one["unapplied"], one["payment_type"]) == (Decimal(50), Decimal(10), "502")
    assert (line["invoice_key"], line["amount"], line["sequence"]) == ("ST:1234567:invoice:900", Decimal(40), 1)
    assert lines.num_rows == 1


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_refund_is_negative_whichever_sign_servicetitan_gives_it(sign: str) -> None:
    applied = [{"appliedId": 1, "appliedTo": 900, "appliedAmount": f"{sign}40.00"}]
    refund = make.payment(
        6, refundedPaymentId=5, total=f"{sign}50.00", unappliedAmount=f"{sign}10.00", appliedTo=applied
    )
    frame, lines = documents.payments(_tables("payments", refund, make.payment(7)), T, Options())
    assert frame["amount"].to_pylist() == [Decimal(-50), Decimal(50)]
    assert frame["unapplied"].to_pylist() == [Decimal(-10), Decimal(10)]
    assert lines["amount"].to_pylist() == [Decimal(-40), Decimal(40)]
    assert frame["refunds_key"].to_pylist() == ["ST:1234567:payment:5", ""]


def test_a_bill_line_waits_for_its_receipt_line_or_for_the_whole_order() -> None:
    rows = [make.bill(1, active=True), make.bill(2, active=None), make.bill(3, active=False)]
    rows[0]["items"][0]["receiptItemId"] = 77
    frame, lines = documents.bills(_tables("bills", *rows), T, Options())
    assert frame.schema == frames.BILL_SOURCE
    assert lines.schema == frames.BILL_LINE_SOURCE
    assert lines["receipt_key"].to_pylist() == [
        "ST:1234567:receipt_line:77", "ST:1234567:purchase_order_received:60", "ST:1234567:purchase_order_received:60",
    ]  # fmt: skip
    assert frame["supplier_reference"].to_pylist() == ["V1", "V2", "V3"]
    assert frame["is_active"].to_pylist() == [True, True, False]
    assert frame["unreadable"].to_pylist()[1].startswith("active is unknown")
    assert (lines["item"][0].as_py(), lines["unit_cost"][0].as_py()) == ("PIPE", Decimal(10))


def test_facts_of_receipts_and_orders() -> None:
    tables = _tables("receipts", make.receipt(1, 60), make.receipt(2, 61, active=False))
    tables |= _tables("purchase_orders", make.purchase_order(60), make.purchase_order(61, "PartiallyReceived"),
                      make.purchase_order(62, "Exported"), make.purchase_order(63, "Canceled"))  # fmt: skip
    found = documents.facts(tables, T)
    assert found.schema == frames.FACT_SOURCE
    assert {row["key"]: row["is_true"] for row in found.to_pylist()} == {
        "ST:1234567:receipt_line:10": True, "ST:1234567:receipt_line:20": False,
        "ST:1234567:purchase_order_received:60": True, "ST:1234567:purchase_order_received:61": False,
        "ST:1234567:purchase_order_received:62": True, "ST:1234567:purchase_order_received:63": False,
    }  # fmt: skip
    assert found["detail"][1].as_py() == "receipt R2"


def test_customers_have_contacts_terms_and_the_tax_zone_that_their_locations_agree_on() -> None:
    rows = [
        make.customer(1, paymentTermId=4),
        make.customer(2, mergedToId=1, active=False),
        make.customer(3, paymentTermId=99),
    ]
    tables = _tables("customers", *rows)
    contacts = [make.contact(9, 1), make.contact(5, 1), make.contact(4, 1, type="Fax", value="f"),
                make.contact(7, 1, type="MobilePhone", value="512")]  # fmt: skip
    tables |= _tables("customer_contacts", *contacts)
    tables |= _tables("locations", make.location(1, 1), make.location(2, 1, taxZoneId=302, active=False),
                      make.location(3, 2), make.location(4, 2, taxZoneId=302))  # fmt: skip
    tables["payment_terms"] = pa.table({"id": [4], "name": ["Net 30"]})
    found = documents.customers(tables, T)
    assert found.schema == frames.PARTY_SOURCE
    one, two, three = found.to_pylist()
    assert (one["email"], one["phone"], one["terms"], one["tax_zone"]) == ("c5@example.com", "512", "Net 30", "301")
    assert (two["email"], two["tax_zone"], two["merged_into"]) == ("", "", "ST:1234567:customer:1")
    assert (two["is_active"], one["party_type"], one["state"]) == (False, "Residential", "TX")
    assert three["unreadable"] == "unknown paymentTermId 99"


def test_vendors() -> None:
    found = documents.vendors(_tables("vendors", make.vendor(70)), T)
    assert found.schema == frames.PARTY_SOURCE
    one = found.to_pylist()[0]
    assert (one["doc_key"], one["role"], one["email"], one["street"]) == (
        "ST:1234567:vendor:70", "vendor", "v@example.com", "",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["invoices", "payments", "bills", "customers", "vendors"])
def test_an_empty_day_gives_empty_frames(name: str) -> None:
    tables: dict[str, pa.Table] = {}
    for one in ("invoices", "payments", "bills", "customers", "vendors", "customer_contacts", "locations", "receipts",
                "purchase_orders"):  # fmt: skip
        about = entity(one)
        made, _ = to_tables(shape_of(one, about), Page([], False, 50, 0))
        tables |= made | {about.unreadable: UNREADABLE.empty_table()}
    build = getattr(documents, name)
    found = build(tables, T) if name in ("customers", "vendors") else build(tables, T, Options())
    for frame in found if isinstance(found, tuple) else (found,):
        assert frame.num_rows == 0
    assert documents.facts(tables, T).num_rows == 0


def test_a_tenant_that_could_forge_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="document key"):
        documents.vendors(_tables("vendors", make.vendor(70)), "1:2")
