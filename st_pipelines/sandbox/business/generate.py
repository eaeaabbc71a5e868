"""``generate(seed, size, month, options)``: the whole business. Invariant: the same arguments give the same business.

One ``random.Random(seed)``, drawn from in one fixed order; options only add documents after all others, so that the
default documents of a seed never change.
"""

from random import Random

from st_pipelines.sandbox.business.calendar import DAY, TICKS, Month
from st_pipelines.sandbox.business.cash import Cash
from st_pipelines.sandbox.business.company import UNMAPPED_UNIT, ZONE
from st_pipelines.sandbox.business.model import Business, Invoice, Options
from st_pipelines.sandbox.business.numbering import Numbering
from st_pipelines.sandbox.business.parties import make_parties
from st_pipelines.sandbox.business.purchasing import Purchasing
from st_pipelines.sandbox.business.sales import Sales

SIZES = {"small": 60, "demo": 620, "large": 30_000}


def generate(seed: int = 1, size: str = "demo", month: str = "2026-10", options: Options | None = None) -> Business:
    """``size``: ``small`` (about 60 invoices), ``demo`` (20 a day), ``large`` (30,000), or a number of invoices as
    text. ``month``: ``YYYY-MM``. Raises ``ValueError`` for a size or month that is none."""
    options = options or Options()
    count = SIZES.get(size) or int(size)
    calendar, rng = Month(month, ZONE), Random(seed)
    number = Numbering(rng)
    parties = make_parties(rng, number, calendar, customers=max(36, count // 3), vendors=max(12, min(200, count // 40)))
    sales = Sales(rng, number, calendar, parties)
    sales.run(count)
    money = Cash(rng, number, calendar, {one.id for one in parties.customers if one.is_commercial})
    money.run(sales.invoices, sales.statements)
    purchasing = Purchasing(rng, number, calendar, parties.vendors, sales.jobs)
    purchasing.run(count // 5)
    _place_on_boundaries(calendar, sales.invoices)
    for _ in range(options.unmapped):
        sales.unmapped(UNMAPPED_UNIT)
    if options.surprises:
        _surprise(sales, money)
    return Business(
        seed=seed, size=size, month=month, options=options, customers=parties.customers, locations=parties.locations,
        contacts=parties.contacts, vendors=parties.vendors, jobs=sales.jobs, invoices=sales.invoices,
        payments=money.payments, purchase_orders=purchasing.orders, receipts=purchasing.receipts,
        bills=purchasing.bills)  # fmt: skip


def _place_on_boundaries(month: Month, invoices: list[Invoice]) -> None:
    """Some instants that break careless windows: three equal ones, local midnight, one tick before it, and the very
    first instant of the month."""
    quiet = [one for one in invoices if one.is_eligible and not one.applied_cents and one.active and one.lines]
    plain = [one for one in quiet if one.adjusts_id is None and month.index_of(one.created) < len(month.days) - 3]
    by_day = sorted(plain, key=lambda one: (one.created, one.id))
    first, tied, midnight, before = by_day[0], by_day[-3:], by_day[len(by_day) // 3], by_day[len(by_day) // 2]
    together = max(one.modified for one in tied)
    for one in tied:
        one.modified = together
    midnight.modified = month.midnights[month.index_of(midnight.modified) + 1]
    before.modified = month.midnights[month.index_of(before.modified) + 1] - 1
    first.created, first.modified = month.midnights[0] - DAY // 12, month.midnights[0]
    for line in first.lines or []:
        line.created = line.modified = first.created


def _surprise(sales: Sales, money: Cash) -> None:
    for _ in range(2):
        sales.unmapped(101)
    unbalanced, unknown = sales.invoices[-2:]
    unbalanced.off_by_cents = 5
    unbalanced.modified += TICKS
    unknown.status = "SettledElsewhere"
    money.unknown_type(unbalanced)
