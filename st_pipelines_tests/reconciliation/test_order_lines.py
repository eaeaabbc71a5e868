"""Purchase order lines of two systems side by side: what differs, by how much, and why."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.order_lines import FULLY, OPEN, OVER, PARTLY, OrderLineStanding
from st_pipelines.reconciliation.export import order_lines_csv
from st_pipelines.reconciliation.order_lines import Key, OrderLines, compare
from st_pipelines.reconciliation.order_plot import order_plots
from st_pipelines.reconciliation.report import render_html
from st_pipelines_tests.reconciliation.books import Books
from st_pipelines_tests.reconciliation.test_report import reconciliation


def line(order: str = "PR1", number: str = "1", *, ordered: str = "10", received: str = "0", invoiced: str = "0",
         currency: str = "USD", books: str = "100") -> OrderLineStanding:  # fmt: skip
    """At 2.50 a piece."""
    pieces = [Decimal(one) for one in (ordered, received, invoiced)]
    money = [(one * Decimal("2.50")).quantize(Decimal("0.01")) for one in pieces]
    return OrderLineStanding(order, number, books, "PS1", "PIPE", currency, *pieces, *money)


def compared(
    left: Sequence[OrderLineStanding], right: Sequence[OrderLineStanding], causes: Mapping[Key, str] | None = None
) -> OrderLines:
    return compare(
        left, right, entity=lambda one, other: other or one, causes=lambda keys: causes or {},
        names=("qad", "servicenow"), measures=("ordered", "received"),
    )  # fmt: skip


def test_the_largest_amount_comes_first_with_its_cause() -> None:
    left = [line("PR1", received="4"), line("PR2", received="9"), line("PR3", received="1")]
    right = [line("PR1", received="3"), line("PR2", received="2"), line("PR3", received="1")]
    orders = compared(left, right, {("PR2", "1"): "RC7 is held: no site"})
    assert [(one.order, one.money(orders.measures), one.cause) for one in orders.differing] == [
        ("PR2", 1750, "RC7 is held: no site"), ("PR1", 250, "")
    ]  # fmt: skip
    assert [one.order for one in orders.unexplained] == ["PR1"]
    assert "differ on 2 of 3 order lines, 1 of them explained" in orders.verdict()


def test_a_line_that_only_one_side_has_differs_whole() -> None:
    orders = compared([line("PR1"), line("PR2")], [line("PR1")])
    (only,) = orders.differing
    assert (only.order, only.money(["ordered"]), only.pieces("ordered")) == ("PR2", 2500, (Decimal(10), Decimal(0)))


def test_what_the_integration_does_not_carry_is_shown_and_not_judged() -> None:
    orders = compared([line(invoiced="0")], [line(invoiced="10")])
    assert not orders.differing
    invoiced = next(one for one in orders.totals if one.measure == "invoiced")
    assert (invoiced.variance_pieces, invoiced.variance_minor) == (-10_000_000, -2500)


def test_goods_that_went_back_after_they_were_invoiced_are_named_with_their_line_and_invoice() -> None:
    there = [line("PR1", received="6", invoiced="10"), line("PR2", received="10", invoiced="10")]
    orders = compare(there, there, entity=lambda one, other: one, causes=lambda keys: {},
                     names=("servicenow", "qad"), measures=("invoiced",))  # fmt: skip
    orders = replace(orders, taken_by={("PR1", "1"): "INV-7 (SN:demo:invoice:7)"})
    assert [one.says for one in orders.taken_back] == [
        "order PR1 line 1: 10 invoiced, 6 received, 4 went back after they had been invoiced; "
        "taken by INV-7 (SN:demo:invoice:7)"
    ]
    assert not orders.differing, "both systems agree on it all the same"
    page = render_html(replace(reconciliation(Books()), orders=orders))
    assert "Goods that went back" in page and "4 went back after they had been invoiced" in page
    assert compared(there, there).taken_back == [], "receipts out, no invoices in: not this direction's business"


def test_another_currency_is_a_difference_of_its_own() -> None:
    assert compared([line(currency="USD")], [line(currency="EUR")]).differing


def test_a_line_that_comes_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="servicenow shows line 1 of order PR1 twice"):
        compared([line()], [line(), line()])


@pytest.mark.parametrize(
    ("ordered", "received", "word"),
    [("10", "0", OPEN), ("10", "-1", PARTLY), ("10", "9.5", PARTLY), ("10", "10", FULLY), ("10", "11", OVER),
     ("0", "0", FULLY)],
)  # fmt: skip
def test_how_far_a_line_has_come(ordered: str, received: str, word: str) -> None:
    assert line(ordered=ordered, received=received).progress("received") == word


def test_the_spreadsheet_has_every_line_and_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(order_lines_csv(compared([line("=1+1", received="4")], [line("=1+1")])))))
    assert rows[1][0] == "'=1+1" and rows[1][-2] == "yes"
    found = dict(zip(rows[0], rows[1], strict=True))
    assert (found["received_pieces_qad"], found["received_amount_servicenow"]) == ("4", "0.00")


def test_the_report_shows_lines_and_bars_and_takes_names_as_text() -> None:
    orders = compared([line("<b>PR1</b>", received="4")], [line("<b>PR1</b>")], {("<b>PR1</b>", "1"): "<i>held</i>"})
    page = render_html(replace(reconciliation(Books()), orders=orders))
    assert "&lt;b&gt;PR1" in page and "<b>PR1" not in page and "<i>held" not in page
    assert "Ordered and received differ on 1 of 1 order lines" in page
    bars = next(iter(order_plots(orders))).bars
    assert [(bar.source, bar.target, bar.differs) for bar in bars] == [(300, 300, False), (120, 0, True), (0, 0, False)]


_pieces = st.integers(0, 50).map(str)
_lines = st.dictionaries(st.sampled_from(["PR1", "PR2", "PR3", "PR4"]), st.tuples(_pieces, _pieces), max_size=4)


@given(_lines, _lines)
def test_totals_are_the_sums_of_the_lines_and_each_line_is_in_one_of_them(
    ours: dict[str, tuple[str, str]], theirs: dict[str, tuple[str, str]]
) -> None:
    left, right = (
        [line(order, ordered=pieces[0], received=pieces[1]) for order, pieces in side.items()]
        for side in (ours, theirs)
    )
    orders = compared(left, right)
    for measure in ("ordered", "received"):
        mine = [one for one in orders.totals if one.measure == measure]
        assert sum(one.lines for one in mine) == len(ours.keys() | theirs.keys())
        assert sum(one.left_pieces for one in mine) == 1_000_000 * sum(getattr(one, measure) for one in left)
        assert sum(one.variance_minor for one in mine) == sum(
            one.minor(measure)[0] - one.minor(measure)[1] for one in orders.lines
        )
    for what in ("received", "invoiced"):
        counted = orders.progress(what).values()
        assert (sum(one for one, _ in counted), sum(other for _, other in counted)) == (len(left), len(right))
