"""Records as ServiceTitan sends them, short: the kept fields and a few that must be ignored."""

from typing import Any


def invoice(id_: int, modified: str = "2026-10-05T12:00:00.1234567Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "active": True, "syncStatus": "Posted", "referenceNumber": str(id_), "summary": None,
        "invoiceConfiguration": "JobInvoice", "invoiceDate": "2026-10-05T00:00:00Z", "dueDate": None,
        "subTotal": "10.00", "salesTax": "0.83", "total": "10.83", "taxZoneId": 301,
        "customer": {"id": 7, "name": "Núñez & Sons"}, "location": {"id": 8, "name": "Home"},
        "businessUnit": {"id": 101, "name": "HVAC Service"}, "termName": "Net 30", "batch": None, "job": None,
        "adjustmentToId": None, "exportId": None, "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified,
        "royalty": {"status": "Pending"}, "items": [item(id_ * 10 + 1)], "notPublishedYet": {"a": [1]}, **changes,
    }  # fmt: skip


def item(id_: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "order": 1, "type": "Service", "skuId": 5, "skuName": "TUNE-UP", "description": "<p>A &amp; B</p>",
        "quantity": "1.00", "price": "10.00", "total": "10.00", "isChargeable": True, "membershipTypeId": 0,
        "generalLedgerAccount": {"id": 9001, "name": "Service Revenue", "number": "4000"}, "businessUnit": None,
        **changes,
    }  # fmt: skip


def payment(id_: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "active": True, "syncStatus": "Posted", "referenceNumber": str(id_), "checkNumber": None,
        "date": "2026-10-05T00:00:00Z", "type": "Check", "typeId": "502", "total": "50.00", "unappliedAmount": "10.00",
        "memo": None, "refundedPaymentId": None, "customer": {"id": 7, "name": "N"},
        "businessUnit": {"id": 101, "name": "H"}, "batch": None, "generalLedgerAccount": None,
        "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified,
        "appliedTo": [{"appliedId": 1, "appliedTo": 900, "appliedAmount": "40.00", "appliedOn": None,
                       "appliedBy": "x", "appliedToReferenceNumber": "900"}], **changes,
    }  # fmt: skip


def bill(id_: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "syncStatus": "Posted", "purchaseOrderId": 60, "referenceNumber": f"B{id_}",
        "vendorNumber": f"V{id_}", "billDate": "2026-10-05T00:00:00Z", "dueDate": None, "postDate": None,
        "billAmount": "30.00", "taxAmount": "0.00", "shippingAmount": "0.00", "otherAmount": None,
        "landedCostMethod": 0, "termName": "Net 15",
        "vendor": {"id": 70, "name": "Steel"}, "businessUnit": {"id": 102, "name": "H"}, "batch": None, "summary": None,
        "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified,
        "items": [{"id": id_ * 10, "order": 1, "skuId": 3, "skuType": "Material", "skuCode": "PIPE", "name": "Pipe",
                   "description": None, "quantity": "3.00", "cost": "10.00", "receiptItemId": None,
                   "generalLedgerAccount": None, "costOfSaleAccount": None}], **changes,
    }  # fmt: skip


def contact(id_: int, customer: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {"id": id_, "customerId": customer, "type": "Email", "value": f"c{id_}@example.com", "memo": None,
            "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified, **changes}  # fmt: skip


def customer(id_: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "active": True, "name": f"Customer {id_}", "type": "Residential",
        "address": {"street": "1 Main", "unit": None, "city": "Austin", "state": "TX", "zip": "78701", "country": "USA",
                    "latitude": 30.1, "longitude": None},
        "balance": 12.5, "taxExempt": False, "paymentTermId": None, "mergedToId": None,
        "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified, **changes,
    }  # fmt: skip


def location(id_: int, customer_id: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "customerId": customer_id, "active": True, "name": "Home",
        "address": {"street": "1 Main", "unit": None, "city": "Austin", "state": "TX", "zip": "78701",
                    "country": "USA"},
        "taxZoneId": 301, "taxExempt": False, "mergedToId": None, "createdOn": "2026-10-01T08:00:00Z",
        "modifiedOn": modified, **changes,
    }  # fmt: skip


def receipt(id_: int, order: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "active": True, "number": f"R{id_}", "vendorInvoiceNumber": "V1", "purchaseOrderId": order,
        "billId": None, "businessUnitId": None, "vendorId": 70, "receiptAmount": 30.0, "taxAmount": 0,
        "shippingAmount": 0.00, "otherAmount": None, "syncStatus": "Posted", "receivedOn": None,
        "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified,
        "items": [{"id": id_ * 10, "skuId": 3, "code": "PIPE", "name": "Pipe", "quantity": 3, "cost": 0.1,
                   "purchaseOrderItemId": 61}], **changes,
    }  # fmt: skip


def vendor(id_: int, modified: str = "2026-10-05T12:00:00Z", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_, "name": f"Vendor {id_}", "active": True,
        "contactInfo": {"firstName": "A", "lastName": "B", "phone": "1", "email": "v@example.com", "fax": ""},
        "address": {"street": None, "unit": None, "city": None, "state": None, "zip": None, "country": None},
        "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified, **changes,
    }  # fmt: skip


def purchase_order(id_: int, status: str = "Received", modified: str = "2026-10-05T12:00:00Z") -> dict[str, Any]:
    return {
        "id": id_, "number": f"PO{id_}", "status": status, "vendorId": 70, "businessUnitId": None,
        "vendorDocumentNumber": "", "date": "2026-10-01T00:00:00Z", "receivedOn": None, "total": 30, "tax": 0,
        "shipping": 0, "createdOn": "2026-10-01T08:00:00Z", "modifiedOn": modified, "items": [],
    }  # fmt: skip
