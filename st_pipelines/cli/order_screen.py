"""Purchase orders on a screen: both systems by legal entity, how far the lines have come, and those that differ.

Invariant: as many lines as there are legal entities and currencies, however many orders there are.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from st_pipelines.cli.output import table, text
from st_pipelines.documents.money import PIECES
from st_pipelines.reconciliation.amounts import amount, pieces, plain
from st_pipelines.reconciliation.order_lines import OrderLines

MOST_LINES = 10


def order_screen(orders: OrderLines) -> Iterator[RenderableType]:
    left, right = orders.left, orders.right
    headings = ("legal entity", "", f"{left} pieces", f"{right} pieces", "variance", "currency", f"{left} amount",
                f"{right} amount", "variance ")  # fmt: skip
    rows = [
        (one.entity if one.measure == "ordered" else "", one.measure, pieces(one.left_pieces), pieces(one.right_pieces),
         pieces(one.variance_pieces), one.currency, amount(one.left_minor, one.currency),
         amount(one.right_minor, one.currency), amount(one.variance_minor, one.currency))
        for one in orders.totals
    ]  # fmt: skip
    yield table(headings, rows, f"Purchase orders, {len(orders.lines):,} lines",
                (*headings[2:5], *headings[6:]))  # fmt: skip
    yield text("")
    counts = {what: orders.progress(what) for what in ("received", "invoiced")}
    words = tuple(counts["received"])
    yield table(("order lines", *words), [(what, *map(_both, by.values())) for what, by in counts.items()],
                f"How far the lines have come, {left} and {right}", words)  # fmt: skip
    yield text("")
    yield from _differing(orders)


def _differing(orders: OrderLines) -> Iterator[RenderableType]:
    if orders.differing:
        shown = [
            (f"{line.order} {line.line}", line.entity, _values(line, orders.measures),
             f"{amount(line.money(orders.measures), line.known.currency)} {line.known.currency}",
             line.cause or "no open document explains it: run the day again, else it was changed by hand")
            for line in orders.differing[:MOST_LINES]
        ]  # fmt: skip
        yield table(("order line", "legal entity", f"{orders.left} ≠ {orders.right}", "amount", "cause"), shown,
                    f"Lines that differ, the largest of {len(orders.differing):,}", ("amount",))  # fmt: skip
    yield text(f"{orders.verdict()}.", "" if not orders.differing else "bold red")


def as_orders(orders: OrderLines | None) -> Mapping[str, Any] | None:
    """For ``--json``."""
    if orders is None:
        return None
    return {
        "systems": [orders.left, orders.right], "measures": list(orders.measures), "lines": len(orders.lines),
        "verdict": orders.verdict(), "unexplained": len(orders.unexplained),
        "progress": {what: {word: list(both) for word, both in orders.progress(what).items()}
                     for what in ("received", "invoiced")},
        "totals": [
            {"legal_entity": one.entity, "currency": one.currency, "measure": one.measure, "lines": one.lines,
             "pieces": [plain(one.left_pieces, PIECES), plain(one.right_pieces, PIECES)],
             "amounts": [plain(one.left_minor, one.currency), plain(one.right_minor, one.currency)]}
            for one in orders.totals
        ],
        "differing": [
            {"order": line.order, "line": line.line, "legal_entity": line.entity, "currency": line.known.currency,
             "amount": plain(line.money(orders.measures), line.known.currency), "cause": line.cause}
            for line in orders.differing
        ],
    }  # fmt: skip


def _both(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,}" if counts[0] == counts[1] else f"{counts[0]:,} ≠ {counts[1]:,}"


def _values(line: Any, measures: Any) -> str:
    differing = (one for one in measures if line.pieces(one)[0] != line.pieces(one)[1]
                 or line.minor(one)[0] != line.minor(one)[1])  # fmt: skip
    return ", ".join("{} {:f} ≠ {:f}".format(one, *line.pieces(one)) for one in differing)
