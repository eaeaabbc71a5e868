"""Purchase orders, receipts (numbers) and inventory bills (texts). Invariant: ``billAmount`` is the bill's gross."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.business.calendar import date_text, instant_text
from st_pipelines.sandbox.business.model import Business, Vendor
from st_pipelines.sandbox.business.orders import Bill, BillLine, OrderLine, PurchaseOrder, Receipt
from st_pipelines.sandbox.servicetitan.records import amounts

_DEPOT = {"street": "1 Depot Rd", "unit": None, "city": "Austin", "state": "TX", "zip": "78701", "country": "USA"}


def records(business: Business) -> Iterator[tuple[str, dict[str, Any]]]:
    vendors = {one.id: one for one in business.vendors}
    job_numbers = {one.id: one.number for one in business.jobs}
    yield from (("purchase_orders", _order(one)) for one in business.purchase_orders)
    yield from (("receipts", receipt_record(one)) for one in business.receipts)
    yield from (("bills", _bill(one, vendors[one.vendor_id], job_numbers)) for one in business.bills)


def _order(one: PurchaseOrder) -> dict[str, Any]:
    total = sum(line.total_cents for line in one.lines) + one.tax_cents + one.shipping_cents
    return {
        "id": one.id, "number": one.number, "invoiceId": None, "jobId": one.job_id, "projectId": None,
        "status": one.status, "typeId": 701, "vendorId": one.vendor_id, "technicianId": None, "shipTo": _DEPOT,
        "businessUnitId": one.business_unit_id, "inventoryLocationId": 801, "batchId": None, "budgetCodeId": None,
        "vendorDocumentNumber": "", "date": date_text(one.ordered), "requiredOn": None,
        "sentOn": None if one.sent is None else instant_text(one.sent),
        "receivedOn": None if one.received is None else instant_text(one.received),
        "createdOn": instant_text(one.created), "modifiedOn": instant_text(one.modified),
        "total": amounts.number(total), "tax": amounts.number(one.tax_cents),
        "shipping": amounts.number(one.shipping_cents), "createdById": 40_000_017, "summary": "",
        "items": [_order_line(line, one) for line in one.lines], "customFields": [],
    }  # fmt: skip


def _order_line(one: OrderLine, order: PurchaseOrder) -> dict[str, Any]:
    status = "Received" if one.received >= one.quantity else "PartiallyReceived" if one.received else "Pending"
    return {
        "id": one.id, "skuId": one.sku_id, "description": one.description, "createdOn": instant_text(order.created),
        "modifiedOn": instant_text(order.modified), "skuName": one.sku_name, "skuCode": one.sku_code,
        "skuType": one.kind, "vendorPartNumber": "", "quantity": amounts.number(one.quantity),
        "quantityReceived": amounts.number(one.received), "cost": amounts.unit_cost_number(one.unit_cost),
        "total": amounts.number(one.total_cents), "serialNumbers": [], "status": status, "chargeable": True,
        "budgetCodeId": None,
    }  # fmt: skip


def receipt_record(one: Receipt) -> dict[str, Any]:
    lines = sum(line.quantity * line.order_line.unit_cost // 10_000 for line in one.lines)
    return {
        "id": one.id, "active": one.active, "number": one.number, "vendorInvoiceNumber": one.vendor_invoice,
        "createdById": 40_000_017, "memo": "", "purchaseOrderId": one.order_id, "billId": one.bill_id, "jobId": None,
        "businessUnitId": one.business_unit_id, "vendorId": one.vendor_id, "technicianId": None,
        "inventoryLocationId": 801, "shipTo": _DEPOT, "shipToDescription": "Main warehouse",
        "receiptAmount": amounts.number(lines + one.tax_cents + one.shipping_cents + one.other_cents),
        "taxAmount": amounts.number(one.tax_cents), "shippingAmount": amounts.number(one.shipping_cents),
        "receivedOn": instant_text(one.received), "createdOn": instant_text(one.created),
        "modifiedOn": instant_text(one.modified), "batchId": None, "syncStatus": one.status, "budgetCodeId": None,
        "landedCostMethod": "None", "otherAmount": amounts.number(one.other_cents),
        "items": [_receipt_line(line.id, line.order_line, line.quantity) for line in one.lines], "customFields": [],
    }  # fmt: skip


def _receipt_line(identity: int, line: OrderLine, quantity: int) -> dict[str, Any]:
    account = dict(amounts.account(line.account_id) or {})
    account.pop("id", None)
    return {
        "id": identity, "skuId": line.sku_id, "name": line.sku_name, "code": line.sku_code,
        "description": line.description, "quantity": amounts.number(quantity),
        "cost": amounts.unit_cost_number(line.unit_cost), "generalLedgerAccount": account,
        "costOfSaleAccount": account, "assetAccount": None, "purchaseOrderItemId": line.id, "budgetCodeId": None,
        "allocatedShipping": Decimal(0), "allocatedTax": Decimal(0), "allocatedOtherCosts": Decimal(0),
        "fullyLandedUnitCost": amounts.unit_cost_number(line.unit_cost),
    }  # fmt: skip


def _bill(one: Bill, vendor: Vendor, job_numbers: dict[int, str]) -> dict[str, Any]:
    return {
        "id": one.id, "purchaseOrderId": one.order_id, "syncStatus": one.status, "referenceNumber": one.number,
        "vendorNumber": one.vendor_invoice, "summary": None, "billDate": date_text(one.billed),
        "billAmount": amounts.text(one.total_cents), "taxAmount": amounts.text(one.tax_cents),
        "shippingAmount": amounts.text(one.shipping_cents), "landedCostMethod": "None",
        "otherAmount": amounts.text(one.other_cents), "createdBy": "purchasing",
        "createdOn": instant_text(one.created), "modifiedOn": instant_text(one.modified), "termName": one.terms,
        "dueDate": date_text(one.due), "shipToDescription": "Main warehouse", "postDate": date_text(one.posted),
        "batch": amounts.batch(one.batch), "businessUnit": amounts.business_unit(one.business_unit_id),
        "taxZone": None, "vendor": {"id": vendor.id, "name": vendor.name}, "shipTo": _DEPOT, "budgetCodeId": None,
        "items": [_bill_line(line, nth) for nth, line in enumerate(one.lines, start=1)], "customFields": None,
        "jobId": one.job_id, "jobNumber": None if one.job_id is None else job_numbers[one.job_id],
        "dateReconciled": None, "active": one.active,
    }  # fmt: skip


def _bill_line(one: BillLine, order: int) -> dict[str, Any]:
    line = one.order_line
    cost = amounts.unit_cost_text(line.unit_cost)
    return {
        "order": order, "name": line.sku_name, "description": line.description,
        "quantity": amounts.text(one.quantity), "cost": cost, "allocatedTax": "0.00", "allocatedShipping": "0.00",
        "allocatedOtherCosts": "0.00", "fullyLandedUnitCost": cost, "inventoryLocation": "Main warehouse",
        "serialNumber": None, "generalLedgerAccount": amounts.account(line.account_id),
        "costOfSaleAccount": amounts.account(line.account_id), "assetAccount": None, "id": one.id,
        "skuId": line.sku_id, "receiptItemId": one.receipt_line_id, "skuType": line.kind, "skuCode": line.sku_code,
        "budgetCodeId": None,
    }  # fmt: skip
