"""Purchase orders, receipts and vendor bills. Invariant: every line of a bill is exact to the cent, and what an
eligible bill waits for has arrived by the end of the month."""

from datetime import timedelta
from random import Random

from st_pipelines.sandbox.business.calendar import Month
from st_pipelines.sandbox.business.company import COST_ACCOUNT, EQUIPMENT, MATERIALS, TERM_DAYS, UNITS_OF_ENTITY
from st_pipelines.sandbox.business.model import Job, Vendor
from st_pipelines.sandbox.business.numbering import Numbering
from st_pipelines.sandbox.business.orders import (  # fmt: skip
    Bill,
    BillLine,
    OrderLine,
    PurchaseOrder,
    Receipt,
    ReceiptLine,
)
from st_pipelines.sandbox.business.sales import HOUR, deal, rng_ticks

# What becomes of an order; the rest is received and billed at once ("plain").
STORIES = {"two_receipts_two_bills": 1000, "two_receipts_one_bill": 800, "partly_received": 600, "bill_first": 600,
           "bill_before_order": 300, "bill_canceled": 300, "not_received": 500, "order_pending": 200,
           "order_canceled": 200, "not_billed": 500, "receipt_canceled": 200, "bill_exported": 500,
           "bill_pending": 300, "second_entity": 500}  # fmt: skip


class Purchasing:
    """``run(count)`` fills orders, receipts and bills."""

    def __init__(self, rng: Random, number: Numbering, month: Month, vendors: list[Vendor], jobs: list[Job]) -> None:
        self._rng, self._number, self._month, self._vendors = rng, number, month, vendors
        self._jobs = jobs
        self.orders: list[PurchaseOrder] = []
        self.receipts: list[Receipt] = []
        self.bills: list[Bill] = []

    def run(self, count: int) -> None:
        deck = deal(self._rng, STORIES, max(count, len(STORIES) + 4))
        room = len(self._month.days) - 10
        for position, story in enumerate(deck):
            self._tell(story, position * room // len(deck))

    def _tell(self, story: str, day: int) -> None:
        rng = self._rng
        order = self._order(day, entity=2 if story == "second_entity" else 1)
        first = day + 1 + rng.randrange(2)
        if story in ("order_pending", "not_received", "order_canceled"):
            order.status = {"order_pending": "Pending", "not_received": "Sent", "order_canceled": "Canceled"}[story]
            if story == "order_pending":
                order.sent = None
            return
        halves = self._halves(order)
        if story == "two_receipts_two_bills":
            for nth, half in enumerate(halves):
                receipt = self._receive(order, half, first + 3 * nth)
                self._bill(order, [receipt], first + 3 * nth)
        elif story == "two_receipts_one_bill":
            self._bill(
                order, [self._receive(order, half, first + 2 * nth) for nth, half in enumerate(halves)], first + 3
            )
        elif story == "partly_received":
            self._bill(order, [self._receive(order, halves[0], first)], first)
        elif story == "bill_first":
            # The bill names both receipts' lines; the second receipt is only booked days later.
            receipts = [self._receive(order, half, first + 5 * nth) for nth, half in enumerate(halves)]
            self._bill(order, receipts, first + 1)
        elif story == "bill_before_order":
            bill = self._bill(order, [], first)
            receipt = self._receive(order, [(one, one.quantity) for one in order.lines], first + 4)
            receipt.bill_id = bill.id
        else:
            receipt = self._receive(order, [(one, one.quantity) for one in order.lines], first)
            self._after_receipt(story, order, receipt, first)

    def _after_receipt(self, story: str, order: PurchaseOrder, receipt: Receipt, day: int) -> None:
        if story == "not_billed":
            return
        if story == "receipt_canceled":
            # Booked by mistake, canceled, booked again correctly; the bill names the second one.
            receipt.active = False
            receipt.modified = self._time(day + 1)
            for line in order.lines:
                line.received = 0
            receipt = self._receive(order, [(one, one.quantity) for one in order.lines], day + 2)
            day += 2
        bill = self._bill(order, [receipt], day)
        if story == "bill_canceled":
            bill.active, bill.modified = False, self._time(day + 1 + self._rng.randrange(4))
        elif story == "bill_exported":
            bill.status = "Exported"
        elif story == "bill_pending":
            bill.status, bill.batch = "Pending", None

    def _order(self, day: int, entity: int) -> PurchaseOrder:
        rng = self._rng
        vendor = rng.choice(self._vendors)
        unit = rng.choice(UNITS_OF_ENTITY[entity])
        jobs = [self._jobs[int(rng.random() * len(self._jobs))] for _ in range(3)] if self._jobs else []
        job = next((one for one in jobs if one.business_unit_id == unit), None)
        lines = []
        for sku in rng.sample(MATERIALS, rng.randrange(1, 4)) + ([rng.choice(EQUIPMENT)] if rng.random() < 0.4 else []):
            # Multiples of eight halve into multiples of four, which makes every unit cost a whole cent.
            quantity = 800 * rng.randrange(1, 6) if sku.kind == "Material" else 100 * rng.randrange(1, 4)
            lines.append(
                OrderLine(
                    id=self._number("order_line"),
                    sku_id=sku.id,
                    sku_code=sku.code,
                    sku_name=sku.name,
                    kind=sku.kind,
                    description=sku.name,
                    quantity=quantity,
                    unit_cost=sku.unit_cost,
                    account_id=COST_ACCOUNT[sku.kind],
                )
            )
        identity = self._number("order")
        created = self._time(day)
        order = PurchaseOrder(
            id=identity, number=f"{str(identity)[-7:]}-001", status="Sent", vendor_id=vendor.id, business_unit_id=unit,
            ordered=self._month.day(day), created=created, modified=created + HOUR, lines=lines,
            tax_cents=rng.choice((0, 0, rng.randrange(100, 9_000))), shipping_cents=rng.choice((0, 0, 1_500, 4_999)),
            job_id=job.id if job else None, sent=created + HOUR)  # fmt: skip
        self.orders.append(order)
        return order

    def _halves(self, order: PurchaseOrder) -> list[list[tuple[OrderLine, int]]]:
        """Two deliveries that make up the order; a line of one piece comes with the first."""
        first = [(one, max(100, one.quantity // 200 * 100)) for one in order.lines]
        second = [(one, one.quantity - share) for one, share in first if one.quantity > share]
        return [first, second] if second else [first]

    def _receive(self, order: PurchaseOrder, what: list[tuple[OrderLine, int]], day: int) -> Receipt:
        when = self._time(day)
        nth = sum(1 for one in self.receipts[-3:] if one.order_id == order.id) + 1
        closes = all(line.received + share >= line.quantity for line, share in what) and len(what) == len(order.lines)
        receipt = Receipt(
            id=self._number("receipt"), number=f"{order.number}-R{nth}", order_id=order.id, vendor_id=order.vendor_id,
            business_unit_id=order.business_unit_id, vendor_invoice="", received=when, created=when, modified=when,
            lines=[ReceiptLine(id=self._number("receipt_line"), order_line=one, quantity=share) for one, share in what],
            tax_cents=order.tax_cents if nth == 1 else 0, shipping_cents=order.shipping_cents if nth == 1 else 0,
            other_cents=self._rng.choice((0, 0, 0, 750)), batch=day + 1)  # fmt: skip
        for line, share in what:
            line.received += share
        done = closes or all(line.received >= line.quantity for line in order.lines)
        order.status = "Received" if done else "PartiallyReceived"
        order.received = when if done else None
        order.modified = max(order.modified, when)
        self.receipts.append(receipt)
        return receipt

    def _bill(self, order: PurchaseOrder, receipts: list[Receipt], day: int) -> Bill:
        """A bill for those receipts; without receipts, for the whole order before any goods came."""
        rng = self._rng
        vendor = next(one for one in self._vendors if one.id == order.vendor_id)
        identity = self._number("bill")
        nth = sum(1 for one in self.bills[-3:] if one.order_id == order.id) + 1
        vendor_invoice = rng.choice(("INV-{n}", "{n}", "{n}/2026", "S{n}.001", "№ {n} & Co")).format(n=identity % 10**7)
        what: list[tuple[OrderLine, int, int | None]] = [(line, line.quantity, None) for line in order.lines]
        if receipts:
            what = [(line.order_line, line.quantity, line.id) for one in receipts for line in one.lines]
        created, date = self._time(day), self._month.day(min(day, len(self._month.days) - 1))
        bill = Bill(
            id=identity, number=f"{order.number}-B{nth}", status="Posted", order_id=order.id,
            vendor_id=vendor.id, vendor_invoice=vendor_invoice, business_unit_id=order.business_unit_id,
            terms=vendor.terms, billed=date, due=date + timedelta(days=TERM_DAYS[vendor.terms]), posted=date,
            created=created, modified=created + HOUR,
            lines=[BillLine(id=self._number("bill_line"), order_line=line, quantity=share, receipt_line_id=receipt_line)
                   for line, share, receipt_line in what],
            tax_cents=sum(one.tax_cents for one in receipts) if receipts else order.tax_cents,
            shipping_cents=sum(one.shipping_cents for one in receipts) if receipts else order.shipping_cents,
            other_cents=sum(one.other_cents for one in receipts), job_id=order.job_id, batch=day + 1)  # fmt: skip
        for one in receipts:
            one.bill_id, one.vendor_invoice = bill.id, vendor_invoice
            one.modified = max(one.modified, bill.created) if one.created <= bill.created else one.modified
        self.bills.append(bill)
        return bill

    def _time(self, day: int) -> int:
        return self._month.at(min(day, len(self._month.days) - 1), 8 * HOUR + rng_ticks(self._rng, 9))
