"""Jobs and invoices of a month, one story each. Invariant: every story occurs at least once, whatever the seed.

A story is what happens to one invoice (edited, voided, adjusted …). Stories are dealt from a deck that holds each one
once and is filled up by weight, then shuffled over the days. Everything is created, posted and last modified inside the
month; payments may move ``modified`` further, never beyond it.
"""

from datetime import timedelta
from fractions import Fraction
from random import Random

from st_pipelines.sandbox.business.calendar import TICKS, Month
from st_pipelines.sandbox.business.company import EXEMPT_ZONE, TAX_ZONE, TERM, TERM_DAYS, UNITS_OF_ENTITY
from st_pipelines.sandbox.business.lines import LineMaker, half_up, tax_cents
from st_pipelines.sandbox.business.model import Customer, Invoice, InvoiceLine, Job, Location
from st_pipelines.sandbox.business.numbering import Numbering
from st_pipelines.sandbox.business.parties import Parties

# Story -> weight among ten thousand; the rest is "plain".
STORIES = {"two_for_job": 400, "membership": 1200, "counter": 700, "project": 200, "zero": 500, "discounted_away": 80,
           "discount": 900, "mixed_units": 500, "edited": 500, "voided": 200, "pending": 500, "pending_empty": 200,
           "exported": 600, "back_dated": 150, "adjusted": 250, "adjusted_twice": 50, "free_line": 200,
           "statement": 200, "late_evening": 200, "big": 700}  # fmt: skip
HOUR = 3600 * TICKS
_SUMMARIES = (
    "<p>Arrived 9:15, customer on site.</p>",
    "No cooling upstairs – found failed capacitor & low charge",
    None,
    "Gate code is <b>on file</b>; call O'Brien first",
)


def deal(rng: Random, stories: dict[str, int], count: int) -> list[str]:
    """``count`` stories, each at least once where there is room, shuffled."""
    deck = list(stories)[:count]
    names, weights = [*stories, "plain"], [*stories.values(), 10_000 - sum(stories.values())]
    deck += rng.choices(names, weights, k=count - len(deck))
    rng.shuffle(deck)
    return deck


class Sales:
    """``run(count)`` fills ``jobs`` and ``invoices``; about ``count`` invoices come of it."""

    def __init__(self, rng: Random, number: Numbering, month: Month, parties: Parties) -> None:
        self._rng, self._number, self._month = rng, number, month
        self._buyers = {entity: parties.buyers(entity) for entity in (1, 2)}
        self._locations: dict[int, Location] = {one.id: one for one in parties.locations}
        self.jobs: list[Job] = []
        self.invoices: list[Invoice] = []
        self.statements: list[list[Invoice]] = []

    def run(self, count: int) -> None:
        deck = deal(self._rng, STORIES, max(len(STORIES), count * 93 // 100))
        days = len(self._month.days)
        for position, story in enumerate(deck):
            day = position * days // len(deck)
            # The stories with a second act need days left in the month for it.
            last = days - 9 if story in ("edited", "voided", "adjusted", "adjusted_twice", "statement") else days - 1
            self._tell(story, min(day, last))

    def unmapped(self, unit: int) -> None:
        """One plain invoice of a business unit that the demo mapping does not know."""
        day = self._rng.randrange(len(self._month.days) - 1)
        customer = self._buyer(1, day)
        self._add(customer, unit, day, self._maker(day), None)

    def _tell(self, story: str, day: int) -> None:
        rng = self._rng
        entity = 2 if rng.random() < 0.12 else 1
        customer = self._buyer(entity, day)
        unit = rng.choice(UNITS_OF_ENTITY[entity])
        maker = self._maker(day, late=story == "late_evening")
        if story == "membership":
            invoice = self._add(customer, unit, day, maker, maker.membership(), configuration="MembershipInvoice")
            invoice.membership_id = invoice.id + 1
        elif story == "counter":
            self._add(customer, unit, day, maker, maker.counter(), configuration="CounterSales")
        elif story == "project":
            lines = maker.work(unit, entity, big=True, mixed_units=False)
            invoice = self._add(customer, unit, day, maker, lines, configuration="ProjectInvoice")
            invoice.project_id = invoice.id + 1
        elif story == "statement":
            units = [rng.choice(UNITS_OF_ENTITY[entity]) for _ in range(3)]
            self.statements.append([self._add(customer, one, day + n, maker, None) for n, one in enumerate(units)])
        else:
            self._job_story(story, customer, unit, day, maker)

    def _job_story(self, story: str, customer: Customer, unit: int, day: int, maker: LineMaker) -> None:
        rng, entity = self._rng, customer.entity
        job = self._job(customer, unit, maker.created)
        lines = maker.work(unit, entity, big=story == "big", mixed_units=story == "mixed_units")
        if story == "discount":
            lines.append(maker.discount(lines))
        elif story == "discounted_away":
            for one in lines:
                one.taxable = False
            lines.append(maker.discount(lines, whole=True))
        elif story == "zero":
            lines = [maker.free_line()] if rng.random() < 0.5 else []
        elif story == "free_line":
            lines.append(maker.free_line())
        invoice = self._add(customer, unit, day, maker, None if story == "pending_empty" else lines, job=job)
        if story == "pending_empty":
            invoice.lines = None
            invoice.subtotal_cents = invoice.tax_cents = 0
        if story in ("pending", "pending_empty"):
            invoice.status, invoice.batch = "Pending", None
        elif story == "exported":
            invoice.status, invoice.export_id = "Exported", f"LEGACY-{invoice.number}"
        elif story == "two_for_job":
            self._add(customer, unit, day, maker, maker.counter(), job=job)
        elif story == "back_dated":
            invoice.invoice_date -= timedelta(days=day + rng.randrange(1, 9))
            invoice.due_date = invoice.invoice_date + timedelta(days=TERM_DAYS[invoice.terms])
        elif story in ("adjusted", "adjusted_twice"):
            self._adjust(invoice, customer, job, day, 2 if story == "adjusted_twice" else 1)
        elif story == "edited":
            self._edit(invoice, day + rng.randrange(1, 8))
        elif story == "voided":
            invoice.active = False
            invoice.modified = self._month.at(day + rng.randrange(1, 8), 9 * HOUR + rng.randrange(8 * HOUR))

    def _edit(self, invoice: Invoice, day: int) -> None:
        """Posted, then a line's price is corrected days later: same id, new totals, ``modified`` far after the date."""
        when = self._month.at(day, 8 * HOUR + rng_ticks(self._rng, 9))
        line = (invoice.lines or [])[0]
        line.price_cents += 1 + self._rng.randrange(4000)
        line.total_cents = half_up(Fraction(line.price_cents * line.quantity, 100))
        line.modified = invoice.modified = when
        retotal(invoice)

    def _adjust(self, parent: Invoice, customer: Customer, job: Job, day: int, times: int) -> None:
        """A credit for part of the parent, or for all of it in two steps, in invoices numbered ``-1``, ``-2``."""
        lines = [one for one in parent.lines or [] if one.total_cents > 0]
        parts = [lines] if times == 1 else [lines[:1], lines[1:] or lines[:1]]
        for nth, part in enumerate(parts, start=1):
            later = day + 1 + self._rng.randrange(5)
            maker = self._maker(later)
            child = self._add(customer, parent.business_unit_id, later, maker, maker.reversed(part), job=job)
            child.adjusts_id, child.number = parent.id, f"{parent.number}-{nth}"
            child.configuration = parent.configuration
            child.due_date, child.terms = child.invoice_date, "Due Upon Receipt"

    def _buyer(self, entity: int, day: int) -> Customer:
        opening = self._month.midnights[day]
        buyers = self._buyers[entity]
        for _ in range(20):
            # Cubed, so that few customers have many invoices, as in life.
            chosen = buyers[int(self._rng.random() ** 3 * len(buyers))]
            if chosen.created < opening:
                return chosen
        return next(one for one in buyers if one.created < opening)

    def _maker(self, day: int, *, late: bool = False) -> LineMaker:
        hour = 21 if late else 7 + self._rng.randrange(9)
        return LineMaker(self._rng, self._number, self._month.at(day, hour * HOUR + rng_ticks(self._rng, 1)))

    def _job(self, customer: Customer, unit: int, done: int) -> Job:
        identity = self._number("job")
        booked = done - self._rng.randrange(1, 48) * HOUR
        job = Job(id=identity, number=str(identity)[-8:], customer_id=customer.id,
                  location_id=customer.location_ids[-1], business_unit_id=unit, status="Completed", created=booked,
                  modified=done, completed=done)  # fmt: skip
        self.jobs.append(job)
        return job

    def _add(
        self, customer: Customer, unit: int, day: int, maker: LineMaker, lines: list[InvoiceLine] | None, *,
        job: Job | None = None, configuration: str = "JobInvoice",
    ) -> Invoice:  # fmt: skip
        """A posted invoice. Without ``job`` one is booked where the kind needs one; without ``lines`` work is done."""
        if job is None and configuration == "JobInvoice":
            job = self._job(customer, unit, maker.created)
        if lines is None:
            lines = maker.work(unit, customer.entity, big=False, mixed_units=False)
        location = self._locations[job.location_id if job else customer.location_ids[0]]
        identity = self._number("invoice")
        opened = max(maker.created, self._month.midnights[day])
        posted = self._month.at(day, 18 * HOUR + rng_ticks(self._rng, 5))
        invoiced = self._month.day(day)
        terms = TERM[customer.payment_term_id].name
        invoice = Invoice(
            id=identity, number=job.number if job else str(identity)[-8:], configuration=configuration, status="Posted",
            customer_id=customer.id, location_id=location.id, business_unit_id=unit,
            tax_zone_id=EXEMPT_ZONE if customer.tax_exempt else location.tax_zone_id, terms=terms,
            invoice_date=invoiced, due_date=invoiced + timedelta(days=TERM_DAYS[terms]), created=opened,
            modified=max(posted, opened + TICKS), lines=lines, subtotal_cents=0, tax_cents=0,
            job_id=job.id if job else None, batch=day + 1,
            summary=self._rng.choice(_SUMMARIES))  # fmt: skip
        if job is not None and job.invoice_id:
            invoice.number = f"{job.number}-{len(self.invoices) % 90 + 10}"
        elif job is not None:
            job.invoice_id = identity
        retotal(invoice)
        self.invoices.append(invoice)
        return invoice


def retotal(invoice: Invoice) -> None:
    """Subtotal and tax anew from the lines."""
    lines = invoice.lines or []
    invoice.subtotal_cents = sum(one.total_cents for one in lines)
    invoice.tax_cents = tax_cents(lines, TAX_ZONE[invoice.tax_zone_id].rate)


def rng_ticks(rng: Random, hours: int) -> int:
    """A random span below so many hours, to the last tick."""
    return int(rng.random() * hours * HOUR)
