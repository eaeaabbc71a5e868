"""Invoices matched with receipts. Invariant: what can still be invoiced of an order line is its receipts less its
matches, and QAD itself posts what a match is worth: the receipts' cost, and the difference to the invoice's price.

An invoice may name the receiver of each line; one that names none takes the oldest first.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.wire import mandatory

Record = dict[str, Any]
PRICE_TOLERANCE = Decimal("0.05")  # of the receipts' cost; what an invoice is dearer beyond that goes on hold
_CENT = Decimal("0.01")


@dataclass
class Match:
    """Amounts in the invoice's currency. ``over``: worth of pieces beyond the receipts; ``over_tolerance``: of the
    price variance, what QAD does not simply accept; ``taken``: pieces by receipt."""

    value: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    over: Decimal = Decimal(0)
    over_tolerance: Decimal = Decimal(0)
    taken: dict[str, Decimal] = field(default_factory=dict)

    @property
    def variance(self) -> Decimal:
        return self.value - self.cost


@dataclass
class _Line:
    """What the invoice asks of one order line."""

    record: Record
    worth: dict[Decimal, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # pieces by price
    cost: Decimal = Decimal(0)
    asked: Decimal = Decimal(0)
    over: Decimal = Decimal(0)


def match_receipts(this: Submission, match: Match) -> None:
    """Fills ``match``. Pieces beyond the open receipts are refused, or, where the tenant is set to it (switch
    ``accept_and_hold``), count as held."""
    lines: dict[str, _Line] = {}
    for number, part in enumerate(this.record["matchingLines"], start=1):
        key = f"{this.workspace.domain}.{part['purchaseOrderNumber']}.{part['purchaseOrderLine']}"
        held = this.books.get("purchase_order_lines", key)
        if held is None:
            this.problems.append(mandatory("purchaseOrderLine", key))
            continue
        _ask(this, match, lines.setdefault(key, _Line(held)), number, part)
    if not this.record["matchingLines"]:
        this.problems.append(mandatory("matchingLines"))
    for line in lines.values():
        value = sum(((pieces * price).quantize(_CENT) for price, pieces in line.worth.items()), Decimal(0))
        cost = line.cost.quantize(_CENT)
        match.value, match.cost = match.value + value, match.cost + cost
        match.over += line.over.quantize(_CENT)
        match.over_tolerance += max(Decimal(0), value - cost - (cost * PRICE_TOLERANCE).quantize(_CENT))


def _ask(this: Submission, match: Match, line: _Line, number: int, part: Record) -> None:
    quantity, price = Decimal(part["quantity"]), Decimal(part["unitPrice"])
    if quantity <= 0:
        this.problem("value", "quantity", f"Matching line {number}: the quantity must be positive.", quantity)
    left = Decimal(line.record["quantityReceived"] - line.record["quantityInvoiced"]) - line.asked
    left = max(Decimal(0), left)
    line.asked += quantity
    line.worth[price] += quantity
    taken = Decimal(0)
    for key, receipt in _receipts(this, part):
        pieces = min(quantity - taken, left - taken, receipt["openInvoiceQuantity"] - match.taken.get(key, 0))
        if pieces > 0:
            match.taken[key] = match.taken.get(key, Decimal(0)) + pieces
            line.cost, taken = line.cost + pieces * receipt["unitCost"], taken + pieces
    excess = quantity - taken
    if excess <= 0:
        return
    line.cost, line.over = line.cost + excess * price, line.over + excess * price
    if not this.switched("accept_and_hold"):
        where = f" with receiver {part['receiverNumber']}" if part["receiverNumber"] else ""
        message = f"Matching line {number}: {quantity} invoiced, but only {taken} received and open{where}."
        this.problem("value", "quantity", message, quantity)


def _receipts(this: Submission, part: Record) -> list[tuple[str, Record]]:
    """Those that the part may take, oldest first; a receiver that does not exist is none."""
    named = part["receiverNumber"]
    entity = this.served.entities["receipts"]
    found = this.books.find("receipts", "purchaseOrderNumber", part["purchaseOrderNumber"])
    return [(entity.key_of(one), one) for one in found
            if one["purchaseOrderLine"] == part["purchaseOrderLine"] and named in ("", one["receiverNumber"])
            and one["domainCode"] == this.workspace.domain]  # fmt: skip


def settle_matches(this: Submission, match: Match) -> None:
    """Counts the matched pieces on the order lines, and down on their receipts."""
    for part in this.record["matchingLines"]:
        key = f"{this.workspace.domain}.{part['purchaseOrderNumber']}.{part['purchaseOrderLine']}"
        line = this.books.get("purchase_order_lines", key)
        assert line is not None
        invoiced = line["quantityInvoiced"] + part["quantity"]
        this.keep("purchase_order_lines", {**line, "quantityInvoiced": invoiced}, line)
    for key, pieces in match.taken.items():
        receipt = this.books.get("receipts", key)
        assert receipt is not None
        this.keep("receipts", {**receipt, "openInvoiceQuantity": receipt["openInvoiceQuantity"] - pieces}, receipt)
