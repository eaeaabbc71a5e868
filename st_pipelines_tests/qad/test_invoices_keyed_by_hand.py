"""QAD keeps a second invoice of the same supplier and number, and only warns. One that somebody keyed by hand is found
and held with its voucher number; what is no double goes through."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.holds import list_holds, release
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines_tests.posting.cases import CONTEXT, INTEGRATION, mark_of, rows
from st_pipelines_tests.qad.goods import Warehouse, warehouse
from st_pipelines_tests.qad.samples import changed
from st_pipelines_tests.qad.tenant import Tenant
from st_pipelines_tests.qad.test_goods_through_the_ledger import QUICK
from st_pipelines_tests.qad.test_invoices_that_take_goods import FREIGHT


@pytest.fixture
def place(engine: Engine) -> Iterator[tuple[Engine, Tenant, Warehouse]]:
    with warehouse(engine, settings={"quiet_period_s": 0.2, "request_deadline_s": 3}) as (tenant, house):
        yield engine, tenant, house


def run(place: tuple[Engine, Tenant, Warehouse], *documents: MappedDocument) -> int:
    engine, tenant, _ = place
    plan_documents(engine, CONTEXT, documents, target="qad", change=tenant.target.change)
    return post(engine, tenant.target, INTEGRATION, (), CONTEXT, mark=mark_of(engine), settings=QUICK).posted


def vouchers(tenant: Tenant) -> list[tuple[str, str]]:
    return [(row["supplierInvoiceReference"], row["customLong0"]) for row in tenant.state("supplier_invoices")]


@pytest.mark.parametrize("reference", ["INV-1", "8,5/2026", "№ 7 & Co", ",1"])
def test_one_that_somebody_keyed_by_hand_is_held_with_its_voucher(
    place: tuple[Engine, Tenant, Warehouse], reference: str
) -> None:
    engine, tenant, house = place
    made = house.key_by_hand(reference, "12.50")
    house.key_by_hand(f"{reference}0", "12.50")
    assert run(place, house.take(1, extra=(FREIGHT,), supplier_reference=reference)) == 0
    (hold,) = list_holds(engine, INTEGRATION)
    assert hold.code == "looks_posted_already"
    assert f"voucher APINV/2026/{made['voucherNumber']} of 12.50 USD, entered there by hand" in hold.reason
    assert len(vouchers(tenant)) == 2
    release(engine, CONTEXT, [hold.posting_id], by="Ann", reason="two deliveries under one number")
    assert run(place) == 1
    assert vouchers(tenant)[-1] == (reference, "SN:demo:bill:1")


def test_what_is_no_double_goes_through(place: tuple[Engine, Tenant, Warehouse]) -> None:
    _, tenant, house = place
    house.key_by_hand("INV-10", "1.00")
    other = Warehouse(house.qad, str(house.qad.supplier()["supplierCode"]))
    other.key_by_hand("INV-1", "12.50")
    assert run(place, house.take(1, extra=(FREIGHT,))) == 1
    assert len(vouchers(tenant)) == 3


def test_a_second_document_of_ours_with_the_same_number_is_held(place: tuple[Engine, Tenant, Warehouse]) -> None:
    engine, _, house = place
    assert run(place, house.take(1, extra=(FREIGHT,))) == 1
    assert run(place, house.take(2, extra=(FREIGHT,), supplier_reference="INV-1")) == 0
    (hold,) = list_holds(engine, INTEGRATION)
    assert "posted as SN:demo:bill:1" in hold.reason


def test_a_voided_one_may_be_entered_again(place: tuple[Engine, Tenant, Warehouse]) -> None:
    engine, _, house = place
    first = house.take(1, extra=(FREIGHT,))
    assert run(place, first) == 1
    assert run(place, changed(first, disposition="void", payload=None, needs=(), control=())) == 1
    again = house.take(2, extra=(FREIGHT,), supplier_reference="INV-1")
    assert run(place, again) == 1
    # The same document in its second life: the first is reversed and no hindrance.
    assert run(place, changed(first, source_sha256="b" * 64)) == 0, "number 2 stands under that number"
    assert [row.state for row in rows(engine, first.doc_key)] == ["posted", "posted", "held"]


def test_many_invoices_are_looked_for_in_few_questions(place: tuple[Engine, Tenant, Warehouse]) -> None:
    _, tenant, house = place
    bills: list[Any] = [house.take(number, extra=(FREIGHT,), supplier_reference=f"A-{number:04d}")
                        for number in range(1, 41)]  # fmt: skip
    tenant.control("log", method="DELETE")
    assert run(place, *bills) == 40
    asked = [one for one in tenant.control("log")["requests"]
             if one["method"] == "GET" and "supplierInvoices" in one["path"]]  # fmt: skip
    assert len(asked) < 20


def test_a_supplier_code_that_cannot_be_asked_for_stops_nobody_else(place: tuple[Engine, Tenant, Warehouse]) -> None:
    engine, _, house = place
    odd = house.take(1, extra=(FREIGHT,), supplier_code="A,B")
    assert run(place, odd, house.take(2, extra=(FREIGHT,))) == 1
    assert [row.state for row in rows(engine, odd.doc_key)] == ["rejected"]
