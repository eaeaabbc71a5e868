"""What is kept of the reference data (accounting and settings). Invariant: see ``record``."""

from st_pipelines.systems.servicetitan.record import Instant, NumberAmount, Record


class PaymentType(Record, kw_only=True):
    id: int
    name: str
    created_on: Instant | None = None
    modified_on: Instant | None = None


class PaymentTerm(Record, kw_only=True):
    id: int | None = None
    name: str | None = None
    active: bool
    due_day_type: str
    due_day: int | None = None
    is_customer_default: bool
    is_vendor_default: bool
    created_on: Instant
    modified_on: Instant


class TaxRate(Record, kw_only=True):
    id: int | None = None
    tax_name: str | None = None
    tax_rate: NumberAmount
    sales_tax_item: str | None = None


class TaxZone(Record, kw_only=True):
    id: int
    name: str | None = None
    active: bool
    created_on: Instant
    modified_on: Instant
    rates: list[TaxRate]


class GlAccountExtended(Record, kw_only=True):
    id: int
    name: str | None = None
    number: str | None = None
    type: str | None = None
    subtype: str | None = None
    active: bool
    source: str
    default_account_type: str | None = None
    created_on: Instant
    modified_on: Instant


class BusinessUnitTenant(Record, kw_only=True):
    id: int
    name: str


class BusinessUnit(Record, kw_only=True):
    id: int
    active: bool
    name: str
    official_name: str | None = None
    currency: str | None = None
    account_code: str | None = None
    quickbooks_class: str | None = None
    tenant: BusinessUnitTenant | None = None
    created_on: Instant
    modified_on: Instant
