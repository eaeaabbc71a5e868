"""ServiceTitan's typed tables as canonical documents (``documents.frames``). Invariant: every record of the day comes
out, also the one that could not be read: it carries its reason and is held.

Decisions (design section 7): eligible is what is active and has one of the eligible sync statuses; a void is an
inactive record; ids are text; business dates are taken as they are; HTML becomes plain text.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import (
    APPLICATION_SOURCE,
    BILL_LINE_SOURCE,
    BILL_SOURCE,
    FACT_SOURCE,
    INVOICE_LINE_SOURCE,
    INVOICE_SOURCE,
    PAYMENT_SOURCE,
)
from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.parties import customers, vendors
from st_pipelines.systems.servicetitan.unreadable import with_unreadable
from st_pipelines.systems.servicetitan.vectors import (
    constant,
    first_reason,
    id_text,
    key,
    look_up,
    numbered,
    one_array,
    plain_text,
    text,
)

__all__ = ["bills", "customers", "facts", "invoices", "not_exported", "payments", "vendors"]

STATUSES = ("Pending", "Posted", "Exported")
RECEIVED = ("Received", "Exported")  # of a purchase order; Exported ones can no longer be edited

Tables = Mapping[str, pa.Table]
Frames = tuple[pa.Table, pa.Table]


class Options(Protocol):
    """What of an integration's options decides here. ``currency`` is that of business units that name none."""

    @property
    def currency(self) -> str: ...
    @property
    def eligible_statuses(self) -> Sequence[str]: ...


def invoices(tables: Tables, tenant: str, options: Options) -> Frames:
    """Tables ``invoices`` and ``invoice_items``, optional ``invoices_unreadable`` and ``business_units``; gives
    ``INVOICE_SOURCE`` and ``INVOICE_LINE_SOURCE``. A line without a business unit of its own has the header's."""
    given, items = tables["invoices"], tables["invoice_items"]
    frame = {
        **_common(given, tables, tenant, "invoice", options, "customer"),
        "customer_key": key(tenant, "customer", given["customer_id"]), "customer_name": text(given["customer_name"]),
        "invoice_date": given["invoice_date"], "due_date": given["due_date"], "sub_total": given["sub_total"],
        "tax_amount": given["sales_tax"], "total": given["total"], "tax_zone": id_text(given["tax_zone_id"]),
        "terms": text(given["term_name"]), "adjusts_key": key(tenant, "invoice", given["adjustment_to_id"]),
        "summary": plain_text(given["summary"]),
    }  # fmt: skip
    header_unit = look_up(items["invoice_id"], given["id"], given["business_unit_id"])
    lines = {
        "doc_key": key(tenant, "invoice", items["invoice_id"]), "sequence": numbered(items["invoice_id"]),
        "source_id": id_text(items["id"]),
        "business_unit": id_text(pc.coalesce(one_array(items["business_unit_id"]), header_unit)),
        "item": text(items["sku_name"]), "item_type": text(items["type"]), "gl_hint": _gl_hint(items),
        "quantity": items["quantity"], "amount": items["total"], "description": plain_text(items["description"]),
    }  # fmt: skip
    return with_unreadable(_table(frame, INVOICE_SOURCE), tables, "invoices", tenant, "invoice"), _table(
        lines, INVOICE_LINE_SOURCE
    )


def payments(tables: Tables, tenant: str, options: Options) -> Frames:
    """Tables ``payments`` and ``payment_applications``; gives ``PAYMENT_SOURCE`` and ``APPLICATION_SOURCE``.

    A refund names the payment it refunds and is negative here. The sign that ServiceTitan gives it is not published, so
    a positive one is turned over whole, applications and unapplied rest included.
    """
    given, parts = tables["payments"], tables["payment_applications"]
    positive_refund = pc.and_(pc.is_valid(given["refunded_payment_id"]), pc.greater(given["total"], pa.scalar(0)))
    turned = one_array(pc.fill_null(positive_refund, False))
    frame = {
        **_common(given, tables, tenant, "payment", options, "customer"),
        "customer_key": key(tenant, "customer", given["customer_id"]), "customer_name": text(given["customer_name"]),
        "payment_date": given["date"], "amount": _turned(given["total"], turned),
        "unapplied": _turned(given["unapplied_amount"], turned), "payment_type": text(given["type_id"]),
        "refunds_key": key(tenant, "payment", given["refunded_payment_id"]), "memo": plain_text(given["memo"]),
    }  # fmt: skip
    lines = {
        "doc_key": key(tenant, "payment", parts["payment_id"]), "sequence": numbered(parts["payment_id"]),
        "invoice_key": key(tenant, "invoice", parts["applied_to"]),
        "amount": _turned(parts["applied_amount"], look_up(parts["payment_id"], given["id"], turned)),
    }  # fmt: skip
    return with_unreadable(_table(frame, PAYMENT_SOURCE), tables, "payments", tenant, "payment"), _table(
        lines, APPLICATION_SOURCE
    )


def bills(tables: Tables, tenant: str, options: Options) -> Frames:
    """Tables ``bills`` and ``bill_items``; gives ``BILL_SOURCE`` and ``BILL_LINE_SOURCE``. A line waits for the receipt
    line it names, else for its whole purchase order."""
    given, items = tables["bills"], tables["bill_items"]
    frame = {
        **_common(given, tables, tenant, "bill", options, "vendor"),
        "vendor_key": key(tenant, "vendor", given["vendor_id"]), "vendor_name": text(given["vendor_name"]),
        "supplier_reference": text(given["vendor_number"]), "bill_date": given["bill_date"],
        "due_date": given["due_date"], "amount": given["bill_amount"], "tax_amount": given["tax_amount"],
        "freight_amount": given["shipping_amount"], "other_amount": given["other_amount"],
        "terms": text(given["term_name"]), "purchase_order": id_text(given["purchase_order_id"]),
        "summary": plain_text(given["summary"]),
    }  # fmt: skip
    order = look_up(items["bill_id"], given["id"], given["purchase_order_id"])
    receipt_line = key(tenant, "receipt_line", items["receipt_item_id"])
    lines = {
        "doc_key": key(tenant, "bill", items["bill_id"]), "sequence": numbered(items["bill_id"]),
        "source_id": id_text(items["id"]), "item": text(items["sku_code"]), "item_type": text(items["sku_type"]),
        "gl_hint": _gl_hint(items), "quantity": items["quantity"], "unit_cost": items["cost"],
        "receipt_key": pc.if_else(
            pc.equal(receipt_line, ""), key(tenant, "purchase_order_received", order), receipt_line
        ),
        "description": plain_text(items["description"]),
    }  # fmt: skip
    return with_unreadable(_table(frame, BILL_SOURCE), tables, "bills", tenant, "bill"), _table(lines, BILL_LINE_SOURCE)


def facts(tables: Tables, tenant: str) -> pa.Table:
    """Tables ``receipts``, ``receipt_items`` and ``purchase_orders``; gives ``FACT_SOURCE``: a receipt's line is true
    while the receipt is active, a purchase order's receipt once the whole order is in."""
    receipts, items, orders = tables["receipts"], tables["receipt_items"], tables["purchase_orders"]
    number = look_up(items["receipt_id"], receipts["id"], receipts["number"])
    received = {
        "key": key(tenant, "receipt_line", items["id"]),
        "is_true": look_up(items["receipt_id"], receipts["id"], receipts["active"]),
        "detail": pc.binary_join_element_wise("receipt ", number, ""),
    }
    whole = {
        "key": key(tenant, "purchase_order_received", orders["id"]),
        "is_true": pc.is_in(one_array(orders["status"]), value_set=pa.array(RECEIVED)),
        "detail": pc.binary_join_element_wise(
            "purchase order ", one_array(orders["number"]), " is ", one_array(orders["status"]), ""
        ),
    }
    return pa.concat_tables([_table(received, FACT_SOURCE), _table(whole, FACT_SOURCE)])


def not_exported(given: pa.Table, entity: str, tenant: str) -> list[str]:
    """Document keys of the active records that ServiceTitan shows as Posted, which is what Exported falls back to when
    their batch was unposted and posted anew. Table ``entity``."""
    posted = pc.and_(pc.equal(text(given["sync_status"]), "Posted"), pc.fill_null(one_array(given["active"]), False))
    found: list[str] = key(tenant, DAILY[entity].document_type, given.filter(posted)["id"]).to_pylist()
    return found


def _common(
    given: pa.Table, tables: Tables, tenant: str, document_type: str, options: Options, party: str
) -> dict[str, pa.Array]:
    rows, active, status = given.num_rows, one_array(given["active"]), text(given["sync_status"])
    known = pc.is_in(status, value_set=pa.array(STATUSES))
    stands = pc.fill_null(active, True)
    unreadable = first_reason(rows, [
        (pc.is_null(active), "active is unknown: the export feed has not shown this record yet"),
        (pc.and_(stands, pc.equal(status, "")), "syncStatus is missing"),
        (pc.and_(stands, pc.invert(known)), pc.binary_join_element_wise("unknown syncStatus ", status, "")),
        (pc.and_(stands, pc.is_null(one_array(given[f"{party}_id"]))), f"{party} is missing"),
    ])  # fmt: skip
    eligible = pc.is_in(status, value_set=pa.array(list(options.eligible_statuses), pa.string()))
    return {
        "doc_key": key(tenant, document_type, given["id"]), "source_id": id_text(given["id"]),
        "number": pc.if_else(pc.equal(text(given["reference_number"]), ""), id_text(given["id"]),
                             text(given["reference_number"])),
        "modified_on": given["modified_at"], "is_active": stands,
        "eligibility": pc.if_else(pc.or_(eligible, pc.invert(known)), "", pc.utf8_lower(status)),
        "unreadable": unreadable, "currency": _currency(given, tables, options),
        "business_unit": id_text(given["business_unit_id"]),
    }  # fmt: skip


def _currency(given: pa.Table, tables: Tables, options: Options) -> pa.Array:
    """Of the business unit, where ServiceTitan says one; else the integration's."""
    units = tables.get("business_units")
    if units is None:
        return constant(options.currency, given.num_rows)
    named = pc.fill_null(look_up(given["business_unit_id"], units["id"], units["currency"]), "")
    return pc.if_else(pc.equal(named, ""), options.currency, named)


def _gl_hint(items: pa.Table) -> pa.Array:
    """The account's number, which mapping tables are written in; its name where it has none."""
    number, name = text(items["general_ledger_account_number"]), text(items["general_ledger_account_name"])
    return pc.if_else(pc.equal(number, ""), name, number)


def _turned(amounts: pa.ChunkedArray, flags: pa.Array) -> pa.Array:
    values = one_array(amounts)
    return pc.if_else(pc.fill_null(flags, False), pc.negate(values), values)


def _table(columns: Mapping[str, pa.Array | pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([one_array(columns[name]) for name in schema.names], schema=schema)
