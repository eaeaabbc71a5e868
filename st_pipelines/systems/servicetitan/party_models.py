"""What is kept of customers, vendors, purchase orders and receipts (crm and inventory). Invariant: see ``record``."""

from st_pipelines.systems.servicetitan.record import Instant, NumberAmount, Record


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
