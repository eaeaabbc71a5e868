"""What a field-service company did, in no system's format. Invariant: money is whole cents, instants whole ticks.

Units: ``*_cents`` US cents; ``quantity`` hundredths of a unit; ``unit_cost`` ten-thousandths of a dollar (purchases);
instants (``created``, ``modified`` …) are 100-nanosecond ticks since 1970-01-01 UTC; dates are calendar dates of the
company's own zone. Records name each other by id.
"""

from datetime import date

import msgspec

from st_pipelines.sandbox.business.orders import Bill, PurchaseOrder, Receipt


class Address(msgspec.Struct, frozen=True):
    street: str
    unit: str
    city: str
    state: str
    zip: str
    country: str = "USA"


class Customer(msgspec.Struct, kw_only=True):
    """``entity`` is the legal entity (1 or 2) whose business units serve this customer."""

    id: int
    name: str
    is_commercial: bool
    address: Address
    entity: int
    payment_term_id: int
    tax_exempt: bool
    created: int
    modified: int
    active: bool = True
    merged_to_id: int | None = None
    location_ids: list[int] = msgspec.field(default_factory=list)


class Location(msgspec.Struct, kw_only=True):
    id: int
    customer_id: int
    name: str
    address: Address
    tax_zone_id: int
    created: int
    modified: int
    active: bool = True


class Contact(msgspec.Struct, kw_only=True):
    """``kind``: Phone, MobilePhone or Email. ``owner_id`` is a customer's or a location's id."""

    id: int
    owner_id: int
    of_location: bool
    kind: str
    value: str
    memo: str
    created: int
    modified: int
    active: bool = True


class Vendor(msgspec.Struct, kw_only=True):
    id: int
    name: str
    first_name: str
    last_name: str
    phone: str
    email: str
    address: Address
    terms: str
    created: int
    modified: int
    active: bool = True


class Job(msgspec.Struct, kw_only=True):
    id: int
    number: str
    customer_id: int
    location_id: int
    business_unit_id: int
    status: str
    created: int
    modified: int
    completed: int | None = None
    invoice_id: int = 0


class InvoiceLine(msgspec.Struct, kw_only=True):
    """``business_unit_id`` only where the line has its own; ``total_cents`` is price times quantity, half-up."""

    id: int
    sku_id: int
    sku_name: str
    kind: str
    description: str
    quantity: int
    price_cents: int
    cost_cents: int
    total_cents: int
    taxable: bool
    account_id: int
    cost_account_id: int | None
    created: int
    modified: int
    business_unit_id: int | None = None
    membership_type_id: int = 0
    chargeable: bool = True


class Invoice(msgspec.Struct, kw_only=True):
    """``total_cents == subtotal_cents + tax_cents`` and ``subtotal_cents == sum of lines``, but for ``off_by_cents``,
    which only the option ``surprises`` makes non-zero."""

    id: int
    number: str
    configuration: str
    status: str
    customer_id: int
    location_id: int
    business_unit_id: int
    tax_zone_id: int
    terms: str
    invoice_date: date
    due_date: date
    created: int
    modified: int
    lines: list[InvoiceLine] | None
    subtotal_cents: int
    tax_cents: int
    job_id: int | None = None
    project_id: int | None = None
    adjusts_id: int | None = None
    membership_id: int | None = None
    batch: int | None = None
    active: bool = True
    summary: str | None = None
    applied_cents: int = 0
    paid_on: int | None = None
    export_id: str | None = None
    off_by_cents: int = 0

    @property
    def total_cents(self) -> int:
        return self.subtotal_cents + self.tax_cents + self.off_by_cents

    @property
    def is_eligible(self) -> bool:
        return self.active and self.status in ("Posted", "Exported")


class Application(msgspec.Struct, kw_only=True):
    id: int
    invoice_id: int
    invoice_number: str
    cents: int
    applied: int


class Payment(msgspec.Struct, kw_only=True):
    """``total_cents`` is negative for a refund; applications plus the unapplied rest are the total."""

    id: int
    number: str
    status: str
    customer_id: int
    business_unit_id: int
    payment_type_id: int
    payment_type: str
    account_id: int
    paid: date
    total_cents: int
    created: int
    modified: int
    applications: list[Application] = msgspec.field(default_factory=list)
    check_number: str | None = None
    memo: str | None = None
    refunds_id: int | None = None
    batch: int | None = None
    active: bool = True

    @property
    def unapplied_cents(self) -> int:
        return self.total_cents - sum(one.cents for one in self.applications)

    @property
    def is_eligible(self) -> bool:
        return self.active and self.status in ("Posted", "Exported")


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``unmapped``: that many invoices of business unit 107. ``surprises``: an unknown payment type, an invoice that
    does not add up and an unknown sync status, one each. With the defaults every eligible document can be mapped."""

    unmapped: int = 0
    surprises: bool = False


class Business(msgspec.Struct, kw_only=True):
    """One month of one company: ``month`` as ``2026-10``."""

    seed: int
    size: str
    month: str
    options: Options
    customers: list[Customer]
    locations: list[Location]
    contacts: list[Contact]
    vendors: list[Vendor]
    jobs: list[Job]
    invoices: list[Invoice]
    payments: list[Payment]
    purchase_orders: list[PurchaseOrder]
    receipts: list[Receipt]
    bills: list[Bill]
