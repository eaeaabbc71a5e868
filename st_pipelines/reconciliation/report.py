"""The report that a controller opens: one self-contained HTML file, no script, no request, fit for paper.

Invariant: everything that comes from outside is escaped by the template engine, control and direction characters are
shown as what they are, and only http(s) addresses become links.
"""

import os
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from st_pipelines.reconciliation.amounts import amount, money, pieces
from st_pipelines.reconciliation.causes import CAUSES
from st_pipelines.reconciliation.control_totals import SIDES, folded
from st_pipelines.reconciliation.order_plot import order_plots
from st_pipelines.reconciliation.plot import plots
from st_pipelines.reconciliation.result import Reconciliation
from st_pipelines.reconciliation.second_witness import SecondWitness
from st_pipelines.reconciliation.visible import INVISIBLE, visible

MOST_VARIANCES = 2_000  # a browser stays quick; the CSV has them all
MOST_UNITS = 12  # of more business units (purchase orders) those that differ are shown, and the sums of all


def render_html(result: Reconciliation) -> str:
    """The whole page as text."""
    testified = result.witness.disagreements if result.witness else ()
    orders = result.orders
    return _template().render(
        result=result, mood="bad" if result.has_alarm else "good" if result.is_clean else "open",
        causes=CAUSES, totals=[_totals_of(result, currency) for currency in result.currencies],
        flows=[(flow, list(rows)) for flow, rows in groupby(result.flows, key=lambda row: row.flow)],
        plots=[plot for currency in result.currencies for plot in plots(result.days, currency) if plot.bars],
        shown=result.causes[:MOST_VARIANCES], hidden=max(0, len(result.causes) - MOST_VARIANCES), link=safe_link,
        testified=testified[:MOST_VARIANCES], untestified=max(0, len(testified) - MOST_VARIANCES),
        witness_mood=_witness_mood(result.witness), orders=orders,
        order_plots=list(order_plots(orders)) if orders else (),
        order_progress={what: orders.progress(what) for what in ("received", "invoiced")} if orders else {},
        orders_differing=orders.differing[:MOST_VARIANCES] if orders else (),
        orders_shown=orders.lines[:MOST_VARIANCES] if orders else (),
    )  # fmt: skip


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        loader=FileSystemLoader(Path(__file__).parent),
    )  # fmt: skip
    environment.filters |= {"visible": visible, "amount": amount, "money": money, "pieces": pieces,
                            "quantity": _quantity}  # fmt: skip
    return environment.get_template("report.html")


def _quantity(number: Decimal) -> str:
    """Pieces without the decimals that they do not have."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_report(result: Reconciliation, path: Path) -> Path:
    """Writes the page beside its final place and renames it: a reader never sees half of it. Mode 0600."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".html")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(render_html(result))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def safe_link(url: str) -> str:
    """The address where it is plain http(s), else nothing: ``javascript:`` must not become clickable."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    plain = url.lower().startswith(("http://", "https://")) and not INVISIBLE.search(url)
    return url if plain and parts.netloc else ""


def _witness_mood(witness: SecondWitness | None) -> str:
    if witness is None or witness.contradicts:
        return "bad"
    return "good" if witness.agrees else "open"


def _totals_of(result: Reconciliation, currency: str) -> dict[str, Any]:
    """Business units of one currency with their accounts, and the debits and credits of all. ``folded``: how many
    units there are, where they are too many to be shown; then their sums by account stand in front of the rest."""
    table = folded(result.totals, ("currency", "business_unit", "gl_account")).to_pylist()
    mine = [row for row in table if row["currency"] == currency]
    units = [(unit, list(rows)) for unit, rows in groupby(mine, key=lambda row: row["business_unit"])]
    shown = units
    sums: dict[str, Any] = {"debits": _sums(mine, 1), "credits": _sums(mine, -1), "accounts": ()}
    if len(units) > MOST_UNITS:
        accounts = folded(result.totals, ("currency", "gl_account")).to_pylist()
        shown = [(unit, rows) for unit, rows in units if any(row["variance_minor"] for row in rows)][:MOST_VARIANCES]
        sums["accounts"] = [row for row in accounts if row["currency"] == currency]
    return {"currency": currency, "units": shown, "folded": len(units) if len(units) > MOST_UNITS else 0, **sums}


def _sums(rows: Sequence[dict[str, Any]], sign: int) -> dict[str, int]:
    """Sum of the positive (sign 1) or the negative (sign -1) amounts of each side."""
    sums = {name: sum(row[f"{name}_minor"] for row in rows if row[f"{name}_minor"] * sign > 0) for name in SIDES}
    return sums | {"variance": sums["source"] - sums["target"]}
