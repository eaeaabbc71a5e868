"""Two months of orders and receipts from QAD into ServiceNow: once, in order, to the cent and to the piece."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from st_pipelines.cli.one_pass import days_between
from st_pipelines.integrations.extracting import extract_days
from st_pipelines_tests.procurement.buyer import LIFE, Buyer, buyer

MONTHS = [date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)]
TODAY = days_between(date(2026, 11, 2), date(2026, 11, 2))


@pytest.fixture(scope="module")
def done(run_life: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buyer]:
    """A company whose two months went through once. Tests add to it and never depend on each other's additions."""
    with buyer(tmp_path_factory.mktemp("buyer"), copied_from=run_life) as company:
        yield company


def test_everything_arrives_once_and_adds_up_per_order(done: Buyer) -> None:
    assert done.received_in_servicenow() == done.received_in_qad()
    orders = {row["erp_number"] for row in done.state("servicenow", "sn_shop_purchase_order")}
    assert orders == {row["purchaseOrderNumber"] for row in done.state("qad", "purchase_orders")}
    lines, receipts = done.state("qad", "purchase_order_lines"), done.state("qad", "receipts")
    assert len(done.state("servicenow", "sn_shop_purchase_order_line")) == len(lines)
    assert len(done.state("servicenow", "sn_shop_receipt")) == len(receipts)
    assert any(row["quantityReceived"] < 0 for row in receipts), "the business has corrections"


def test_money_and_pieces_reconcile_per_order_in_every_month(done: Buyer) -> None:
    for month in MONTHS:
        compared = done.month(month)
        assert compared.is_clean, compared.cause_rows
    october = done.month(MONTHS[1])
    assert {"USD", "QTY"} <= set(october.result.variance_minor)
    accounts = {row["gl_account"] for row in october.total_rows}
    assert {"ordered", "ordered quantity", "received", "received quantity"} == accounts


def test_both_systems_show_the_same_order_lines(done: Buyer) -> None:
    """Against the books of both, added up by hand."""
    orders = done.month(MONTHS[0]).result.orders
    assert orders is not None and not orders.differing
    assert {one.entity for one in orders.totals} == {"10USACO", "20USACO"}
    shown = {(one.order, one.line): one.pieces("received") for one in orders.lines}
    in_qad, in_servicenow = done.received_in_qad(), done.received_in_servicenow()
    assert shown == {key: (in_qad.get(key, 0), in_servicenow.get(key, 0)) for key in shown}
    assert len(shown) == len(done.state("qad", "purchase_order_lines"))


def test_a_second_run_sends_nothing(done: Buyer) -> None:
    before = done.writes("servicenow")
    assert done.run().sent == 0
    assert done.writes("servicenow") == before


def test_nothing_was_sent_before_what_it_belongs_to(done: Buyer) -> None:
    """In the order in which the instance took the rows; a row whose order was missing would have failed there."""
    with done.session() as session, session.engine.connect() as connection:
        counts = connection.execute(text("SELECT state, count(*) FROM posting GROUP BY state")).all()
    assert [state for state, _ in counts] == ["posted"]


def test_a_correction_is_a_row_of_its_own_and_both_months_stay_clean(done: Buyer) -> None:
    line = next(row for row in done.state("qad", "purchase_order_lines") if row["quantityReceived"] >= 2)
    order, number = line["purchaseOrderNumber"], int(line["purchaseOrderLine"])
    before = len(done.state("servicenow", "sn_shop_receipt"))
    done.act("qad", action="receive", purchase_order=order, line=number, quantity="-1")
    assert done.run(TODAY).sent == 1
    assert len(done.state("servicenow", "sn_shop_receipt")) == before + 1
    assert done.received_in_servicenow() == done.received_in_qad()
    assert all(done.month(month).is_clean for month in MONTHS)


def test_a_day_on_which_nothing_moved_is_listed_and_not_read_again(done: Buyer) -> None:
    day, line = [date(2026, 11, 2)], done.state("qad", "purchase_order_lines")[-1]

    def asked() -> Counter[str]:
        log = f"{done.origin('qad')}/_sandbox/log"
        httpx.delete(log).raise_for_status()
        with done.session() as session:
            for entity in session.road.source.daily:
                list(extract_days(session, entity, day, "polling"))
        return Counter(one["path"].rpartition("/")[2] for one in httpx.get(log).json()["requests"])

    once = {"supplierV2s", "businessRelationV2s", "purchaseOrderHeaders", "purchaseOrderLinesGrid",
            "purchaseOrderReceipts"}  # fmt: skip
    asked()
    again = asked()
    assert set(again) == once and set(again.values()) == {1}
    done.act("qad", action="receive", purchase_order=line["purchaseOrderNumber"], line=line["purchaseOrderLine"],
             quantity="1", receiver="RC-NEW")  # fmt: skip
    assert asked()["purchaseOrderHeaders"] > 1, "the order of what moved is read"
    with done.session() as session:
        landed = session.store.read_table(session.integration.name, "source", "receipts", day[0].isoformat())
    assert "RC-NEW" in landed["receiver"].to_pylist()
    assert set(asked().values()) == {1}
    assert done.run(TODAY).sent == 1


def test_what_somebody_changes_in_servicenow_is_a_variance_with_its_document(run_life: Path, tmp_path: Path) -> None:
    with buyer(tmp_path, copied_from=run_life) as company:
        row = company.state("servicenow", "sn_shop_receipt")[0]
        company.act("servicenow", action="set_fields", table="sn_shop_receipt", sys_id=row["sys_id"],
                    fields={"quantity_received": str(Decimal(row["quantity_received"]) + 1)})  # fmt: skip
        found = [company.month(month) for month in MONTHS]
    assert [abs(one.result.variance_minor.get("QTY", 0)) for one in found if not one.is_clean] == [1_000_000]
    orders = found[0].result.orders
    assert orders is not None and [one.cause for one in orders.differing] == [""], "no document of ours explains it"
    causes = [cause for one in found for cause in one.cause_rows]
    assert causes and all(row["erp_gr_number"] in str(cause) for cause in causes)


def test_an_import_that_fails_inside_201_is_refused_with_servicenows_words(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        company.arm("servicenow", match={"method": "POST", "path": "imp_supplier$"}, action="transform_error",
                    text="Supplier is on the watch list", count=1)  # fmt: skip
        company.run()
        with company.session() as session, session.engine.connect() as connection:
            rejected = connection.execute(text("SELECT reason FROM posting WHERE state = 'rejected'")).scalars().all()
            waiting = connection.execute(text("SELECT count(*) FROM posting WHERE state = 'planned'")).scalar_one()
    assert len(rejected) == 1 and "watch list" in rejected[0]
    assert waiting > 0, "its orders wait for it, with their lines and receipts"


def test_a_write_whose_answer_was_lost_is_found_again_and_not_repeated(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        for part in ("imp_order$", "imp_receipt$"):
            company.arm("servicenow", match={"method": "POST", "path": part}, action="apply_then_drop", count=2)
        company.run()
        company.run()
        assert company.received_in_servicenow() == company.received_in_qad()
        assert len(company.state("servicenow", "sn_shop_receipt")) == len(company.state("qad", "receipts"))
        assert all(company.month(month).is_clean for month in MONTHS)


def test_a_site_without_a_legal_entity_holds_its_orders_and_names_the_row(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        (company.folder / "sites.csv").write_text("site,name,legal_entity\n100,Texas,10USACO\n")
        company.run()
        with company.session() as session, session.engine.connect() as connection:
            held = connection.execute(text(
                "SELECT DISTINCT reason FROM document_version WHERE disposition = 'held' AND is_latest = 1"
            )).scalars().all()  # fmt: skip
        assert company.run(LIFE).sent == 0
        orders = company.month(MONTHS[0]).result.orders
    assert held and all("sites.csv" in reason or "site 200" in reason for reason in held)
    assert orders is not None and orders.differing and not orders.unexplained
    assert all("site 200" in line.cause for line in orders.differing)


def test_a_supplier_that_was_last_touched_on_another_day_comes_with_its_orders(tmp_path: Path) -> None:
    with buyer(tmp_path) as company:
        september = days_between(date(2026, 9, 1), date(2026, 9, 30))  # QAD stamped its suppliers in November
        assert not company.run(september).stopped
        with company.session() as session, session.engine.connect() as connection:
            states = connection.execute(text("SELECT DISTINCT state FROM posting")).scalars().all()
        assert states == ["posted"] and company.state("servicenow", "sn_shop_purchase_order")
        assert company.month(MONTHS[0]).is_clean


def test_the_same_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with buyer(tmp_path, database_url=postgres_url) as company:
        first = company.run()
        assert first.sent == company.writes("servicenow") and not first.stopped
        assert company.run().sent == 0
        assert company.received_in_servicenow() == company.received_in_qad()
        assert all(company.month(month).is_clean for month in MONTHS)
