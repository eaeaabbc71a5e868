"""Procurement's records as typed values. Invariant: a record is read whole and exact or it is ``Unreadable`` with the
column that is to blame; one bad record costs no page.

Names on the left are ours (the profile's left side). Amounts are ``Decimal`` with their currency, instants are UTC,
statuses are the labels of the instance.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec

from st_pipelines.systems.servicenow.fields import Fields


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    sys_id: str
    modified_on: datetime
    number: str
    name: str
    is_active: bool


class PurchaseOrder(msgspec.Struct, frozen=True, kw_only=True):
    sys_id: str
    modified_on: datetime
    number: str
    supplier: str
    status: str
    currency: str
    amount: Decimal


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """``received_quantity`` and ``invoiced_quantity`` as ServiceNow shows them; QAD's own decide. ``amount``: None
    where the line has none, and then no currency."""

    sys_id: str
    modified_on: datetime
    order: str
    line_number: str
    quantity: Decimal
    received_quantity: Decimal
    invoiced_quantity: Decimal
    currency: str
    amount: Decimal | None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A correction is a receipt with a negative quantity."""

    sys_id: str
    modified_on: datetime
    number: str
    order: str
    order_line: str
    quantity: Decimal
    status: str


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """``order`` and ``order_line`` are empty on a line without purchase order; ``order_currency`` also where an amount
    of the order does not say it."""

    sys_id: str
    modified_on: datetime
    invoice: str
    line_number: str
    description: str
    quantity: Decimal
    currency: str
    unit_price: Decimal
    amount: Decimal
    tax: Decimal
    order: str
    order_line: str
    cost_center: str
    gl_account: str
    order_currency: str = ""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier's invoice with all its lines. Its identity is supplier and ``supplier_invoice_number`` (and type): a
    corrected one that is submitted again is another row. ``voucher`` and ``message``: what the ERP told last."""

    sys_id: str
    modified_on: datetime
    number: str
    state: str
    type: str
    supplier: str
    supplier_invoice_number: str
    invoice_date: date
    currency: str
    amount: Decimal
    tax: Decimal
    order: str
    legal_entity: str
    due_date: date | None = None
    freight: Decimal = Decimal(0)
    voucher: str = ""
    message: str = ""
    lines: tuple[InvoiceLine, ...] = ()


@dataclass(frozen=True)
class Unreadable:
    """``why`` names the column and what it holds."""

    table: str
    sys_id: str
    number: str
    why: str

    def __str__(self) -> str:
        return f"{self.table} {self.number or self.sys_id}: {self.why}"


def supplier(row: Fields) -> Supplier:
    return Supplier(sys_id=row.sys_id, modified_on=row.modified_on, number=row.text("number", needed=True),
                    name=row.text("name", needed=True), is_active=row.flag("active"))  # fmt: skip


def purchase_order(row: Fields) -> PurchaseOrder:
    currency, amount = row.money("amount")
    return PurchaseOrder(sys_id=row.sys_id, modified_on=row.modified_on, number=row.text("number", needed=True),
                         supplier=row.text("supplier"), status=row.label("status"), currency=currency,
                         amount=amount)  # fmt: skip


def order_line(row: Fields) -> OrderLine:
    currency, amount = row.money("amount") if row.text("amount") else ("", None)
    return OrderLine(
        sys_id=row.sys_id, modified_on=row.modified_on, order=row.text("order", needed=True),
        line_number=row.text("line_number", needed=True), quantity=row.number("quantity"),
        received_quantity=row.number("received_quantity", needed=False),
        invoiced_quantity=row.number("invoiced_quantity", needed=False), currency=currency, amount=amount,
    )  # fmt: skip


def receipt(row: Fields) -> Receipt:
    return Receipt(sys_id=row.sys_id, modified_on=row.modified_on, number=row.text("number", needed=True),
                   order=row.text("order"), order_line=row.text("order_line", needed=True),
                   quantity=row.number("quantity"), status=row.label("status"))  # fmt: skip


def invoice(row: Fields) -> Invoice:
    currency, amount = row.money("amount")
    _, tax = row.money("tax", currency, needed=False)
    _, freight = row.money("freight", currency, needed=False) if row.has("freight") else (currency, Decimal(0))
    return Invoice(
        sys_id=row.sys_id, modified_on=row.modified_on, number=row.text("number", needed=True),
        state=row.label("state"), type=row.text("type"), supplier=row.text("supplier", needed=True),
        supplier_invoice_number=row.text("supplier_invoice_number", needed=True), invoice_date=row.day("invoice_date"),
        currency=currency, amount=amount, tax=tax, order=row.text("order"), legal_entity=row.text("legal_entity"),
        due_date=row.optional_day("due_date"), freight=freight, voucher=row.text("voucher"),
        message=row.text("message"),
    )  # fmt: skip


def invoice_line(row: Fields) -> InvoiceLine:
    currency, amount = row.money("amount")
    _, unit_price = row.money("unit_price", currency, needed=False)
    _, tax = row.money("tax", currency, needed=False)
    return InvoiceLine(
        sys_id=row.sys_id, modified_on=row.modified_on, invoice=row.text("invoice", needed=True),
        line_number=row.text("line_number", needed=True), description=row.text("description"),
        quantity=row.number("quantity"), currency=currency, unit_price=unit_price,
        amount=amount, tax=tax, order=row.text("order"),
        order_line=row.text("order_line"), cost_center=row.text("cost_center"), gl_account=row.text("gl_account"),
        order_currency=row.currency("order_amount"),
    )  # fmt: skip
