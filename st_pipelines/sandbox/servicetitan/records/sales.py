"""Jobs, invoices and payments as ServiceTitan records. Invariant: the texts say exactly the business's cents."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.business.calendar import date_text, instant_text
from st_pipelines.sandbox.business.company import TAX_ZONE
from st_pipelines.sandbox.business.model import Business, Customer, Invoice, InvoiceLine, Job, Location, Payment
from st_pipelines.sandbox.servicetitan.records import amounts

_INVOICE_TYPES = {"JobInvoice": (1, "Job"), "ProjectInvoice": (2, "Project"), "CounterSales": (3, "POS"),
                  "MembershipInvoice": (4, "Membership")}  # fmt: skip
_JOB_TYPE = "Service call"


def records(business: Business) -> Iterator[tuple[str, dict[str, Any]]]:
    customers = {one.id: one for one in business.customers}
    locations = {one.id: one for one in business.locations}
    jobs = {one.id: one for one in business.jobs}
    totals: dict[int, int] = {}
    for one in business.invoices:
        if one.job_id is not None and one.active:
            totals[one.job_id] = totals.get(one.job_id, 0) + one.total_cents
        job = jobs[one.job_id] if one.job_id is not None else None
        yield "invoices", invoice_record(one, customers[one.customer_id], locations[one.location_id], job)
    yield from (("jobs", _job(one, totals.get(one.id, 0))) for one in business.jobs)
    yield from (("payments", _payment(one, customers[one.customer_id])) for one in business.payments)


def invoice_record(one: Invoice, customer: Customer, location: Location, job: Job | None) -> dict[str, Any]:
    zone = TAX_ZONE[one.tax_zone_id]
    type_id, type_name = _INVOICE_TYPES[one.configuration]
    discount = sum(line.total_cents for line in one.lines or [] if line.kind == "PriceModifier")
    return {
        "id": one.id, "syncStatus": one.status, "budgetCodeId": None, "referenceNumber": one.number,
        "invoiceDate": date_text(one.invoice_date), "dueDate": date_text(one.due_date),
        "subTotal": amounts.text(one.subtotal_cents), "salesTax": amounts.text(one.tax_cents),
        "salesTaxCode": {"id": zone.id + 1000, "name": zone.name, "taxRate": Decimal(zone.rate_text)},
        "taxZoneId": zone.id, "total": amounts.text(one.total_cents),
        "balance": amounts.text(one.total_cents - one.applied_cents),
        "invoiceType": {"id": type_id, "name": type_name}, "customer": {"id": customer.id, "name": customer.name},
        "customerAddress": amounts.address(customer.address), "location": {"id": location.id, "name": location.name},
        "locationAddress": amounts.address(location.address),
        "businessUnit": amounts.business_unit(one.business_unit_id), "termName": one.terms, "createdBy": "dispatch",
        "batch": amounts.batch(one.batch), "depositedOn": None, "createdOn": instant_text(one.created),
        "modifiedOn": instant_text(one.modified), "adjustmentToId": one.adjusts_id,
        "job": {"id": job.id, "number": job.number, "type": _JOB_TYPE} if job else None, "projectId": one.project_id,
        "royalty": {"status": "Pending", "date": None, "sentOn": None, "memo": None},
        "employeeInfo": {"id": 40_000_017, "name": "Dana O'Hara", "modifiedOn": "2026-03-04T17:30:11.5512004Z"},
        "commissionEligibilityDate": None, "sentStatus": "NotSent", "reviewStatus": "NeedsReview", "assignedTo": None,
        "summary": one.summary,
        "items": None if one.lines is None else [_line(line, nth) for nth, line in enumerate(one.lines, start=1)],
        "customFields": None, "active": one.active, "discountTotal": amounts.text(discount), "importId": None,
        "exportId": one.export_id, "materialSkuId": None, "membershipId": one.membership_id,
        "paidOn": None if one.paid_on is None else instant_text(one.paid_on),
        "invoiceConfiguration": one.configuration,
    }  # fmt: skip


def _line(one: InvoiceLine, order: int) -> dict[str, Any]:
    stamp = instant_text(one.modified)
    return {
        "id": one.id, "description": one.description, "quantity": amounts.text(one.quantity),
        "cost": amounts.text(one.cost_cents), "totalCost": amounts.text(one.cost_cents * one.quantity // 100),
        "budgetCodeId": None, "inventoryLocationId": None, "inventoryLocation": None,
        "price": amounts.text(one.price_cents), "type": one.kind, "skuName": one.sku_name, "skuId": one.sku_id,
        "total": amounts.text(one.total_cents), "inventory": False, "taxable": one.taxable,
        "isChargeable": one.chargeable, "generalLedgerAccount": amounts.account(one.account_id),
        "costOfSaleAccount": amounts.account(one.cost_account_id), "assetAccount": None,
        "membershipTypeId": one.membership_type_id, "itemGroup": None, "displayName": one.sku_name, "soldHours": None,
        "createdOn": instant_text(one.created), "modifiedOn": stamp, "serviceDate": None, "order": order,
        "businessUnit": None if one.business_unit_id is None else amounts.business_unit(one.business_unit_id),
        "createdById": 40_000_017, "displayInAmount": one.chargeable, "importId": None, "exportId": None,
        "inventoryStatus": None, "addOn": False, "memberPrice": None, "technicianId": None,
        "installedEquipmentId": None, "estimateItemId": None,
    }  # fmt: skip


def _job(one: Job, total: int) -> dict[str, Any]:
    return {
        "id": one.id, "jobNumber": one.number, "projectId": None, "customerId": one.customer_id,
        "locationId": one.location_id, "jobStatus": one.status,
        "completedOn": None if one.completed is None else instant_text(one.completed),
        "businessUnitId": one.business_unit_id, "jobTypeId": 501, "priority": "Normal", "campaignId": 601,
        "appointmentCount": 1, "firstAppointmentId": one.id + 1, "lastAppointmentId": one.id + 1, "recallForId": None,
        "warrantyId": None, "jobGeneratedLeadSource": {"jobId": None, "employeeId": None}, "noCharge": False,
        "notificationsEnabled": True, "createdOn": instant_text(one.created), "createdById": 40_000_017,
        "modifiedOn": instant_text(one.modified), "tagTypeIds": [], "leadCallId": None, "partnerLeadCallId": None,
        "bookingId": None, "soldById": None, "customerPo": "", "invoiceId": one.invoice_id, "membershipId": None,
        "total": amounts.number(total), "createdFromEstimateId": None, "estimateIds": [], "equipmentIds": [],
        "isAutoDispatched": None, "summary": None, "customFields": [], "externalData": [], "summaryOfWork": None,
        "active": True,
    }  # fmt: skip


def _payment(one: Payment, customer: Customer) -> dict[str, Any]:
    applied = [
        {"appliedAmount": amounts.text(part.cents), "appliedBy": "dispatch", "appliedId": part.id,
         "appliedOn": instant_text(part.applied), "appliedTo": part.invoice_id,
         "appliedToReferenceNumber": part.invoice_number}
        for part in one.applications
    ]  # fmt: skip
    return {
        # An unapplied payment has an empty list or null (which of them is unknown), so both occur.
        "active": one.active, "appliedTo": applied or (None if one.id % 2 else []), "authCode": None,
        "batch": amounts.batch(one.batch), "businessUnit": amounts.business_unit(one.business_unit_id),
        "checkNumber": one.check_number, "createdBy": "dispatch", "createdOn": instant_text(one.created),
        "customer": {"id": customer.id, "name": customer.name}, "customFields": None, "date": date_text(one.paid),
        "deposit": None, "generalLedgerAccount": amounts.account(one.account_id), "id": one.id, "memo": one.memo,
        "modifiedOn": instant_text(one.modified), "referenceNumber": one.number, "refundedPaymentId": one.refunds_id,
        "syncStatus": one.status, "total": amounts.text(one.total_cents), "type": one.payment_type,
        "typeId": str(one.payment_type_id), "unappliedAmount": amounts.text(one.unapplied_cents),
    }  # fmt: skip
