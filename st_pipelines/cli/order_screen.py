"""Procurement on a screen: both systems' purchase orders by legal entity, how far the lines have come, those that
differ; how supplier invoices clear their match.

Invariant: as many lines as there are legal entities and currencies, however many orders there are.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from st_pipelines.cli.output import table, text
from st_pipelines.documents.money import PIECES
from st_pipelines.posting.match_rate import MatchRate
from st_pipelines.reconciliation.amounts import amount, money, pieces, plain
from st_pipelines.reconciliation.order_lines import OrderLines

if TYPE_CHECKING:
    from st_pipelines.reconciliation.result import Reconciliation

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
    for one in orders.taken_back[:MOST_LINES]:
        yield text(f"{one.says}.", "bold red")


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


def match_screen(match: MatchRate) -> Iterator[RenderableType]:
    yield text(f"{match.verdict()}.", "bold red" if match.first_try != match.matched else "")
    rows = [(one.age, one.documents, ", ".join(money(minor, currency) for currency, minor in one.amounts_minor.items()))
            for one in match.waiting]  # fmt: skip
    if match.waits:
        yield table(("waiting for goods", "invoices", "amount"), rows, right=("invoices", "amount"))
    else:
        yield text("No invoice waits for its goods.")


def coding_screen(result: "Reconciliation") -> Iterator[RenderableType]:
    """Supplier invoices by GL account and cost center."""
    sides = ("source", result.target_system, "variance")
    rows = [(result.called("account", one.gl_account), one.cost_center, one.currency,
             *(amount(minor, one.currency) for minor in (one.source_minor, one.target_minor, one.variance_minor)))
            for one in result.coding]  # fmt: skip
    yield table(("GL account", "cost center", "currency", *sides), rows, "By GL account and cost center", sides)


def as_match(match: MatchRate | None) -> Mapping[str, Any] | None:
    """For ``--json``."""
    if match is None:
        return None
    return {
        "matched": match.matched, "first_try": match.first_try, "early": match.early,
        "first_try_percent": None if match.percent is None else str(match.percent),
        "waiting": [
            {"age": one.age, "documents": one.documents,
             "amounts": {currency: plain(minor, currency) for currency, minor in one.amounts_minor.items()}}
            for one in match.waiting
        ],
    }  # fmt: skip


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
        "goods_gone_back": [one.says for one in orders.taken_back],
    }  # fmt: skip


def _both(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,}" if counts[0] == counts[1] else f"{counts[0]:,} ≠ {counts[1]:,}"


def _values(line: Any, measures: Any) -> str:
    differing = (one for one in measures if line.pieces(one)[0] != line.pieces(one)[1]
                 or line.minor(one)[0] != line.minor(one)[1])  # fmt: skip
    return ", ".join("{} {:f} ≠ {:f}".format(one, *line.pieces(one)) for one in differing)
