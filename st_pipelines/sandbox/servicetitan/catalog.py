"""Every list, single read and feed that the sandbox has, as data. Invariant: paths and parameters as published.

Parameters that are not named here are ignored, as the real system ignores unknown ones; so are the published
``customField`` filters, because no record of this business has custom fields.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from st_pipelines.sandbox.servicetitan import filters as by
from st_pipelines.sandbox.servicetitan.filters import Filter

Record = dict[str, Any]
_STATUSES = ("Pending", "Posted", "Exported")
_ACTIVE = frozenset({"active"})
_DATES = ("modified", "created")
_STANDARD_SORT = frozenset({"id", "modifiedon", "createdon"})
_NONE: Mapping[str, Filter] = MappingProxyType({})


class Listing(msgspec.Struct, kw_only=True):
    """``path`` below ``/{module}/v2/tenant/{tenant}``. ``omits``: fields that only the feed rows have. ``switch``:
    ``active``, ``activeState`` or ``""`` for lists without. ``dates``: which of the modified and created filters are
    published. ``one``: path of the single read. ``needs``: at least one of these parameters must be given. ``scope``:
    path parameter and field that limit a list nested below a record of another entity."""

    module: str
    path: str
    entity: str
    filters: Mapping[str, Filter] = _NONE
    omits: frozenset[str] = frozenset()
    switch: str = "active"
    dates: tuple[str, ...] = _DATES
    sorts: frozenset[str] = _STANDARD_SORT
    one: str = ""
    bare: bool = False
    needs: tuple[str, ...] = ()
    within: str = ""
    parent: str = ""
    external: bool = False  # takes the externalData filters, and shows an application its own data


class Feed(msgspec.Struct, kw_only=True):
    """``items``: rows are the records' own ``items``, each with ``active`` and ``invoiceId``."""

    module: str
    path: str
    entity: str
    items: bool = False


_INVOICES: dict[str, Filter] = {
    "statuses": by.texts("syncStatus", known=_STATUSES), "batchId": by.integers("batch", "id"),
    "batchNumber": by.texts("batch", "number"), "jobId": by.integers("job", "id"),
    "jobNumber": by.word("job", "number"), "businessUnitId": by.integers("businessUnit", "id"),
    "customerId": by.integers("customer", "id"), "invoicedOnOrAfter": by.from_instant("invoiceDate"),
    "invoicedOnBefore": by.before_instant("invoiceDate"),
    "dueDateOnOrAfter": by.from_instant("dueDate"), "dueDateBefore": by.before_instant("dueDate"),
    "adjustmentToId": by.integers("adjustmentToId"), "number": by.word("referenceNumber"),
    "totalGreater": by.at_least("total"), "totalLess": by.at_most("total"), "assignedToIds": by.nothing,
    "reviewStatuses": by.texts("reviewStatus", known=("NeedsReview", "OnHold", "Reviewed", "PendingApproval",
                                                      "Rejected", "ReadyForBilling", "Invoiced")),
    "invoiceConfigurations": by.texts("invoiceConfiguration", known=("JobInvoice", "ProjectInvoice", "CounterSales",
                                      "MembershipInvoice", "InterestChargeInvoice", "ARImportInvoice")),
}  # fmt: skip
_PAYMENTS: dict[str, Filter] = {
    "appliedToInvoiceIds": by.applied_to("appliedTo", True),
    "appliedToReferenceNumber": by.applied_to("appliedToReferenceNumber", False),
    "batchId": by.integers("batch", "id"), "batchNumber": by.texts("batch", "number"),
    "businessUnitIds": by.integers("businessUnit", "id"), "customerId": by.integers("customer", "id"),
    "depositIds": by.nothing, "paidOnAfter": by.from_instant("date"), "paidOnBefore": by.before_instant("date"),
    "statuses": by.texts("syncStatus", known=_STATUSES), "totalGreater": by.at_least("total"),
    "totalLess": by.at_most("total"),
}  # fmt: skip
_BILLS: dict[str, Filter] = {
    "batchId": by.integers("batch", "id"), "batchNumber": by.texts("batch", "number"),
    "billNumber": by.word("referenceNumber"), "businessUnitIds": by.integers("businessUnit", "id"),
    "dateFrom": by.from_instant("billDate"), "dateTo": by.before_instant("billDate"),
    "jobNumber": by.word("jobNumber"), "minCost": by.at_least("billAmount"), "maxCost": by.at_most("billAmount"),
    "dateReconciledOnOrAfter": by.from_instant("dateReconciled"),
    "dateReconciledBefore": by.before_instant("dateReconciled"),
}  # fmt: skip
_PLACES: dict[str, Filter] = {
    "name": by.contains("name"), "street": by.contains("address", "street"), "unit": by.contains("address", "unit"),
    "city": by.contains("address", "city"), "state": by.contains("address", "state"),
    "zip": by.contains("address", "zip"), "country": by.contains("address", "country"),
}  # fmt: skip
_ORDERS: dict[str, Filter] = {
    "status": by.texts("status", known=("Pending", "Sent", "PartiallyReceived", "Received", "Exported", "Canceled")),
    "number": by.word("number"), "jobId": by.integers("jobId"), "jobIds": by.integers("jobId"),
    "technicianId": by.integers("technicianId"), "projectId": by.integers("projectId"),
    "dateOnOrAfter": by.from_instant("date"), "dateBefore": by.before_instant("date"),
    "sentOnOrAfter": by.from_instant("sentOn"), "sentBefore": by.before_instant("sentOn"),
}  # fmt: skip
_RECEIPTS: dict[str, Filter] = {
    "number": by.word("number"), "vendorInvoiceNumber": by.word("vendorInvoiceNumber"),
    "billId": by.integers("billId"), "batchId": by.integers("batchId"), "vendorIds": by.integers("vendorId"),
    "businessUnitIds": by.integers("businessUnitId"), "inventoryLocationIds": by.integers("inventoryLocationId"),
    "purchaseOrderIds": by.integers("purchaseOrderId"), "syncStatuses": by.texts("syncStatus", known=_STATUSES),
    "receivedOnOrAfter": by.from_instant("receivedOn"), "receivedBefore": by.before_instant("receivedOn"),
}  # fmt: skip
_JOBS: dict[str, Filter] = {
    "number": by.word("jobNumber"), "customerId": by.integers("customerId"), "locationId": by.integers("locationId"),
    "jobStatus": by.texts("jobStatus"), "businessUnitId": by.integers("businessUnitId"),
    "invoiceId": by.integers("invoiceId"), "projectId": by.integers("projectId"), "priority": by.texts("priority"),
    "jobTypeId": by.integers("jobTypeId"), "campaignId": by.integers("campaignId"),
    "completedOnOrAfter": by.from_instant("completedOn"), "completedBefore": by.before_instant("completedOn"),
}  # fmt: skip
_ACCOUNTS: dict[str, Filter] = {
    "names": by.texts("name"), "numbers": by.texts("number"), "types": by.texts("type"),
    "subtypes": by.texts("subtype"), "description": by.contains("description"), "source": by.texts("source"),
}  # fmt: skip
_CONTACT_DATES = ("modifiedOnOrAfter", "modifiedBefore", "createdOnOrAfter", "createdBefore")

LISTINGS = (
    Listing(module="accounting", path="/invoices", entity="invoices", filters=_INVOICES, switch="activeState"),
    Listing(module="accounting", path="/payments", entity="payments", filters=_PAYMENTS, switch="activeState"),
    Listing(module="accounting", path="/inventory-bills/paginated", entity="bills", filters=_BILLS, omits=_ACTIVE,
            switch="bills", sorts=frozenset()),
    Listing(module="accounting", path="/inventory-bills", entity="bills", filters=_BILLS, omits=_ACTIVE,
            switch="bills", sorts=frozenset(), bare=True),
    Listing(module="accounting", path="/gl-accounts", entity="gl_accounts", filters=_ACCOUNTS,
            one="/gl-accounts/{id:int}"),
    Listing(module="accounting", path="/payment-types", entity="payment_types", dates=("created",), sorts=frozenset(),
            one="/payment-types/{id:int}"),
    Listing(module="accounting", path="/payment-terms", entity="payment_terms", switch="",
            one="/payment-terms/{id:int}"),
    Listing(module="accounting", path="/tax-zones", entity="tax_zones"),
    Listing(module="crm", path="/customers/contacts", entity="customer_contacts", omits=_ACTIVE, switch="always",
            filters={"customerIds": by.integers("customerId")}, sorts=frozenset(),
            needs=("customerIds", *_CONTACT_DATES)),
    Listing(module="crm", path="/customers/{parent:int}/contacts", entity="customer_contacts", switch="always",
            omits=frozenset({"active", "customerId"}), dates=(), sorts=frozenset(), within="customerId",
            parent="customers"),
    Listing(module="crm", path="/locations/contacts", entity="location_contacts", omits=_ACTIVE, switch="always",
            filters={"locationIds": by.integers("locationId")}, sorts=frozenset(),
            needs=("locationIds", *_CONTACT_DATES)),
    Listing(module="crm", path="/locations/{parent:int}/contacts", entity="location_contacts", switch="always",
            omits=frozenset({"active", "locationId"}), dates=(), sorts=frozenset(), within="locationId",
            parent="locations"),
    Listing(module="crm", path="/customers", entity="customers", filters=_PLACES, one="/customers/{id:int}",
            external=True),
    Listing(module="crm", path="/locations", entity="locations", one="/locations/{id:int}", external=True,
            filters={**_PLACES, "customerId": by.integers("customerId")}),
    Listing(module="inventory", path="/vendors", entity="vendors", one="/vendors/{id:int}", external=True),
    Listing(module="inventory", path="/purchase-orders", entity="purchase_orders", filters=_ORDERS, switch="",
            one="/purchase-orders/{id:int}"),
    Listing(module="inventory", path="/receipts", entity="receipts", filters=_RECEIPTS),
    Listing(module="settings", path="/business-units", entity="business_units", filters={"name": by.contains("name")},
            sorts=frozenset(), one="/business-units/{id:int}"),
    Listing(module="jpm", path="/jobs", entity="jobs", filters=_JOBS, omits=_ACTIVE, switch="",
            sorts=_STANDARD_SORT | {"priority"}, one="/jobs/{id:int}"),
)  # fmt: skip

FEEDS = (
    Feed(module="accounting", path="/export/invoices", entity="invoices"),
    Feed(module="accounting", path="/export/invoice-items", entity="invoices", items=True),
    Feed(module="accounting", path="/export/payments", entity="payments"),
    Feed(module="accounting", path="/export/inventory-bills", entity="bills"),
    Feed(module="crm", path="/export/customers", entity="customers"),
    Feed(module="crm", path="/export/customers/contacts", entity="customer_contacts"),
    Feed(module="crm", path="/export/locations", entity="locations"),
    Feed(module="crm", path="/export/locations/contacts", entity="location_contacts"),
    Feed(module="inventory", path="/export/purchase-orders", entity="purchase_orders"),
    Feed(module="settings", path="/export/business-units", entity="business_units"),
    Feed(module="jpm", path="/export/jobs", entity="jobs"),
)


def route(module: str, path: str) -> str:
    return f"/{module}/v2/tenant/{{tenant}}{path}"
