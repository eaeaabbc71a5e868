"""Purchase order lines and the three-way match on assets: numbers that plot, a table, a check that warns.

Invariant: the check warns and never fails: order lines are read now, and what was entered in one system a minute ago is
not in the other one yet. What makes a month red is its documents.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from st_pipelines.assets.goods import rate_percent, waits_by_age
from st_pipelines.assets.metadata import amount, table
from st_pipelines.integrations.road import Road
from st_pipelines.reconciliation.amounts import pieces

if TYPE_CHECKING:
    from st_pipelines.reconciliation.order_lines import OrderLines
    from st_pipelines.reconciliation.result import Reconciliation

CHECK, GONE = "order_lines_agree", "invoiced_goods_are_there"
UNDO = "Nothing is undone by itself: receive the goods again in the books, or undo the match there and credit it."
DIFFERING = ("order_line", "legal_entity", "amount", "cause")


def order_check(key: dg.AssetKey, road: Road) -> Iterator[dg.AssetCheckSpec]:
    """Where both systems keep orders."""
    if road.source.order_lines is not None and road.target.order_lines is not None:
        what = " and ".join(road.order_measures)
        yield dg.AssetCheckSpec(CHECK, asset=key, description=f"Each purchase order line has the same pieces and the "
                                f"same money {what} in both systems, over its whole life.")  # fmt: skip
        if "invoiced" in road.order_measures:
            yield dg.AssetCheckSpec(GONE, asset=key, description="No goods went back after an invoice had taken them.")


def order_description(road: Road) -> str:
    """What the month's asset shows beside its totals."""
    if not list(order_check(dg.AssetKey("any"), road)):
        return ""
    return (f" With it each purchase order line as {road.source.system} and {road.target.system} hold it now: "
            "ordered, received, invoiced, what is still open.")  # fmt: skip


def order_metadata(orders: "OrderLines | None") -> Mapping[str, Any]:
    """Counts are of the source's lines."""
    if orders is None:
        return {}
    received, invoiced = orders.progress("received"), orders.progress("invoiced")
    return {
        "order_lines": len(orders.lines),
        "order_lines_differing": len(orders.differing),
        "order_lines_unexplained": len(orders.unexplained),
        **{f"order_lines_received_{word}": counts[0] for word, counts in received.items()},
        **{f"order_lines_invoiced_{word}": counts[0] for word, counts in invoiced.items()},
        "purchase_orders": table(_totals(orders), ("legal_entity", "measure", "currency", *_sides(orders))),
    }


def match_metadata(result: "Reconciliation") -> Mapping[str, Any]:
    """Numbers that plot: the rate over the integration's whole life, waits as of now."""
    if (match := result.match) is None:
        return {}
    rate = rate_percent("first_try_match_percent", match)
    return {**rate, "three_way_match": match.verdict(), "invoices_matched": match.matched, **waits_by_age(match)}


def order_verdict(orders: "OrderLines") -> Iterator[dg.AssetCheckResult]:
    rows = [
        {"order_line": f"{line.order} {line.line}", "legal_entity": line.entity,
         "amount": amount(line.money(orders.measures), line.known.currency),
         "cause": line.cause or "no open document explains it"}
        for line in orders.differing
    ]  # fmt: skip
    yield dg.AssetCheckResult(
        check_name=CHECK, passed=not orders.differing, severity=dg.AssetCheckSeverity.WARN,
        description=orders.verdict(), metadata={"differing": table(rows, DIFFERING)},
    )  # fmt: skip
    if "invoiced" in orders.measures:
        said = [one.says for one in orders.taken_back]
        yield dg.AssetCheckResult(
            check_name=GONE,
            passed=not said,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{'; '.join(said[:5])}{'; and more' if len(said) > 5 else ''}. {UNDO}" if said else None,
            metadata={"order_lines": len(said)},
        )


def _sides(orders: "OrderLines") -> tuple[str, ...]:
    return (f"{orders.left} pieces", f"{orders.right} pieces", orders.left, orders.right, "variance")


def _totals(orders: "OrderLines") -> Iterator[Mapping[str, str]]:
    for one in orders.totals:
        shown = (pieces(one.left_pieces), pieces(one.right_pieces), amount(one.left_minor, one.currency),
                 amount(one.right_minor, one.currency), amount(one.variance_minor, one.currency))  # fmt: skip
        yield {"legal_entity": one.entity, "measure": one.measure, "currency": one.currency,
               **dict(zip(_sides(orders), shown, strict=True))}  # fmt: skip
