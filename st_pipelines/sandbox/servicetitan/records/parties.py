"""Customers, locations, contacts and vendors as CRM and inventory records. Invariant: a customer's balance is what its
eligible invoices and payments leave."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.business.calendar import instant_text
from st_pipelines.sandbox.business.model import Address, Business, Contact, Customer, Location, Vendor
from st_pipelines.sandbox.servicetitan.records import amounts

_CREATOR = 40_000_017


def records(business: Business) -> Iterator[tuple[str, dict[str, Any]]]:
    balances: dict[int, int] = defaultdict(int)
    for invoice in business.invoices:
        balances[invoice.customer_id] += invoice.total_cents if invoice.is_eligible else 0
    for payment in business.payments:
        balances[payment.customer_id] -= payment.total_cents if payment.is_eligible else 0
    yield from (("customers", _customer(one, balances[one.id])) for one in business.customers)
    yield from (("locations", _location(one)) for one in business.locations)
    for contact in business.contacts:
        entity = "location_contacts" if contact.of_location else "customer_contacts"
        yield entity, _contact(contact)
    yield from (("vendors", _vendor(one)) for one in business.vendors)


def _placed(one: Address) -> dict[str, Any]:
    return {**amounts.address(one), "latitude": None, "longitude": None}


def _customer(one: Customer, balance: int) -> dict[str, Any]:
    return {
        "id": one.id, "active": one.active, "name": one.name,
        "type": "Commercial" if one.is_commercial else "Residential",
        "address": _placed(one.address), "customFields": [], "balance": amounts.number(balance),
        "taxExempt": one.tax_exempt, "tagTypeIds": [], "doNotMail": False, "doNotService": False,
        "nationalAccount": False, "createdOn": instant_text(one.created), "createdById": _CREATOR,
        "modifiedOn": instant_text(one.modified), "mergedToId": one.merged_to_id,
        "paymentTermId": one.payment_term_id, "creditLimit": None, "creditLimitBalance": None, "externalData": [],
    }  # fmt: skip


def _location(one: Location) -> dict[str, Any]:
    return {
        "id": one.id, "customerId": one.customer_id, "active": one.active, "name": one.name,
        "address": _placed(one.address), "customFields": [], "createdOn": instant_text(one.created),
        "createdById": _CREATOR, "modifiedOn": instant_text(one.modified), "mergedToId": None, "zoneId": None,
        "taxExempt": one.tax_zone_id == 303, "tagTypeIds": [], "externalData": [], "taxZoneId": one.tax_zone_id,
    }  # fmt: skip


def _contact(one: Contact) -> dict[str, Any]:
    digits = "".join(ch for ch in one.value if ch.isdigit()) if one.kind != "Email" else ""
    return {
        "id": one.id, "type": one.kind, "value": one.value, "memo": one.memo or None,
        # The document does not allow null here, not even for an e-mail address.
        "phoneSettings": {"phoneNumber": digits, "doNotText": False},
        "modifiedOn": instant_text(one.modified), "createdOn": instant_text(one.created), "preferences": None,
        "locationId" if one.of_location else "customerId": one.owner_id, "active": one.active,
    }  # fmt: skip


def _vendor(one: Vendor) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "active": one.active, "isTruckReplenishment": False,
        "isMobileCreationRestricted": False, "memo": "", "deliveryOption": "None", "defaultTaxRate": Decimal(0),
        "contactInfo": {"firstName": one.first_name, "lastName": one.last_name, "phone": one.phone,
                        "email": one.email, "fax": ""},
        "address": amounts.address(one.address), "createdOn": instant_text(one.created),
        "modifiedOn": instant_text(one.modified), "externalData": [], "customFields": None,
    }  # fmt: skip
