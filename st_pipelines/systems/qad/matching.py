"""Goods that a supplier invoice takes: what QAD has of each order line, and which receivers an invoice is matched with.

Invariant: receivers are chosen from what QAD shows while the body is built, oldest first, never more than it shows. QAD
values a match itself: it clears what was received at the receipt's cost and posts the rest as price variance.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from st_pipelines.documents.bill import Bill, OrderMatch
from st_pipelines.documents.goods import Goods, OrderLineKey, plain
from st_pipelines.documents.money import round_to_minor
from st_pipelines.posting.target import CannotRender, NotYet
from st_pipelines.systems.qad.answers import Record, UntrustedAnswer
from st_pipelines.systems.qad.bodies import Rendering
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.lists import Filter
from st_pipelines.systems.qad.lookups import all_of, by_values
from st_pipelines.systems.qad.profile import Entity
from st_pipelines.systems.qad.wire_values import read_amount, read_date


@dataclass
class Receiver:
    """One row of a receiver; ``number`` and ``line`` as QAD writes them. ``left``: what an invoice can still take."""

    number: Any
    line: Any
    day: date | None
    left: Decimal


def goods(client: QadClient, company_name: str, lines: Collection[OrderLineKey]) -> dict[OrderLineKey, Goods]:
    """What QAD has of these order lines. Receipts are read first: an invoice that is matched meanwhile then counts as
    matched. A line that QAD lacks or shows unreadably has a fault; only what makes the whole answer doubtful raises."""
    books, wanted = company(company_name), set(lines)
    line, receipt = client.profile.entity("purchaseOrderLine"), client.profile.entity("receipt")
    allowance = Decimal(client.profile.entity("supplierInvoice").quantity_tolerance)
    received: dict[OrderLineKey, Decimal] = defaultdict(Decimal)
    faults: dict[OrderLineKey, str] = {}
    for row in _of_orders(client, "receipt", books, wanted):
        key = _key(row, receipt)
        try:
            received[key] += read_amount(row.get(receipt.wire("quantity")), receipt.wire("quantity"))
        except ValueError as error:
            faults[key] = f"receiver {row.get(receipt.wire('receiver'))}: {error}"
    matched: dict[OrderLineKey, Decimal] = {}
    for row in _of_orders(client, "purchaseOrderLine", books, wanted):
        key = _key(row, line)
        try:
            matched[key] = read_amount(row.get(line.wire("invoiced")), line.wire("invoiced"))
        except ValueError as error:
            faults[key] = str(error)
    absent = {key: f"{books.domain} has no {key}" for key in wanted - matched.keys()}
    return {key: Goods(received[key], matched.get(key, Decimal(0)), allowance, faults.get(key) or absent.get(key, ""))
            for key in wanted}  # fmt: skip


def wire_arrays(client: QadClient, bill: Bill, supplier: str, to: Rendering) -> Record:
    """The nested arrays of an invoice that takes goods. ``supplier``: QAD's code. The orders are named beside the
    matching lines where the tenant takes them there too."""
    nested = to.entity.nested
    record: Record = {nested["matchingLines"].array: _matching_lines(client, bill, supplier, to)}
    if "purchaseOrders" in nested:
        record[nested["purchaseOrders"].array] = [
            to.nested("purchaseOrders", {"domain": to.books.domain, "order": order})
            for order in sorted({match.order for match in bill.matches})
        ]
    return record


def _matching_lines(client: QadClient, bill: Bill, supplier: str, to: Rendering) -> list[Record]:
    """Raises ``NotYet`` where too little is open by now, ``CannotRender``
    where order and invoice contradict each other."""
    _require_same_terms(client, bill, supplier, to)
    _require_worth(bill)
    receipt, made = client.profile.entity("receipt"), list[Record]()
    wanted = {OrderLineKey(match.order, match.line) for match in bill.matches}
    held: dict[OrderLineKey, list[Record]] = defaultdict(list)
    for row in _of_orders(client, "receipt", to.books, wanted):
        held[_key(row, receipt)].append(row)
    allowed = dict.fromkeys(wanted, Decimal(to.entity.quantity_tolerance))
    free = {key: open_receivers(held[key], receipt, client) for key in wanted}
    for match in bill.matches:
        key = OrderLineKey(match.order, match.line)
        for receiver, quantity in _take(match, free[key], allowed, key):
            made.append(to.nested("matchingLines", {
                "receiver": receiver.number, "order": match.order, "line": receiver.line,
                "quantity": Decimal(plain(quantity)), "unitPrice": Decimal(plain(match.unit_price)),
            }))  # fmt: skip
    return made


def open_receivers(records: Iterable[Record], receipt: Entity, client: QadClient) -> list[Receiver]:
    """Receivers of one order line with something left, oldest first. A correction takes back what came last before it:
    that is what it corrects; where nothing came before, it takes from what comes next."""
    read = sorted((_receiver(record, receipt, client) for record in records),
                  key=lambda one: (one.day or date.min, str(one.number)))  # fmt: skip
    kept, owed = list[Receiver](), Decimal(0)
    for one in read:
        if one.left < 0:
            owed += _taken_back(kept, -one.left)
            continue
        back = min(owed, one.left)
        owed, one.left = owed - back, one.left - back
        kept.append(one)
    return [one for one in kept if one.left > 0]


def _taken_back(kept: Sequence[Receiver], quantity: Decimal) -> Decimal:
    """What the receivers so far could not give back."""
    for one in reversed(kept):
        back = min(quantity, one.left)
        one.left, quantity = one.left - back, quantity - back
    return quantity


def _take(
    match: OrderMatch, free: Sequence[Receiver], allowed: dict[OrderLineKey, Decimal], key: OrderLineKey
) -> Iterable[tuple[Receiver, Decimal]]:
    taken: list[tuple[Receiver, Decimal]] = []
    missing = match.quantity
    for receiver in free:
        part = min(missing, receiver.left)
        if part > 0:
            receiver.left, missing = receiver.left - part, missing - part
            taken.append((receiver, part))
    if missing > allowed[key] or (missing and not taken):
        raise NotYet(f"{key}: {plain(missing)} of the {plain(match.quantity)} invoiced are not open in QAD; not "
                     f"received yet, gone back, or taken by another invoice")  # fmt: skip
    if missing:  # what the tenant allows beyond the receipts goes with the last of them
        allowed[key] -= missing
        receiver, part = taken[-1]
        taken[-1] = (receiver, part + missing)
    return taken


def _require_same_terms(client: QadClient, bill: Bill, supplier: str, to: Rendering) -> None:
    """An order of another supplier or in another currency is not what this invoice is about."""
    order = client.profile.entity("purchaseOrder")
    numbers = sorted({match.order for match in bill.matches})
    if odd := [number for number in numbers if not _can_be_asked(number)]:
        raise CannotRender(f"{odd[0]!r} is no order number of QAD; correct the invoice at its source")
    in_domain = [Filter(order.wire("domain"), "eq", to.books.domain)]
    held = by_values(client, "purchaseOrder", to.books, order.wire("code"), numbers, in_domain)
    for number in numbers:
        records = held.get(number, [])
        if not records:
            raise CannotRender(f"order {number} does not exist in {to.books.domain}; correct the invoice at its source")
        for name, said, what in (("supplier", supplier, "supplier"), ("currency", bill.currency, "currency")):
            theirs = str(records[0].get(order.wire(name)) or "")
            if theirs != said:
                raise CannotRender(
                    f"order {number} has {what} {theirs}, the invoice has {said}; correct one of them at its source"
                )


def _require_worth(bill: Bill) -> None:
    """QAD posts quantity times price of each order line; the invoice's own amount must be that."""
    amounts = {line.sequence: line.amount for line in bill.lines if line.kind == "matched"}
    worth: dict[tuple[str, str, Decimal], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for match in bill.matches:
        if match.quantity <= 0:
            raise CannotRender(f"order {match.order} line {match.line}: {plain(match.quantity)} invoiced; goods that "
                               f"go back are credited in QAD by a person, against their receiver")  # fmt: skip
        if match.sequence not in amounts:
            raise CannotRender(f"order {match.order} line {match.line}: the invoice has no line {match.sequence} with "
                               f"its amount; map it again")  # fmt: skip
        sums = worth[match.order, match.line, match.unit_price]
        sums[0], sums[1] = sums[0] + match.quantity, sums[1] + amounts.pop(match.sequence)
    for (order, line, price), (quantity, amount) in worth.items():
        product = round_to_minor(quantity * price, bill.currency)
        if product != amount:
            raise CannotRender(f"order {order} line {line}: {plain(quantity)} x {plain(price)} is {product}, the "
                               f"invoice says {amount}; correct it at its source")  # fmt: skip
    if amounts:
        raise CannotRender(f"line {min(amounts)} takes goods and names no order line; map it again")


def _of_orders(client: QadClient, name: str, books: Company, lines: Iterable[OrderLineKey]) -> list[Record]:
    entity = client.profile.entity(name)
    in_domain = [Filter(entity.wire("domain"), "eq", books.domain)]
    orders = {key.order for key in lines if _can_be_asked(key.order)}
    return all_of(client, name, books, entity.wire("order"), orders, in_domain) if orders else []


def _can_be_asked(order: str) -> bool:
    """QAD's filter has no known escape, and no order has such a number: one bad invoice must not stop the others."""
    return bool(order.strip()) and not any(letter == "," or ord(letter) < 32 for letter in order)


def _key(record: Mapping[str, Any], entity: Entity) -> OrderLineKey:
    return OrderLineKey(str(record[entity.wire("order")]), str(record[entity.wire("line")]))


def _receiver(record: Record, receipt: Entity, client: QadClient) -> Receiver:
    try:
        left = read_amount(record.get(receipt.wire("openQuantity")), receipt.wire("openQuantity"))
        day = read_date(record.get(receipt.wire("receiptDate")), client.profile, receipt.wire("receiptDate"))
    except ValueError as error:
        raise UntrustedAnswer(f"{receipt.path} {record.get(receipt.wire('receiver'))}: {error}") from error
    return Receiver(record[receipt.wire("receiver")], record[receipt.wire("line")], day, left)
