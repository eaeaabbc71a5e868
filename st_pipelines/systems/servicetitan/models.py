"""What is kept of each ServiceTitan record, as msgspec Structs. Invariant: names and types are the published ones.

Unknown keys are ignored (the raw page keeps them); a missing required field makes the record unreadable. Amounts are
never floats: the accounting module writes them as text, the others as JSON numbers, and both reach a decimal column.
Enumerations are kept as text, because a new value must hold one document, not stop a page.
"""

from decimal import Decimal
from typing import Annotated

import msgspec

TextAmount = Annotated[str, msgspec.Meta(extra={"kind": "amount"})]
NumberAmount = Annotated[Decimal, msgspec.Meta(extra={"kind": "amount"})]
CalendarDate = Annotated[str, msgspec.Meta(extra={"kind": "date"})]  # midnight with Z, never shifted into a zone
Instant = Annotated[str, msgspec.Meta(extra={"kind": "instant"})]  # UTC, up to seven decimals, kept as received


class Record(msgspec.Struct, rename="camel", gc=False):
    """Fields with a default are those that the document calls nullable."""


# Accounting


class Named(Record, kw_only=True):
    id: int
    name: str | None = None


class GlAccount(Record, kw_only=True):
    name: str | None = None
    number: str | None = None


class Reference(Record, kw_only=True):
    """A named thing of which only the id matters here."""

    id: int


class InvoiceItem(Record, kw_only=True):
    id: int
    order: int
    type: str
    sku_id: int
    sku_name: str | None = None
    description: str | None = None
    quantity: TextAmount | None = None
    total: TextAmount | None = None
    is_chargeable: bool
    membership_type_id: int
    general_ledger_account: GlAccount | None = None
    business_unit: Reference | None = None


class Invoice(Record, kw_only=True):
    id: int
    active: bool
    sync_status: str | None = None
    reference_number: str | None = None
    invoice_configuration: str
    invoice_date: CalendarDate | None = None
    due_date: CalendarDate | None = None
    sub_total: TextAmount | None = None
    sales_tax: TextAmount | None = None
    total: TextAmount | None = None
    tax_zone_id: int | None = None
    customer: Named | None = None
    location: Reference | None = None
    business_unit: Reference | None = None
    term_name: str | None = None
    batch: Reference | None = None
    job: Reference | None = None
    adjustment_to_id: int | None = None
    summary: str | None = None
    export_id: str | None = None
    created_on: Instant
    modified_on: Instant | None = None
    items: list[InvoiceItem] | None = None


class PaymentApplication(Record, kw_only=True):
    """``applied_to`` is the invoice's id, ``applied_id`` the id of this row."""

    applied_id: int
    applied_to: int
    applied_amount: TextAmount | None = None
    applied_on: Instant | None = None
    applied_to_reference_number: str | None = None


class Payment(Record, kw_only=True):
    id: int
    active: bool
    sync_status: str | None = None
    reference_number: str | None = None
    check_number: str | None = None
    date: CalendarDate | None = None
    type: str | None = None
    type_id: str | None = None
    total: TextAmount | None = None
    unapplied_amount: TextAmount | None = None
    memo: str | None = None
    refunded_payment_id: int | None = None
    customer: Named | None = None
    business_unit: Reference | None = None
    batch: Reference | None = None
    general_ledger_account: GlAccount | None = None
    created_on: Instant
    modified_on: Instant
    applied_to: list[PaymentApplication] | None = None


class BillItem(Record, kw_only=True):
    id: int
    order: int
    sku_id: int
    sku_type: str
    sku_code: str
    name: str | None = None
    description: str | None = None
    quantity: TextAmount | None = None
    cost: TextAmount | None = None
    receipt_item_id: int | None = None
    general_ledger_account: GlAccount | None = None
    cost_of_sale_account: GlAccount | None = None


class Bill(Record, kw_only=True):
    """``active`` is only in the export feed's rows: None means that nobody said whether the bill still stands."""

    id: int
    active: bool | None = None
    sync_status: str | None = None
    purchase_order_id: int | None = None
    reference_number: str | None = None
    vendor_number: str | None = None
    bill_date: CalendarDate | None = None
    due_date: CalendarDate | None = None
    post_date: CalendarDate | None = None
    bill_amount: TextAmount | None = None
    tax_amount: TextAmount | None = None
    shipping_amount: TextAmount | None = None
    other_amount: TextAmount | None = None
    term_name: str | None = None
    vendor: Named | None = None
    business_unit: Reference | None = None
    batch: Reference | None = None
    summary: str | None = None
    created_on: Instant | None = None
    modified_on: Instant | None = None
    items: list[BillItem] | None = None


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


# Customers


class CustomerAddress(Record, kw_only=True):
    street: str
    unit: str | None = None
    city: str
    state: str
    zip: str
    country: str


class Customer(Record, kw_only=True):
    """``balance`` is left out: it is a live number, and the row would differ between two readings without meaning."""

    id: int
    active: bool
    name: str
    type: str
    address: CustomerAddress
    tax_exempt: bool
    payment_term_id: int | None = None
    merged_to_id: int | None = None
    created_on: Instant
    modified_on: Instant


class CustomerContact(Record, kw_only=True):
    id: int
    customer_id: int
    type: str
    value: str
    memo: str | None = None
    created_on: Instant
    modified_on: Instant


class Location(Record, kw_only=True):
    id: int
    customer_id: int
    active: bool
    name: str
    address: CustomerAddress
    tax_zone_id: int | None = None
    tax_exempt: bool
    merged_to_id: int | None = None
    created_on: Instant
    modified_on: Instant


# Inventory


class Address(Record, kw_only=True):
    street: str | None = None
    unit: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None


class VendorContactInfo(Record, kw_only=True):
    first_name: str
    last_name: str
    phone: str
    email: str
    fax: str


class Vendor(Record, kw_only=True):
    id: int
    name: str
    active: bool
    contact_info: VendorContactInfo
    address: Address
    created_on: Instant
    modified_on: Instant


class PurchaseOrderItem(Record, kw_only=True):
    id: int
    sku_id: int
    sku_code: str
    sku_type: str
    quantity: NumberAmount
    quantity_received: NumberAmount
    cost: NumberAmount
    total: NumberAmount
    status: str


class PurchaseOrder(Record, kw_only=True):
    id: int
    number: str
    status: str
    vendor_id: int
    business_unit_id: int | None = None
    vendor_document_number: str
    date: Instant
    received_on: Instant | None = None
    total: NumberAmount
    tax: NumberAmount
    shipping: NumberAmount
    created_on: Instant
    modified_on: Instant
    items: list[PurchaseOrderItem]


class ReceiptItem(Record, kw_only=True):
    id: int
    sku_id: int
    code: str
    name: str
    quantity: NumberAmount
    cost: NumberAmount
    purchase_order_item_id: int


class Receipt(Record, kw_only=True):
    id: int
    active: bool
    number: str
    vendor_invoice_number: str
    purchase_order_id: int
    bill_id: int | None = None
    business_unit_id: int | None = None
    vendor_id: int
    receipt_amount: NumberAmount
    tax_amount: NumberAmount
    shipping_amount: NumberAmount
    other_amount: NumberAmount | None = None
    sync_status: str
    received_on: Instant | None = None
    created_on: Instant
    modified_on: Instant
    items: list[ReceiptItem]


# Settings


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
