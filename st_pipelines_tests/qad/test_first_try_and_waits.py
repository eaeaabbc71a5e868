"""How many invoices QAD took at first try, and how long others wait for their goods: numbers that plot, a warning that
names the order lines."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from sqlalchemy import Engine

from st_pipelines.assets.goods import goods_metadata, goods_result
from st_pipelines.integrations.goods_report import GoodsReport, goods_report
from st_pipelines.posting.first_try import MatchRate, match_rates
from st_pipelines.posting.holds import list_holds
from st_pipelines.posting.replay import replay
from st_pipelines_tests.posting.cases import CONTEXT, INTEGRATION, prove, rows
from st_pipelines_tests.qad.test_goods_through_the_ledger import Company, company


@pytest.fixture
def here(engine: Engine) -> Iterator[Company]:
    with company(engine) as made:
        yield made


def report(here: Company, *, longest_wait_hours: int = 48) -> GoodsReport:
    options = SimpleNamespace(longest_wait_hours=longest_wait_hours)
    session = SimpleNamespace(engine=here.engine, integration=SimpleNamespace(name=INTEGRATION, options=options))
    return goods_report(cast(Any, session), cast(Any, SimpleNamespace(name="bills")))


def rate(here: Company) -> MatchRate:
    return match_rates(here.engine, INTEGRATION, "bills").get("2026-10-05", MatchRate())


def test_what_waited_for_its_goods_and_then_went_through_is_first_try(here: Company) -> None:
    order = here.house.order()
    here.run(here.house.take(1, (order, 1, "5", "3.00")))
    assert str(report(here).rate) == "none matched yet"
    here.house.receive(order, 5)
    here.run()
    assert rate(here) == MatchRate(1, 1) and str(report(here).rate) == "100.0 % of 1"


def test_a_throttle_or_a_lost_answer_is_no_refusal(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 30)
    assert here.run(here.house.take(1, (order, 1, "5", "3.00"))).posted == 1
    for number, action in ((2, "throttle"), (3, "apply_then_drop")):
        here.tenant.arm(action=action, count=1, seconds=0.05, match={"method": "POST", "path": "supplierInvoices"})
        here.run(here.house.take(number, (order, 1, "5", "3.00")))
        here.run()
    assert rate(here) == MatchRate(3, 3)


def test_a_refusal_counts_also_when_a_replay_cures_it(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.tenant.arm(action="closed_period", count=1, match={"method": "POST", "path": "supplierInvoices"})
    bill = here.house.take(1, (order, 1, "5", "3.00"))
    here.run(bill)
    assert [row.state for row in rows(here.engine)] == ["rejected"] and rate(here) == MatchRate(1, 0)
    replay(here.engine, here.tenant.target, CONTEXT, rows(here.engine)[0].posting_id, by="Ann", reason="open again")
    here.run()
    assert rows(here.engine)[-1].state == "posted" and rate(here) == MatchRate(1, 0)


def test_what_qad_puts_on_hold_is_not_first_try_and_the_trail_knows(here: Company) -> None:
    order = here.house.order("10.00")
    here.house.receive(order, 20)
    here.run(here.house.take(1, (order, 1, "10", "11.00")), here.house.take(2, (order, 1, "10", "10.00")))
    here.run()
    (dear, plain) = rows(here.engine)
    assert (dear.state, dear.reason_code, dear.reason) == (
        "posted",
        "on_hold",
        "5.00 USD of it are on hold in the target",
    )
    assert (plain.reason_code, plain.read_back_at is None) == ("", False)
    assert rate(here) == MatchRate(2, 1) and list_holds(here.engine, INTEGRATION) == []
    prove(here.engine)


def test_one_on_hold_whose_answer_was_lost_counts_the_same(here: Company) -> None:
    order = here.house.order("10.00")
    here.house.receive(order, 30)
    here.run(here.house.take(1, (order, 1, "10", "10.00")))
    here.tenant.arm(action="apply_then_drop", count=1, match={"method": "POST", "path": "supplierInvoices"})
    here.run(here.house.take(2, (order, 1, "10", "11.00")))
    here.run()
    assert rows(here.engine)[-1].reason_code == "on_hold" and rate(here) == MatchRate(2, 1)
    prove(here.engine)


def test_waits_plot_by_age_and_overdue_ones_are_a_warning_with_their_order_lines(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 1)
    here.run(*[here.house.take(number, (order, 1, "5", "3.00")) for number in range(1, 5)])
    told = report(here)
    assert told.by_age == {"waiting_under_1_day": 4, "waiting_1_to_3_days": 0, "waiting_3_to_7_days": 0,
                           "waiting_over_7_days": 0}  # fmt: skip
    assert goods_result(told).passed and not told.overdue
    aged = [replace(wait, age_hours=hours) for wait, hours in zip(told.waiting, (200, 100, 30, 1), strict=True)]
    late = GoodsReport(aged, [wait for wait in aged if wait.is_overdue(48)], told.rates)
    assert list(late.by_age.values()) == [1, 1, 1, 1]
    result = goods_result(late)
    assert not result.passed and result.severity == dg.AssetCheckSeverity.WARN
    assert result.description is not None and result.description.startswith(
        f"Pipes Ltd INV-1 for 8 days (its goods are not all there: order {order} line 1: 5 invoiced, 1 received, "
    )
    assert "st-pipelines holds waiting" in result.description


def test_a_day_has_its_own_rate_and_the_flow_has_one(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.run(here.house.take(1, (order, 1, "5", "3.00")), here.house.take(2, (order, 1, "5", "3.00")))
    shown = goods_metadata(report(here), "2026-10-05")
    assert (shown["first_try_match_rate"].value, shown["matched_invoices"], shown["waiting_under_1_day"]) == (
        100.0,
        1,
        1,
    )
    other = goods_metadata(report(here), "2026-10-06")
    assert "first_try_match_rate" not in other and other["matched_invoices"] == 0
    assert other["first_try_match_rate_so_far"].value == 100.0


def test_all_is_only_all() -> None:
    assert MatchRate(3000, 2999).tenths_of_a_percent == 999 and MatchRate(3, 3).tenths_of_a_percent == 1000
    assert MatchRate().tenths_of_a_percent is None
