"""What a company ordered from suppliers and received over two months, in no system's format. Invariant: a seed decides
all of it, every order tells one story, and no amount has more than two decimals.

The months are the one before the business month and the business month itself. Deliveries may come days after its end.
"""

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from st_pipelines.sandbox.business.names import VENDORS
from st_pipelines.sandbox.business.sales import deal

# What becomes of an order, in ten-thousandths; the rest comes whole ("plain").
STORIES = {"two_parts": 1500, "partly": 800, "over": 600, "corrected": 700, "reversed": 500, "not_received": 700,
           "late": 900, "foreign": 400}  # fmt: skip
_ORDERS = {"small": 24, "demo": 240, "large": 2_400}
_CODING = {1: (("5000", "1100"), ("5000", "2100"), ("5100", "1200"), ("5400", "3100")),
           2: (("5000", "4100"), ("5400", "4100"))}  # fmt: skip
_ITEMS = ("COPPER-TUBE", "FILTER-16X25", "CONDENSER-3T", "VALVE-BRASS", "WIRE-12-2", "REFRIGERANT", "PVC-40", "BREAKER")


@dataclass(frozen=True)
class Supplier:
    code: str
    name: str
    terms: str
    currency: str


@dataclass(frozen=True)
class Line:
    """``account`` and ``centre`` say where its cost goes."""

    number: int
    item: str
    quantity: Decimal
    price: Decimal
    account: str
    centre: str


@dataclass(frozen=True)
class Delivery:
    """A receipt of one line; a correction has a negative quantity."""

    number: str
    order: str
    line: int
    quantity: Decimal
    day: date


@dataclass(frozen=True)
class Order:
    """``company``: 1 or 2."""

    number: str
    story: str
    supplier: Supplier
    company: int
    day: date
    lines: tuple[Line, ...]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True)
class Bill:
    """What a supplier asks for: quantities of an order's lines, or, without an order, amounts by account and centre."""

    number: str
    supplier: Supplier
    company: int
    order: str
    day: date
    lines: tuple[Line, ...]


def suppliers() -> list[Supplier]:
    """Always the same; one sells in euros."""
    return [
        Supplier(f"PS{number:04d}", name, ("N30", "N45", "N15")[number % 3], "EUR" if "GmbH" in name else "USD")
        for number, name in enumerate(VENDORS, start=1)
    ]


def procure(seed: int, size: str, month: str) -> list[Order]:
    """The orders by day."""
    rng = Random(f"procurement {seed}")
    year, number = int(month[:4]), int(month[5:])
    first = date(year - (number == 1), (number - 2) % 12 + 1, 1)
    last = date(year, number, monthrange(year, number)[1])
    room = (last - first).days - 8
    deck = deal(rng, STORIES, max(_ORDERS[size], len(STORIES) + 4))
    makers, orders, receipts = suppliers(), list[Order](), 0
    for position, story in enumerate(deck):
        day = first + timedelta(days=position * room // len(deck))
        order = _order(rng, f"PR{position + 1:06d}", story, makers, day, last, receipts)
        receipts += len(order.deliveries)
        orders.append(order)
    return orders


def _order(rng: Random, number: str, story: str, makers: list[Supplier], day: date, last: date, receipts: int) -> Order:
    foreign = [one for one in makers if one.currency != "USD"]
    home = [one for one in makers if one.currency == "USD"]
    supplier = rng.choice(foreign if story == "foreign" else home)
    company = 2 if rng.randrange(5) == 0 else 1
    lines = []
    for position in range(1, rng.randrange(1, 5) + 1):
        account, centre = rng.choice(_CODING[company])
        price = Decimal(rng.randrange(150, 90_000)).scaleb(-2)
        lines.append(Line(position, rng.choice(_ITEMS), Decimal(rng.randrange(2, 60)), price, account, centre))
    parts = [part for line in lines for part in _parts(rng, story, line.quantity, line.number)]
    deliveries = []
    for nth, (line_number, quantity, after) in enumerate(sorted(parts, key=lambda part: part[2]), start=receipts + 1):
        come = last + timedelta(days=after) if story == "late" else min(day + timedelta(days=after), last)
        deliveries.append(Delivery(f"RC{nth:06d}", number, line_number, quantity, come))
    return Order(number, story, supplier, company, day, tuple(lines), tuple(deliveries))


def _parts(rng: Random, story: str, quantity: Decimal, line: int) -> list[tuple[int, Decimal, int]]:
    """(line, quantity, days after the order) of one line's receipts."""
    first = 1 + rng.randrange(3)
    half = Decimal(int(quantity) // 2)
    match story:
        case "two_parts":
            return [(line, half, first), (line, quantity - half, first + 4)]
        case "partly":
            return [(line, half, first)]
        case "over":
            return [(line, quantity + 1, first)]
        case "corrected":
            return [(line, quantity + 2, first), (line, Decimal(-2), first + 1)]
        case "reversed":
            return [(line, quantity, first), (line, -quantity, first + 2), (line, quantity, first + 5)]
        case "not_received":
            return []
        case "late":
            return [(line, quantity, 2 + first)]
        case _:
            return [(line, quantity, first)]


def bills(seed: int, size: str, month: str) -> list[Bill]:
    """What the suppliers invoice, by day. Every third bill of an order comes before its goods; nobody invoices an order
    of which nothing comes; each size has some bills without an order."""
    orders = procure(seed, size, month)
    made = [bill for position, order in enumerate(orders) for bill in _bills(order, early=position % 3 == 0)]
    rng, home = Random(f"bills {seed}"), [one for one in suppliers() if one.currency == "USD"]
    for number in range(1, len(orders) // 6 + 1):
        company = 2 if number % 4 == 0 else 1
        account, centre = rng.choice(_CODING[company])
        price = Decimal(rng.randrange(2_000, 90_000)).scaleb(-2)
        line = Line(1, "SERVICE", Decimal(1), price, account, centre)
        day = orders[number * 5 % len(orders)].day
        made.append(Bill(f"NP{number:05d}", rng.choice(home), company, "", day, (line,)))
    return sorted(made, key=lambda bill: (bill.day, bill.number))


def _bills(order: Order, early: bool) -> list[Bill]:
    if not order.deliveries:
        return []
    days = sorted({one.day for one in order.deliveries})
    wanted = {line.number: line.quantity for line in order.lines}
    if order.story == "partly":
        wanted = {line.number: Decimal(int(line.quantity) // 2) for line in order.lines}
    parts = [wanted]
    if order.story == "two_parts":
        half = {number: Decimal(int(quantity) // 2) for number, quantity in wanted.items()}
        parts = [half, {number: wanted[number] - half[number] for number in wanted}]
    made = []
    for nth, part in enumerate(parts, start=1):
        lines = tuple(replace(line, quantity=part[line.number]) for line in order.lines if part[line.number])
        day = order.day if early or order.story == "late" else days[min(nth, len(days)) - 1]
        made.append(Bill(f"{order.number}-{nth}", order.supplier, order.company, order.number, day, lines))
    return made
