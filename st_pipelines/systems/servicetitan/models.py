"""What is kept of invoices, payments and bills (accounting module). Invariant: see ``record``."""

from st_pipelines.systems.servicetitan.record import CalendarDate, Instant, Record, TextAmount


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
