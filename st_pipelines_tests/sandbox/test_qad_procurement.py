"""QAD's own orders and receipts: every story, quantities that add up, a ledger that balances, later deliveries."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.business.procurement import STORIES, Bill, bills, procure
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.app import build
from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox.qad_client import Qad, bill, day, exact

OPTIONS = SandboxOptions(seed=3, extra={"procurement": "yes"})


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    books = Books()
    with serving(build(books, Clock(OPTIONS.start_of_clock()), OPTIONS)) as address:
        yield address
    books.close()


@pytest.fixture
def qad(origin: str) -> Iterator[Qad]:
    session = Qad(origin)
    session.http.post("/_sandbox/reset").raise_for_status()
    yield session.login()
    session.http.close()


def act(qad: Qad, **order: Any) -> httpx.Response:
    return qad.http.post("/_sandbox/business", json=order)


def received(qad: Qad) -> dict[tuple[str, int], Decimal]:
    total: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for row in qad.state("receipts"):
        total[row["purchaseOrderNumber"], row["purchaseOrderLine"]] += row["quantityReceived"]
    return total


def test_a_seed_decides_all_and_every_story_is_told() -> None:
    orders = procure(3, "small", "2026-10")
    assert orders == procure(3, "small", "2026-10") != procure(4, "small", "2026-10")
    assert {order.story for order in orders} == {*STORIES, "plain"}
    assert (orders[0].day.month, orders[-1].day.month) == (9, 10) and len(orders) == 24
    assert len({one.number for order in orders for one in order.deliveries}) == sum(len(o.deliveries) for o in orders)


def test_a_life_that_begins_earlier_ends_in_the_same_orders_and_receipts(qad: Qad) -> None:
    options = SandboxOptions(seed=3, extra={"procurement": "yes", "clock": "2026-09-01"})
    books, clock = Books(), Clock(options.start_of_clock())
    with serving(build(books, clock, options)) as address:
        there = Qad(address)
        before = len(there.state("purchase_orders"))
        there.http.post("/_sandbox/clock", json={"now": "2026-11-02T12:00:00Z"}).raise_for_status()
        assert act(there, action="receive_due").json()["changed"]
        same = ("purchaseOrderNumber", "purchaseOrderLine", "quantityReceived")
        for entity in ("purchase_orders", "purchase_order_lines", "receipts"):
            ours, theirs = ([[row.get(name) for name in same] for row in one.state(entity)] for one in (there, qad))
            assert sorted(ours, key=str) == sorted(theirs, key=str), entity
        assert before < len(there.state("purchase_orders"))
        there.http.close()
    books.close()


def test_lines_know_what_came_and_the_ledger_balances(qad: Qad) -> None:
    orders, came = {o.number: o for o in procure(3, "small", "2026-10")}, received(qad)
    lines = qad.state("purchase_order_lines")
    assert {row["purchaseOrderNumber"] for row in lines} == set(orders) and came
    for row in lines:
        assert row["quantityReceived"] == came[row["purchaseOrderNumber"], row["purchaseOrderLine"]]
    negative = [row for row in qad.state("receipts") if row["quantityReceived"] < 0]
    over = [row for row in lines if row["quantityReceived"] > row["quantityOrdered"]]
    none = {row["purchaseOrderNumber"] for row in lines if not row["quantityReceived"]}
    assert negative and {orders[row["purchaseOrderNumber"]].story for row in over} == {"over"}
    assert {orders[number].story for number in none} <= {"not_received", "late", "partly"}
    entries = qad.state("gl_entries")
    signed = [row["amountTC"] if row["isDebit"] else -row["amountTC"] for row in entries]
    assert sum(signed) == 0 and {row["postingPeriod"] for row in entries} == {9, 10}


def test_both_companies_and_another_currency_are_there(qad: Qad) -> None:
    headers = qad.rows("purchaseOrderHeaders")
    assert {row["shipToSite"] for row in headers} == {"100", "200"} and {row["currencyCode"] for row in headers} == {
        "USD",
        "EUR",
    }
    assert len({row["lastModifiedDate"] for row in headers}) > 10
    assert {row["isActive"] for row in qad.rows("supplierV2s")} == {True} and len(qad.rows("supplierV2s")) == 12


def test_what_comes_later_is_booked_when_its_day_has_come(qad: Qad) -> None:
    before = len(qad.state("receipts"))
    assert act(qad, action="receive_due").json() == {"changed": []}
    waiting = qad.state("expected_deliveries")
    assert waiting and {row["day"] > "2026-11-02" for row in waiting} == {True}
    qad.http.post("/_sandbox/clock", json={"advance": 6 * 86_400})
    booked = act(qad, action="receive_due").json()["changed"]
    assert len(booked) == len(waiting) and len(qad.state("receipts")) == before + len(waiting)
    assert qad.state("expected_deliveries") == []


def test_a_receipt_by_hand_and_what_is_refused(qad: Qad) -> None:
    order = next(row["purchaseOrderNumber"] for row in qad.state("purchase_orders"))
    before = received(qad)[order, 1]
    (made,) = act(qad, action="receive", purchase_order=order, line=1, quantity="-1").json()["changed"]
    assert made["receiptDate"].startswith("2026-11-02") and received(qad)[order, 1] == before - 1
    for bad in (
        {"purchase_order": "PR9"},
        {"line": 99},
        {"quantity": "0"},
        {"quantity": "x"},
        {"day": "2020-01-01"},
        {"colour": 1},
    ):
        given: dict[str, Any] = {"purchase_order": order, "line": 1, "quantity": "1", **bad}
        assert act(qad, action="receive", **given).status_code == 400, bad
    assert act(qad, action="burn").status_code == 400
    assert received(qad)[order, 1] == before - 1


def test_without_the_option_there_is_none_of_it() -> None:
    books = Books()
    build(books, Clock(), SandboxOptions(seed=3))
    assert books.count("purchase_orders") == books.count("suppliers") == books.count("expected_deliveries") == 0
    books.close()


def posted(qad: Qad, one: Bill) -> dict[str, Any]:
    """What QAD says to a bill that is matched against its order."""
    amount = sum(((line.quantity * line.price).quantize(Decimal("0.01")) for line in one.lines), Decimal("0.00"))
    lines = [{"purchaseOrderNumber": one.order, "purchaseOrderLine": line.number, "quantity": line.quantity,
              "unitPrice": line.price} for line in one.lines]  # fmt: skip
    session = Qad(str(qad.http.base_url).rstrip("/"), f"10USA_{one.company}0USACO").login()
    answer = session.send("supplierInvoices", bill(
        one.supplier.code, str(amount), invoiceStatusCode="AP-RMALLOC", postingLines=[], matchingLines=lines,
        supplierInvoiceReference=one.number, currencyCode=one.supplier.currency, postingDate=day("2026-11-02"),
        purchaseOrders=[{"purchaseOrderNumber": one.order}],
    ))  # fmt: skip
    session.http.close()
    return dict(exact(answer))


def test_every_bill_clears_its_match_once_its_goods_have_come_and_not_before(qad: Qad) -> None:
    late = {order.number for order in procure(3, "small", "2026-10") if order.story == "late"}
    of_orders = [one for one in bills(3, "small", "2026-10") if one.order]
    early = next(one for one in of_orders if one.order in late)
    refused = posted(qad, early)["submitResult"]
    assert refused["success"] is False and "received and open" in refused["errors"][0]["message"]
    qad.http.post("/_sandbox/clock", json={"advance": 6 * 86_400})
    act(qad, action="receive_due")
    for one in of_orders:
        answer = posted(qad, one)
        assert answer["submitResult"]["success"], (one, answer)
        assert answer["supplierInvoices"][0]["holdAmountTC"] == 0 and answer["supplementaryMessages"] == []
    assert posted(qad, of_orders[0])["submitResult"]["success"] is False, "nothing is left to match"
    assert len(qad.state("supplier_invoices")) == len(of_orders) > 20
