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
from st_pipelines.posting.holds import list_holds
from st_pipelines.posting.match_rate import MatchRate, by_age, matched_by_day, waits_for_goods
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


def rate(here: Company) -> tuple[int, int]:
    """Matched, and of these at first try."""
    found = matched_by_day(here.engine, INTEGRATION, "bills").get("2026-10-05", MatchRate())
    return found.matched, found.first_try


def test_what_waited_for_its_goods_and_then_went_through_is_first_try(here: Company) -> None:
    order = here.house.order()
    here.run(here.house.take(1, (order, 1, "5", "3.00")))
    assert report(here).rate.percent is None
    here.house.receive(order, 5)
    here.run()
    assert rate(here) == (1, 1) and str(report(here).rate.percent) == "100.0" and report(here).rate.early == 1


def test_a_throttle_or_a_lost_answer_is_no_refusal(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 30)
    assert here.run(here.house.take(1, (order, 1, "5", "3.00"))).posted == 1
    for number, action in ((2, "throttle"), (3, "apply_then_drop")):
        here.tenant.arm(action=action, count=1, seconds=0.05, match={"method": "POST", "path": "supplierInvoices"})
        here.run(here.house.take(number, (order, 1, "5", "3.00")))
        here.run()
    assert rate(here) == (3, 3)


def test_a_refusal_counts_also_when_a_replay_cures_it(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 5)
    here.tenant.arm(action="closed_period", count=1, match={"method": "POST", "path": "supplierInvoices"})
    bill = here.house.take(1, (order, 1, "5", "3.00"))
    here.run(bill)
    assert [row.state for row in rows(here.engine)] == ["rejected"] and rate(here) == (0, 0)
    replay(here.engine, here.tenant.target, CONTEXT, rows(here.engine)[0].posting_id, by="Ann", reason="open again")
    here.run()
    assert rows(here.engine)[-1].state == "posted" and rate(here) == (1, 0)


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
    assert rate(here) == (2, 1) and list_holds(here.engine, INTEGRATION) == []
    prove(here.engine)


def test_one_on_hold_whose_answer_was_lost_counts_the_same(here: Company) -> None:
    order = here.house.order("10.00")
    here.house.receive(order, 30)
    here.run(here.house.take(1, (order, 1, "10", "10.00")))
    here.tenant.arm(action="apply_then_drop", count=1, match={"method": "POST", "path": "supplierInvoices"})
    here.run(here.house.take(2, (order, 1, "10", "11.00")))
    here.run()
    assert rows(here.engine)[-1].reason_code == "on_hold" and rate(here) == (2, 1)
    prove(here.engine)


def test_waits_plot_by_age_and_overdue_ones_are_a_warning_with_their_order_lines(here: Company) -> None:
    order = here.house.order()
    here.house.receive(order, 1)
    here.run(*[here.house.take(number, (order, 1, "5", "3.00")) for number in range(1, 5)])
    told = report(here)
    assert [one.documents for one in told.rate.waiting] == [4, 0, 0, 0]
    assert goods_result(told).passed and not told.overdue
    every = waits_for_goods(here.engine, INTEGRATION, "bills")
    aged = [replace(wait, age_hours=hours) for wait, hours in zip(every, (200, 100, 30, 1), strict=True)]
    late = GoodsReport(
        replace(told.rate, waiting=by_age(aged)), told.by_day, [one for one in aged if one.is_overdue(48)]
    )
    result = goods_result(late)
    plotted = {name: value.value for name, value in result.metadata.items()}
    assert plotted == {
        "overdue": 2, "waiting_for_goods": 4, "waiting_for_goods_under_a_day": 1, "waiting_for_goods_1_to_3_days": 1,
        "waiting_for_goods_3_to_7_days": 1, "waiting_for_goods_a_week_and_more": 1,
    }  # fmt: skip
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
    assert (shown["first_try_match_percent"].value, shown["invoices_matched"], shown["waiting_for_goods"]) == (
        100.0,
        1,
        1,
    )
    other = goods_metadata(report(here), "2026-10-06")
    assert "first_try_match_percent" not in other and other["invoices_matched"] == 0
    assert other["first_try_match_percent_so_far"].value == 100.0


def test_all_is_only_all() -> None:
    assert str(MatchRate(3000, 2999).percent) == "99.9" and str(MatchRate(3, 3).percent) == "100.0"
    assert MatchRate().percent is None
