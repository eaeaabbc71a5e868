"""The generated business: exact to the cent, the same for the same seed, every story in it, all of it mappable."""

import hashlib
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.sandbox.business import Business, Options, generate
from st_pipelines.sandbox.business.calendar import Month
from st_pipelines.sandbox.business.company import TERMS, UNIT, ZONE
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.records import all_records
from st_pipelines.sandbox.servicetitan.shelf import encode

CENT = Decimal("0.01")
MAPPED = {"Service", "Material", "Equipment", "PriceModifier"}


def records(business: Business) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entity, record in all_records(business):
        found.setdefault(entity, []).append(record)
    return found


def digest(business: Business) -> str:
    return hashlib.sha256(encode(list(all_records(business)))).hexdigest()


def eligible(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in rows if one["active"] and one["syncStatus"] in ("Posted", "Exported")]


def entity_of(unit: dict[str, Any]) -> int:
    return UNIT[unit["id"]].entity


def check_books(found: dict[str, list[dict[str, Any]]]) -> None:
    invoices = {one["id"]: one for one in found["invoices"]}
    customers = {one["id"]: one for one in found["customers"]}
    terms = {one.name for one in TERMS}
    for one in found["invoices"]:
        items = one["items"] or []
        lines = sum((Decimal(item["total"]) for item in items), Decimal(0))
        taxed = sum((Decimal(item["total"]) for item in items if item["taxable"]), Decimal(0))
        assert lines == Decimal(one["subTotal"])
        assert Decimal(one["salesTax"]) == (taxed * one["salesTaxCode"]["taxRate"]).quantize(CENT, ROUND_HALF_UP)
        assert Decimal(one["total"]) == lines + Decimal(one["salesTax"])
        assert one["termName"] in terms and one["businessUnit"]["id"] in range(101, 107)
        assert customers[one["customer"]["id"]]["mergedToId"] is None
        for item in items:
            assert item["type"] in MAPPED
            assert entity_of(item["businessUnit"] or one["businessUnit"]) == entity_of(one["businessUnit"])
            due = Decimal(item["price"]) * Decimal(item["quantity"])
            assert Decimal(item["total"]) == due.quantize(CENT, ROUND_HALF_UP)
    balances = {one["id"]: Decimal(one["total"]) for one in found["invoices"]}
    for one in found["payments"]:
        applied = sum((Decimal(part["appliedAmount"]) for part in one["appliedTo"] or []), Decimal(0))
        assert applied + Decimal(one["unappliedAmount"]) == Decimal(one["total"]) != 0
        assert one["typeId"] in {"501", "502", "503", "504", "505"}
        assert (Decimal(one["total"]) < 0) == (one["refundedPaymentId"] is not None)
        for part in one["appliedTo"] or []:
            invoice = invoices[part["appliedTo"]]
            balances[invoice["id"]] -= Decimal(part["appliedAmount"])
            assert eligible([invoice]) and invoice["customer"] == one["customer"]
            assert entity_of(invoice["businessUnit"]) == entity_of(one["businessUnit"])
            assert invoice["referenceNumber"] == part["appliedToReferenceNumber"]
    assert balances == {one["id"]: Decimal(one["balance"]) for one in found["invoices"]}
    check_purchases(found)


def check_purchases(found: dict[str, list[dict[str, Any]]]) -> None:
    orders = {one["id"]: one for one in found["purchase_orders"]}
    received = {line["id"] for one in found["receipts"] if one["active"] for line in one["items"]}
    numbers = Counter((one["vendor"]["id"], one["vendorNumber"]) for one in found["bills"])
    assert max(numbers.values()) == 1
    assert len({one["referenceNumber"] for one in found["bills"]}) == len(found["bills"])
    for one in found["bills"]:
        total = Decimal(one["taxAmount"]) + Decimal(one["shippingAmount"]) + Decimal(one["otherAmount"])
        for item in one["items"]:
            line = Decimal(item["quantity"]) * Decimal(item["cost"])
            assert line == line.quantize(CENT)
            total += line
            if item["receiptItemId"] is None:
                assert orders[one["purchaseOrderId"]]["status"] == "Received"
            else:
                assert item["receiptItemId"] in received
        assert Decimal(one["billAmount"]) == total > 0
    for order in orders.values():
        came: Counter[int] = Counter()
        for receipt in found["receipts"]:
            if receipt["purchaseOrderId"] == order["id"] and receipt["active"]:
                for line in receipt["items"]:
                    came[line["purchaseOrderItemId"]] += line["quantity"]
        assert all(item["quantityReceived"] == came[item["id"]] <= item["quantity"] for item in order["items"])
        done = all(item["quantityReceived"] == item["quantity"] for item in order["items"])
        assert done == (order["status"] == "Received")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**63), month=st.sampled_from(["2026-10", "2026-02", "2026-03", "2026-11", "2028-02"]))
def test_every_seed_gives_exact_mappable_books(seed: int, month: str) -> None:
    business = generate(seed, "small", month)
    check_books(records(business))
    calendar = Month(month, ZONE)
    for kind in (business.invoices, business.payments, business.receipts, business.bills, business.purchase_orders):
        for one in kind:
            assert calendar.midnights[0] <= one.modified < calendar.midnights[-1]
            assert one.created <= one.modified


def test_a_month_of_twenty_invoices_a_day_is_exact() -> None:
    business = generate(1, "demo")
    check_books(records(business))
    days = Counter(one.invoice_date for one in business.invoices)
    assert 550 < len(business.invoices) < 750 and len(days) >= 31


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert digest(generate(5, "small")) == digest(generate(5, "small")) != digest(generate(6, "small"))


def test_options_only_add_documents() -> None:
    plain, more = (records(generate(5, "small", options=one)) for one in (None, Options(unmapped=3, surprises=True)))
    for entity, rows in plain.items():
        if entity not in ("customers", "locations"):
            kept = {one["id"]: one for one in more[entity]}
            assert all(kept[one["id"]] == one for one in rows), entity
    added = more["invoices"][len(plain["invoices"]) :]
    assert [one["businessUnit"]["id"] for one in added] == [107, 107, 107, 101, 101]
    assert {one["syncStatus"] for one in added} == {"Posted", "SettledElsewhere"}
    assert Decimal(added[3]["total"]) - Decimal(added[3]["subTotal"]) - Decimal(added[3]["salesTax"]) == Decimal("0.05")
    assert [one["typeId"] for one in more["payments"]][-1] == "599"


def test_a_month_of_thousands_is_exact_too() -> None:
    business = generate(3, "5000")
    assert len(business.invoices) > 5_000
    for one in business.invoices:
        assert one.subtotal_cents == sum(line.total_cents for line in one.lines or [])
    assert len({one.id for one in business.invoices}) == len(business.invoices)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_small_holds_every_awkward_case(seed: int) -> None:
    found = records(generate(seed, "small"))
    invoices, payments, bills = found["invoices"], found["payments"], found["bills"]
    by_id = {one["id"]: one for one in invoices}
    jobs = Counter(one["job"]["id"] for one in invoices if one["job"])
    names = Counter(one["name"] for one in found["customers"])
    longest = max(map(len, names))
    items = [item for one in invoices for item in one["items"] or []]
    assert 90 <= longest <= 115 and max(names.values()) >= 2 and any("'" in name for name in names)
    assert any("&" in name for name in names) and any(not name.isascii() for name in names)
    assert any(one["mergedToId"] and not one["active"] for one in found["customers"])
    assert {one["invoiceConfiguration"] for one in invoices} >= {"JobInvoice", "MembershipInvoice", "CounterSales"}
    assert {one["syncStatus"] for one in invoices} == {"Pending", "Posted", "Exported"}
    assert any(one["job"] is None for one in invoices) and max(jobs.values()) > 1
    assert any(one["items"] is None for one in invoices) and any("<" in (one["description"] or "") for one in items)
    assert any(one["active"] is False for one in invoices) and any(one["active"] is False for one in payments)
    assert any(one["adjustmentToId"] and one["referenceNumber"].endswith("-2") for one in invoices)
    for one in invoices:
        if one["adjustmentToId"]:
            assert one["referenceNumber"].startswith(by_id[one["adjustmentToId"]]["referenceNumber"] + "-")
            assert Decimal(one["total"]) < 0
    assert any(Decimal(one["total"]) == 0 for one in eligible(invoices))
    assert any(item["type"] == "PriceModifier" and Decimal(item["total"]) < 0 for item in items)
    assert any(item["businessUnit"] for item in items) and any(not item["isChargeable"] for item in items)
    assert any(one["modifiedOn"][:10] > one["invoiceDate"][:10] and one["active"] for one in invoices)
    assert any(one["invoiceDate"] < "2026-10-01" for one in invoices)
    assert any(len(one["appliedTo"] or []) >= 3 for one in payments)
    free = [one for one in payments if Decimal(one["unappliedAmount"]) > 0]
    assert any(one["appliedTo"] for one in free) and any(not one["appliedTo"] for one in free)
    assert any(one["modifiedOn"] != one["createdOn"] and one["appliedTo"] for one in payments)
    assert any(one["syncStatus"] == "Pending" for one in payments)
    refunds = [one for one in payments if one["refundedPaymentId"]]
    assert any(one["appliedTo"] for one in refunds) and any(not one["appliedTo"] for one in refunds)
    created = {line["id"]: one["createdOn"] for one in found["receipts"] for line in one["items"]}
    lines = [(one, item) for one in bills for item in one["items"]]
    assert any(item["receiptItemId"] and created[item["receiptItemId"]] > one["modifiedOn"] for one, item in lines)
    assert any(item["receiptItemId"] is None for _, item in lines)
    assert any(not one["active"] for one in bills) and any(not one["active"] for one in found["receipts"])
    assert {"Pending", "Sent", "PartiallyReceived", "Received", "Canceled"} <= {
        one["status"] for one in found["purchase_orders"]
    }
    assert any(one["businessUnit"]["id"] == 106 for one in eligible(invoices))


def test_stamps_have_ties_and_lie_on_local_midnights() -> None:
    business = generate(7, "small")
    calendar = Month("2026-10", ZONE)
    stamps_of = Counter(one.modified for one in business.invoices)
    assert max(stamps_of.values()) >= 3
    assert calendar.midnights[0] in stamps_of
    inner = set(calendar.midnights[1:-1])
    assert inner & set(stamps_of) and {one - 1 for one in inner} & set(stamps_of)
    texts = [one["modifiedOn"] for one in records(business)["invoices"]]
    assert sum(len(text) == len("2026-10-05T20:35:38.2876004Z") for text in texts) > len(texts) // 2
    assert "2026-10-01T05:00:00Z" in texts
    assert [stamps.parse(text) for text in texts] == [one.modified for one in business.invoices]


def test_most_masters_were_last_changed_before_the_month() -> None:
    business = generate(1, "demo")
    opening = Month("2026-10", ZONE).midnights[0]
    for kind in (business.customers, business.vendors, business.contacts):
        inside = sum(one.modified >= opening for one in kind)
        assert 0 < inside < len(kind) // 4
