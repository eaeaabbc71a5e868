"""Invoice lines and their tax. Invariant: subtotal is the sum of the lines, tax is half-up on the taxable ones."""

from fractions import Fraction
from random import Random

from st_pipelines.sandbox.business.company import (
    COST_ACCOUNT,
    DISCOUNTS,
    EQUIPMENT,
    MATERIALS,
    MEMBERSHIPS,
    SERVICES,
    UNITS_OF_ENTITY,
    Sku,
)  # fmt: skip
from st_pipelines.sandbox.business.model import InvoiceLine
from st_pipelines.sandbox.business.numbering import Numbering

_HTML = (
    "<p>Replaced &amp; tested. <b>Customer&#39;s own part</b> was defective.</p>",
    "<ul><li>Checked pressure</li><li>Cleaned coil</li></ul><br/>Next visit: spring",
    "Installed per code § 210.12 – “AFCI” <i>see photo</i>",
)


def half_up(amount: Fraction) -> int:
    """To the whole cent, halves away from zero, on both sides alike."""
    rounded = (2 * abs(amount.numerator) + amount.denominator) // (2 * amount.denominator)
    return rounded if amount >= 0 else -rounded


def tax_cents(lines: list[InvoiceLine], rate: Fraction) -> int:
    return half_up(rate * sum(one.total_cents for one in lines if one.taxable))


class LineMaker:
    """Lines of one document, all created at the same instant."""

    def __init__(self, rng: Random, number: Numbering, created: int) -> None:
        self._rng, self._number, self.created = rng, number, created

    def line(self, sku: Sku, quantity: int, price_cents: int, *, unit: int | None = None, sign: int = 1) -> InvoiceLine:
        html = self._rng.random() < 0.15
        cost_account = COST_ACCOUNT.get(sku.kind)
        return InvoiceLine(
            id=self._number("line"), sku_id=sku.id, sku_name=sku.code, kind=sku.kind,
            description=self._rng.choice(_HTML) if html else sku.name, quantity=quantity * sign,
            price_cents=price_cents, cost_cents=half_up(Fraction(sku.unit_cost, 100)),
            total_cents=half_up(Fraction(price_cents * quantity * sign, 100)), taxable=sku.taxable,
            account_id=sku.account_id, cost_account_id=cost_account, created=self.created, modified=self.created,
            business_unit_id=unit, membership_type_id=sku.membership_type_id)  # fmt: skip

    def work(self, business_unit: int, entity: int, *, big: bool, mixed_units: bool) -> list[InvoiceLine]:
        """One to six lines of labor, material and, for big jobs, equipment. ``mixed_units``: every second line carries
        its own business unit, always of the same entity."""
        rng = self._rng
        made = [self.line(rng.choice(SERVICES), rng.choice((100, 100, 150, 225, 300)), _price(rng, 8900, 32500))]
        for _ in range(rng.randrange(4)):
            sku = rng.choice(MATERIALS)
            made.append(self.line(sku, rng.choice((100, 200, 400, 1275)), sku.price_cents))
        if big:
            sku = rng.choice(EQUIPMENT)
            made.append(self.line(sku, 100, sku.price_cents))
        if mixed_units:
            made.append(self.line(rng.choice(SERVICES), 100, _price(rng, 8900, 20000)))
            others = [one for one in UNITS_OF_ENTITY[entity] if one != business_unit] or [business_unit]
            for line in made[1::2]:
                line.business_unit_id = rng.choice(others)
        return made

    def membership(self) -> list[InvoiceLine]:
        sku = self._rng.choice(MEMBERSHIPS)
        return [self.line(sku, 100, sku.price_cents)]

    def counter(self) -> list[InvoiceLine]:
        chosen = [self._rng.choice(MATERIALS) for _ in range(self._rng.randrange(1, 4))]
        return [self.line(sku, self._rng.choice((100, 200, 500)), sku.price_cents) for sku in chosen]

    def discount(self, lines: list[InvoiceLine], *, whole: bool = False) -> InvoiceLine:
        """A negative PriceModifier: the whole subtotal, or up to three tenths of what it may reduce."""
        sku = self._rng.choice(DISCOUNTS)
        if whole:
            made = self.line(DISCOUNTS[0], 100, -sum(one.total_cents for one in lines))
            return made
        limit = sum(one.total_cents for one in lines if one.taxable or not sku.taxable)
        return self.line(sku, 100, -max(1, limit * self._rng.randrange(1, 31) // 100) if limit > 0 else 0)

    def free_line(self) -> InvoiceLine:
        """Not chargeable: shown to the customer, worth nothing."""
        made = self.line(SERVICES[0], 100, 0)
        made.chargeable = False
        return made

    def reversed(self, lines: list[InvoiceLine]) -> list[InvoiceLine]:
        """The same lines with negative quantities, as an adjustment invoice has them."""
        skus = {one.id: one for one in (*SERVICES, *MATERIALS, *EQUIPMENT, *MEMBERSHIPS)}
        return [
            self.line(skus[one.sku_id], one.quantity, one.price_cents, unit=one.business_unit_id, sign=-1)
            for one in lines if one.sku_id in skus and one.chargeable
        ]  # fmt: skip


def _price(rng: Random, low: int, high: int) -> int:
    return low + int(rng.random() * (high - low))
