"""A supplier invoice against goods that were received: which receivers it names, what QAD makes of it, what is refused
before anything leaves."""

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.qad import TARGET
from st_pipelines.integrations.registry import load_integration
from st_pipelines.posting.target import CannotRender, Found, NotYet, Refused
from st_pipelines.systems.http.exact_json import decode
from st_pipelines.systems.qad import matching
from st_pipelines.systems.qad.matching import goods
from st_pipelines.systems.qad.validate import validate
from st_pipelines_tests.qad.goods import PROFILE, Warehouse, warehouse
from st_pipelines_tests.qad.samples import BOOKS, DAY, changed
from st_pipelines_tests.qad.tenant import Tenant
from st_pipelines_tests.qad.tenant import tenant as make_tenant

FREIGHT = Line(9, "freight", "5200", Decimal("12.50"), "1100", "01")


@pytest.fixture
def place(tokens: Engine) -> Iterator[tuple[Tenant, Warehouse]]:
    with warehouse(tokens) as made:
        yield made


def read_back(tenant: Tenant, document: MappedDocument) -> Found:
    (found,) = tenant.target.find(document.kind, BOOKS, [document.doc_key])[document.doc_key]
    return found


def named(tenant: Tenant, document: MappedDocument) -> list[tuple[str, Decimal]]:
    """Receivers and quantities that its body names."""
    body: Any = decode(tenant.write(document).body)
    return [(line["receiverNumber"], line["quantity"]) for line in body["supplierInvoices"][0]["matchingLines"]]


def net(tenant: Tenant) -> dict[str, Decimal]:
    moved: dict[str, Decimal] = {}
    for row in tenant.state("gl_entries"):
        amount = Decimal(row["amountTC"]) if row["isDebit"] else -Decimal(row["amountTC"])
        moved[row["glCode"]] = moved.get(row["glCode"], Decimal(0)) + amount
    assert sum(moved.values()) == 0
    return {account: amount for account, amount in moved.items() if amount}


def test_it_is_matched_posted_and_reads_back_as_planned(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order("3.00", "7.25")
    first, second = house.receive(order, 4), house.receive(order, 6)
    third = house.receive(order, 2, line=2)
    bill = house.take(1, (order, 1, "5", "3.00"), (order, 2, "2", "7.25"), extra=(FREIGHT,))
    assert named(tenant, bill) == [(first, 4), (second, 1), (third, 2)]
    outcome = tenant.post(bill)
    assert outcome.target_id.startswith("10USACO|APINV|2026|")
    found = read_back(tenant, bill)
    assert tenant.target.differences(bill, found) == []
    assert {name: found.content[name] for name in ("matched", "variance", "hold")} == {
        "matched": "29.50", "variance": "0.00", "hold": "0.00",
    }  # fmt: skip
    assert found.content[f"match {order}/1"] == "5"
    assert sorted((one.gl_account, one.amount_minor) for one in found.control) == [
        ("2000", -4200), ("2100", 2950), ("5200", 1250),
    ]  # fmt: skip
    (held,) = tenant.state("supplier_invoices")
    assert (held["invoiceStatusCode"], held["supplierCode"]) == ("AP-RMALLOC", house.supplier)
    assert held["purchaseOrders"] == [{"domainCode": "10USA", "purchaseOrderNumber": order}]
    assert [row["quantityInvoiced"] for row in tenant.state("purchase_order_lines")] == [5, 2]
    assert [row["openInvoiceQuantity"] for row in tenant.state("receipts")] == [0, 5, 0]
    assert net(tenant) == {"5000": Decimal("44.50"), "2100": Decimal("-15.00"), "2000": Decimal("-42.00"),
                           "5200": Decimal("12.50")}  # fmt: skip


def test_an_invoice_without_an_order_goes_to_accounts_as_ever(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    bill = house.take(1, extra=(FREIGHT,))
    tenant.post(bill)
    found = read_back(tenant, bill)
    assert tenant.target.differences(bill, found) == []
    assert "matched" not in found.content and tenant.state("supplier_invoices")[0]["invoiceStatusCode"] == "AP-GLALLOC"


@pytest.mark.parametrize(
    ("rows", "wanted", "expected"),
    [
        ([5, -2, 4], "6", [(0, 3), (2, 3)]),
        ([5, 4, -3], "6", [(0, 5), (1, 1)]),
        ([5, 4, -6], "3", [(0, 3)]),
        ([-2, 5], "3", [(1, 3)]),
        (["2.5", "0.75"], "3.25", [(0, "2.5"), (1, "0.75")]),
    ],
)
def test_a_correction_takes_back_what_came_last_before_it(
    place: tuple[Tenant, Warehouse], rows: list[object], wanted: str, expected: list[tuple[int, object]]
) -> None:
    tenant, house = place
    order = house.order()
    receivers = [house.receive(order, quantity, on=f"2026-10-{number:02d}") for number, quantity in enumerate(rows, 1)]
    bill = house.take(1, (order, 1, wanted, "3.00"))
    assert named(tenant, bill) == [(receivers[at], Decimal(str(quantity))) for at, quantity in expected]
    tenant.post(bill)


def test_oldest_first_is_by_day_of_receipt_not_by_number(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order()
    late = house.receive(order, 2, on="2026-10-09")
    early = house.receive(order, 2, on="2026-10-01")
    assert named(tenant, house.take(1, (order, 1, "3", "3.00"))) == [(early, 2), (late, 1)]


def test_two_lines_of_an_invoice_share_what_is_open(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order()
    first, second = house.receive(order, 3), house.receive(order, 3)
    bill = house.take(1, (order, 1, "2", "3.00"), (order, 1, "4", "3.10"))
    assert named(tenant, bill) == [(first, 2), (first, 1), (second, 3)]
    with pytest.raises(NotYet, match="1 of the 5 invoiced are not open"):
        tenant.write(house.take(2, (order, 1, "2", "3.00"), (order, 1, "5", "3.00")))


def test_what_is_dearer_than_the_receipt_is_a_variance_and_beyond_tolerance_on_hold(
    place: tuple[Tenant, Warehouse],
) -> None:
    tenant, house = place
    order = house.order("10.00")
    house.receive(order, 30)
    for number, (price, variance, hold) in enumerate(
        [("10.20", "2.00", "0.00"), ("9.00", "-10.00", "0.00"), ("11.00", "10.00", "5.00")], 1
    ):
        bill = house.take(number, (order, 1, "10", price))
        tenant.post(bill)
        found = read_back(tenant, bill)
        assert tenant.target.differences(bill, found) == []
        assert (found.content["variance"], found.content["hold"]) == (variance, hold)
        assert found.content["matched"] == str(bill.total)
    # The receipts are cleared at their cost; what the prices differ by is an account of its own.
    assert net(tenant) == {"5000": Decimal("300.00"), "5900": Decimal("2.00"), "2000": Decimal("-302.00")}


def test_goods_are_known_by_line_in_few_questions(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    orders = [house.order("3.00", "4.00") for _ in range(12)]
    for order in orders:
        house.receive(order, 5)
        house.receive(order, -1, line=1)
    tenant.post(house.take(1, (orders[0], 1, "3", "3.00")))
    keys = [OrderLineKey(order, str(line)) for order in orders for line in (1, 2)]
    tenant.control("log", method="DELETE")
    known = goods(tenant.client, BOOKS, [*keys, OrderLineKey(orders[0], "77")])
    assert len(tenant.control("log")["requests"]) <= 4
    assert known[keys[0]] == Goods(Decimal(4), Decimal(3)) and known[keys[0]].open == 1
    assert known[keys[1]] == Goods() and known[keys[2]].open == 4
    assert known[OrderLineKey(orders[0], "77")].fault == f"10USA has no order {orders[0]} line 77"


def test_an_order_with_very_many_receipts_is_counted_whole(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order()
    for _ in range(45):
        house.receive(order, 1)
    assert goods(tenant.client, BOOKS, [OrderLineKey(order, "1")])[OrderLineKey(order, "1")].received == 45
    assert len(named(tenant, house.take(1, (order, 1, "45", "3.00")))) == 45


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"currency": "EUR"}, "has currency USD, the invoice has EUR"),
        ({"supplier_code": "OTHER"}, "the invoice has OTHER"),
        ({"total": Decimal("5.00"), "lines": (Line(1, "matched", "2100", Decimal("5.00")),)}, "2 x 3 is 6.00"),
        ({"lines": (Line(1, "matched", "5000", Decimal("6.00")),)}, "goods are mapped to account 5000"),
        ({"lines": (Line(1, "matched", "2100", Decimal("4.00")), Line(2, "expense", "5900", Decimal("2.00"), "", ""))},
         "QAD posts itself"),
        ({"lines": (Line(2, "matched", "2100", Decimal("6.00")),)}, "no line 1"),
    ],
)  # fmt: skip
def test_what_contradicts_the_order_is_held_with_its_reason(
    place: tuple[Tenant, Warehouse], changes: dict[str, Any], said: str
) -> None:
    tenant, house = place
    order = house.order()
    house.receive(order, 5)
    with pytest.raises(CannotRender, match=said):
        tenant.write(house.take(1, (order, 1, "2", "3.00"), **changes))
    with pytest.raises(CannotRender, match="order P0009999 does not exist"):
        tenant.write(house.take(1, ("P0009999", 1, "2", "3.00")))


def test_a_match_is_undone_by_a_person_only(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order()
    house.receive(order, 5)
    bill = house.take(1, (order, 1, "2", "3.00"))
    tenant.post(bill)
    with pytest.raises(CannotRender, match="a person undoes or credits the match in QAD"):
        tenant.write(changed(bill, disposition="void"), "void", previous=bill)
    more = house.take(1, (order, 1, "3", "3.00"))
    assert tenant.target.change(bill, more) != "none"


def test_qad_itself_refuses_what_was_taken_meanwhile(place: tuple[Tenant, Warehouse]) -> None:
    tenant, house = place
    order = house.order()
    house.receive(order, 5)
    one, other = house.take(1, (order, 1, "4", "3.00")), house.take(2, (order, 1, "4", "3.00"))
    frozen = tenant.write(other)
    tenant.post(one)
    outcome = tenant.target.send(frozen)
    assert isinstance(outcome, Refused) and "only 1 received and open" in outcome.reason
    tenant.arm(action="accept_and_hold", match={"path": "supplierInvoices"})
    tenant.target.send(frozen)
    assert read_back(tenant, other).content["hold"] == "9.00"


def test_the_profile_is_checked_against_the_tenant(place: tuple[Tenant, Warehouse]) -> None:
    tenant, _ = place
    assert [str(fault) for fault in validate(tenant.client, days=[DAY, date(2026, 10, 31)])] == []


def test_a_form_that_the_tenant_lacks_is_named_at_onboarding(tokens: Engine, tmp_path: Path) -> None:
    text = PROFILE.read_text()
    for old, new in (("status: AP-RMALLOC", "status: AP-MATCHED"),
                     ('variance_account: "5900"', 'variance_account: "5999"'),
                     ('received_account: "2100"', 'received_account: "4999"')):  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "profile.yaml").write_text(text)
    with make_tenant(tokens, profile=tmp_path / "profile.yaml") as tenant:
        said = [str(fault) for fault in validate(tenant.client)]
    assert any("forms.matched_invoice.status: invoiceStatus has no code 'AP-MATCHED'" in one for one in said), said
    assert any("variance_account: glAccount has no code '5999'" in one for one in said), said
    assert any("received_account: glAccount '4999' is inactive" in one for one in said), said


@pytest.mark.parametrize(
    ("received", "form", "said"),
    [("2100", True, []), ("2150", True, ["are account 2100 in qad_profile.yaml"]),
     ("2100", False, ["has no form matched_invoice"])],
)  # fmt: skip
def test_the_two_files_agree_on_the_account_of_received_goods(
    tmp_path: Path, received: str, form: bool, said: list[str]
) -> None:
    folder = tmp_path / "acme"
    shutil.copytree(PROFILE.parent, folder)
    settings = (folder / "integration.yaml").read_text()
    (folder / "integration.yaml").write_text(settings.replace('received: "2100"', f'received: "{received}"'))
    if not form:
        profile = [line for line in PROFILE.read_text().splitlines() if "matched_invoice" not in line]
        (folder / "qad_profile.yaml").write_text("\n".join(profile))
    found = TARGET.contradictions(load_integration(folder))
    assert len(found) == len(said) and all(part in one for part, one in zip(said, found, strict=True)), found


@pytest.mark.parametrize("odd", ["P1,2", "", " ", "P\n1", "P1,literal,eq", "Ü" * 60])
def test_an_odd_order_number_stops_only_its_own_invoice(place: tuple[Tenant, Warehouse], odd: str) -> None:
    tenant, house = place
    order = house.order()
    house.receive(order, 5)
    there, nowhere = OrderLineKey(order, "1"), OrderLineKey(odd, "1")
    known = goods(tenant.client, BOOKS, [there, nowhere])
    assert (
        known[there] == Goods(Decimal(5)) and "10USA has no order" in known[nowhere].fault and not known[nowhere].open
    )
    assert goods(tenant.client, BOOKS, [nowhere])[nowhere].fault
    with pytest.raises(CannotRender, match=r"no order number|does not exist"):
        tenant.write(house.take(1, (odd, 1, "1", "3.00")))


def test_a_receipt_that_cannot_be_read_is_a_fault_of_its_line_alone(
    place: tuple[Tenant, Warehouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, house = place
    order = house.order("3.00", "3.00")
    bad = house.receive(order, 5)
    house.receive(order, 4, line=2)
    ask = matching.all_of

    def garbled(client: Any, name: str, *more: Any) -> list[dict[str, Any]]:
        rows = ask(client, name, *more)
        return [{**row, "quantityReceived": "five"} if row.get("receiverNumber") == bad else row for row in rows]

    monkeypatch.setattr(matching, "all_of", garbled)
    first, second = OrderLineKey(order, "1"), OrderLineKey(order, "2")
    known = goods(tenant.client, BOOKS, [first, second])
    assert known[first].open == 0 and f"receiver {bad}: quantityReceived: not an amount" in known[first].fault
    assert known[second].open == 4
