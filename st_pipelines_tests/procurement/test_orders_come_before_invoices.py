"""Approved invoices of purchase orders, from ServiceNow to QAD: they wait for their goods in QAD itself, clear at first
try, and what goes back after them is named."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from st_pipelines.assets.posted import posted_asset
from st_pipelines.assets.resources import Sessions
from st_pipelines.cli.dry_run import dry_run
from st_pipelines.cli.one_pass import chosen_flows, read_days
from st_pipelines.integrations.goods_report import goods_report
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines.posting.waiting import waits
from st_pipelines_tests.procurement.accounts_payable import DAYS, Payables, amount, payables


@pytest.fixture(scope="module")
def company(run_life: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    with payables(tmp_path_factory.mktemp("goods"), with_orders=run_life) as made:
        yield made


@pytest.fixture
def lines(company: Payables) -> Iterator[tuple[str, int, int]]:
    """An order line that nothing has come of and nobody has invoiced yet: its order, number and pieces."""
    invoiced = {key for row in company.booked() for key in
                ((one["purchaseOrderNumber"], one["purchaseOrderLine"]) for one in row["matchingLines"])}  # fmt: skip
    received = company.forth.received_in_qad()
    for row in company.back.state("qad", "purchase_order_lines"):
        key = (row["purchaseOrderNumber"], row["purchaseOrderLine"])
        if key not in invoiced and not received.get((key[0], str(key[1]))) and row["quantityOrdered"] >= 4:
            yield *key, int(row["quantityOrdered"])
            return
    raise AssertionError("no order line is left")


def receive(company: Payables, order: str, line: int, quantity: int) -> None:
    books = next(row["shipToSite"] for row in company.back.state("qad", "purchase_orders")
                 if row["purchaseOrderNumber"] == order)  # fmt: skip
    company.back.act("qad", action="receive", purchase_order=order, line=line, quantity=str(quantity),
                     company=2 if books == "200" else 1)  # fmt: skip


def approved(company: Payables, number: str, order: str, line: int, pieces: int) -> dict[str, Any]:
    made = company.act("add_invoice", supplier_invoice_number=number, purchase_order=order,
                       lines=[{"line": str(line), "quantity": str(pieces)}], invoice_date="2026-10-15")[0]  # fmt: skip
    return company.act("approve_invoice", invoice=made["sys_id"], bypass_reason="the goods are on their way")[0]


def why(company: Payables) -> list[str]:
    with company.back.session() as session:
        return [wait.reason.why for wait in waits(session.engine, "demo_servicenow_back")]


def test_one_before_its_goods_waits_and_clears_at_first_try(company: Payables, lines: tuple[str, int, int]) -> None:
    order, line, pieces = lines
    made = approved(company, "G-1", order, line, pieces)
    assert company.run()[0]["waiting"] == 1 and company.booked("G-1") == []
    assert why(company) == [f"its goods are not all there: order {order} line {line}: {pieces} invoiced, 0 received, "
                            f"0 already matched, {pieces} missing"]  # fmt: skip
    receive(company, order, line, pieces - 1)
    assert company.post()["waiting"] == 1
    receive(company, order, line, 1)
    company.run()
    (booked,) = company.booked("G-1")
    assert sum(part["quantity"] for part in booked["matchingLines"]) == pieces and len(booked["matchingLines"]) == 2
    assert company.told(made["sys_id"])[2] == "Matched"
    with company.back.session() as session:
        report = goods_report(session, session.road.flow("supplier_invoices"))
    assert (report.rate.waits, report.rate.matched, str(report.rate.percent)) == (0, 1, "100.0")


def test_goods_that_go_back_after_the_invoice_are_named_and_nothing_is_undone(
    company: Payables, lines: tuple[str, int, int]
) -> None:
    order, line, pieces = lines
    receive(company, order, line, pieces)
    approved(company, "G-2", order, line, pieces)
    company.run()
    (booked,) = company.booked("G-2")
    receive(company, order, line, -2)
    company.run()
    assert company.booked("G-2") == [booked]
    orders = company.back.month(DAYS[0].replace(day=1)).result.orders
    assert orders is not None
    (gone,) = [one.says for one in orders.taken_back]
    assert gone.startswith(f"order {order} line {line}: {pieces} invoiced, {pieces - 2} received, 2 went back after")
    assert "taken by INVC" in gone
    receive(company, order, line, 2)
    again = company.back.month(DAYS[0].replace(day=1)).result.orders
    assert again is not None and not again.taken_back


def test_two_invoices_compete_for_the_same_goods_and_one_waits(company: Payables, lines: tuple[str, int, int]) -> None:
    order, line, pieces = lines
    receive(company, order, line, pieces)
    for number in ("G-3", "G-4"):
        approved(company, number, order, line, pieces - 1)
    assert company.run()[0]["waiting"] == 1
    assert len(company.booked("G-3")) + len(company.booked("G-4")) == 1
    assert f"{pieces - 1} for other invoices, {pieces - 2} missing" in why(company)[0]
    company.run()
    assert f"{pieces - 1} already matched, {pieces - 2} missing" in why(company)[0]
    receive(company, order, line, pieces - 2)
    company.run()
    assert len(company.booked("G-3")) == len(company.booked("G-4")) == 1
    assert all(amount(row) > Decimal(0) for row in company.booked())


def test_a_dry_run_says_whether_the_goods_are_there_and_shows_the_receivers(
    company: Payables, lines: tuple[str, int, int]
) -> None:
    order, line, pieces = lines
    approved(company, "G-7", order, line, pieces)
    with company.back.session() as session:
        flows = chosen_flows(session, ())
        read_days(session, flows, DAYS, "dry", lambda _: None)
        (early,) = [one for one in dry_run(session, flows, DAYS, payloads=True).planned if "G.2d7" in one.doc_key]
        assert (
            early.payload is None
            and f"order {order} line {line}: {pieces} of the {pieces} invoiced" in early.payload_fault
        )
        receive(company, order, line, pieces)
        (there,) = [one for one in dry_run(session, flows, DAYS, payloads=True).planned if "G.2d7" in one.doc_key]
    assert there.payload is not None and "receiverNumber" in there.payload
    company.run()
    assert len(company.booked("G-7")) == 1


def test_dagster_shows_waits_and_rate_and_warns_of_what_waits_too_long(
    company: Payables, lines: tuple[str, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    order, line, pieces = lines
    approved(company, "G-9", order, line, pieces)
    company.post()
    settings = company.back.settings
    for name, value in (
        ("HOME", settings.home),
        ("MAPPINGS", settings.mappings),
        ("DATABASE_URL", settings.ledger_url),
    ):
        monkeypatch.setenv(f"ST_PIPELINES_{name}", str(value))
    path = company.back.folder / "integration.yaml"
    path.write_text(path.read_text().replace("longest_wait_hours: 168", "longest_wait_hours: 0"))
    integration = load_integration(company.back.folder)
    assert integration.options.longest_wait_hours == 0
    posted = posted_asset(integration, road_of(integration).flow("supplier_invoices"))
    key = dg.AssetKey(["demo_servicenow_back", "posted", "supplier_invoices"])
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([posted], partition_key=DAYS[0].isoformat(), instance=instance,
                                resources={"sessions": Sessions()})  # fmt: skip
        assert result.success
        (made,) = [event.materialization for event in result.get_asset_materialization_events()]
    assert made.metadata["waiting_for_goods_under_a_day"].value == 1
    assert made.metadata["waiting_for_goods_a_week_and_more"].value == 0
    assert made.metadata["first_try_match_percent_so_far"].value == 100.0
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "goods_come_in_time"]
    assert (check.passed, check.severity, check.asset_key) == (False, dg.AssetCheckSeverity.WARN, key)
    assert f"order {order} line {line}: {pieces} invoiced, 0 received" in (check.description or "")
