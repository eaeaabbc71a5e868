"""What a controller sees of purchase orders stays short however many there are, and a life has its stops."""

import io
from datetime import date
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from st_pipelines.cli.demo_life import stops
from st_pipelines.cli.order_screen import MOST_LINES, as_orders, order_screen
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.reconciliation.order_lines import OrderLines, compare
from st_pipelines_tests.reconciliation.test_order_lines import line


def orders(count: int, differing: int) -> OrderLines:
    def side(received: str) -> list[OrderLineStanding]:
        return [line(f"PR{number:04}", received=received if number < differing else "10") for number in range(count)]

    return compare(
        side("4"), side("3"), entity=lambda left, right: "10USACO", causes=lambda keys: {},
        names=("qad", "servicenow"), measures=("ordered", "received"),
    )  # fmt: skip


def shown(some: OrderLines) -> list[str]:
    written = io.StringIO()
    for part in order_screen(some):
        Console(width=160, file=written).print(part)
    return written.getvalue().splitlines()


def test_three_hundred_orders_take_no_more_room_than_three() -> None:
    assert len(shown(orders(300, 0))) == len(shown(orders(3, 0))) < 20


def test_those_that_differ_are_listed_and_the_rest_is_counted() -> None:
    lines = shown(orders(300, 25))
    assert sum("PR00" in one for one in lines) == MOST_LINES
    assert any("differ on 25 of 300 order lines" in one for one in lines)
    told = as_orders(orders(300, 25))
    assert told is not None and len(told["differing"]) == told["unexplained"] == 25


def test_a_life_stops_every_week_and_ends_when_late_goods_have_come() -> None:
    integration = SimpleNamespace(first_day=date(2026, 9, 1))
    days = stops(cast(Any, SimpleNamespace(integration=integration, month="2026-10")))
    assert days == sorted(days) and days[-1] == date(2026, 11, 6)
    assert {(later - earlier).days for earlier, later in pairwise(days[:-1])} == {7}
