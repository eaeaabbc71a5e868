"""Parties that finance has kept in QAD since before the field-service company's documents came, in the forms in which
one meets them. Invariant: only with ``known_parties=yes`` among the options, and nobody else's figures change.

Each is made from a party of the same generated business, so that it is clear which one it really is; ``CASES`` says in
which form. ``only_here`` are not in ServiceTitan at all.
"""

from collections.abc import Iterator
from typing import Any

from st_pipelines.sandbox.business.company import TENANT
from st_pipelines.sandbox.business.generate import generate
from st_pipelines.sandbox.business.model import Address, Business, Customer, Vendor
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.qad.company import SETS, WORKSPACES

Record = dict[str, Any]

CASES = (
    "same_phone_other_spelling", "same_email", "same_name_and_address", "two_candidates", "inactive", "looks_alike",
    "our_reference", "same_email_other_phone",
)  # fmt: skip
_ONLY_HERE = ("Hill Country Wholesale Club", "Łódź & Sons Restoration", "Bluebonnet School District, Maintenance Dept.")
_CONTROLS = dict.fromkeys(
    ("invoiceControlGLProfileCode", "creditNoteControlGLProfileCode", "prePaymentControlGLProfileCode"), "AR"
)


def known_parties(options: SandboxOptions) -> Iterator[tuple[str, Record]]:
    """(entity, record without stamps), relations first."""
    business = generate(options.seed, options.size, options.month)
    for number, (case, customer) in enumerate(chosen(business).items(), start=1):
        yield from _customer(number, case, customer, business)
    for number, name in enumerate(_ONLY_HERE, start=51):
        place = Address(f"{number} Ranch Road 620", "", "Austin", "TX", "78734")
        yield from _party("customer", number, name, place, "", f"ap{number}@only-in-qad.example", True, "")
    yield from _vendors(business)


def chosen(business: Business) -> dict[str, Customer]:
    """Case to the customer that it is really about: active ones that are billed this month and have
    a phone and an e-mail."""
    contacts: dict[int, set[str]] = {}
    for contact in business.contacts:
        if not contact.of_location and contact.active:
            contacts.setdefault(contact.owner_id, set()).add(contact.kind)
    billed = {one.customer_id for one in business.invoices if one.is_eligible}
    merged = {one.merged_to_id for one in business.customers}
    names = [one.name for one in business.customers]
    able = [
        one for one in business.customers
        if one.active and one.id in billed and one.id not in merged and names.count(one.name) == 1
        and len(one.name) < 35 and one.name.isascii() and contacts.get(one.id) == {"MobilePhone", "Email"}
    ]  # fmt: skip
    return dict(zip(CASES, able, strict=False))


def _customer(number: int, case: str, real: Customer, business: Business) -> Iterator[tuple[str, Record]]:
    own = {
        one.kind: one.value for one in reversed(business.contacts) if one.owner_id == real.id and not one.of_location
    }
    phone, email = own["MobilePhone"], own["Email"]
    elsewhere = Address("PO Box 77", "", "Austin", "TX", "78767")
    shown, respelt = real.name, real.name.replace("&", "and").upper() + " INC."
    if case == "same_phone_other_spelling":
        yield from _party("customer", number, respelt, elsewhere, phone, "", True, "")
    elif case == "same_email":
        yield from _party("customer", number, respelt, elsewhere, "", email.upper(), True, "")
    elif case == "same_name_and_address":
        yield from _party("customer", number, respelt, real.address, "", "", True, "")
    elif case == "two_candidates":
        yield from _party("customer", number, shown, elsewhere, phone, "", True, "")
        yield from _party("customer", number + 20, shown, real.address, "", email, True, "")
    elif case == "inactive":
        yield from _party("customer", number, shown, real.address, "", email, False, "")
    elif case == "looks_alike":
        slip = shown[:3] + shown[4:]
        yield from _party("customer", number, slip, real.address, "512 555 9999", "", True, "")
    elif case == "our_reference":
        yield from _party("customer", number, respelt, elsewhere, "", "", True, f"ST:{TENANT}:customer:{real.id}")
    else:
        yield from _party("customer", number, shown, elsewhere, "512 555 8888", email, True, "")


def _vendors(business: Business) -> Iterator[tuple[str, Record]]:
    billed = {one.vendor_id for one in business.bills}
    same = next(one for one in business.vendors if one.id in billed)
    yield from _vendor(1, same, same.name.upper(), same.email)
    place = Address("9 Foundry Row", "", "Round Rock", "TX", "78664")
    yield from _party("vendor", 51, "Only In QAD Sheet Metal GmbH", place, "", "orders@only-in-qad.example", True, "")


def _vendor(number: int, real: Vendor, name: str, email: str) -> Iterator[tuple[str, Record]]:
    yield from _party("vendor", number, name, real.address, "", email, True, "")


def _party(role: str, number: int, name: str, place: Address, phone: str, email: str, active: bool, reference: str
           ) -> Iterator[tuple[str, Record]]:  # fmt: skip
    customer = role == "customer"
    relation, code = f"{'FIN' if customer else 'SUP'}{number:04d}", f"{'F' if customer else 'V'}{number:05d}"
    yield "business_relations", {
        "businessRelationCode": relation, "businessRelationName1": name[:36], "businessRelationName2": name[36:72],
        "businessRelationName3": "", "businessRelationSearchName": name[:28], "isActive": True, "languageCode": "us",
        "headOfficeAddressTypeCode": "HEADOFFICE", "headOfficeAddressName": name[:36],
        "headOfficeStreet1": " ".join(filter(None, (place.street, place.unit)))[:36], "headOfficeCity": place.city,
        "headOfficeStateCode": place.state, "headOfficeZipCode": place.zip, "headOfficeCountryCode": "USA",
        "headOfficeTaxZone": "",
    }  # fmt: skip
    role_fields = (
        {"customerCode": code, "salesAccountGLProfileCode": "SALES", "invoiceStatusCode": "AR-ALLOC", "isTaxable": True}
        if customer else
        {"supplierCode": code, "purchaseAccountGLProfileCode": "PURCH", "purchaseTypeCode": "STD",
         "invoiceStatusCode": "AP-GLALLOC", "isTaxableSupplier": True}
    )  # fmt: skip
    yield "customers" if customer else "suppliers", {
        "sharedSetCode": SETS["customer" if customer else "supplier"], "businessRelationCode": relation,
        "businessRelationName": name[:36], "isActive": active, "currencyCode": "USD", "creditTermsCode": "N45",
        **(_CONTROLS if customer else dict.fromkeys(_CONTROLS, "AP")), **role_fields, "EMail": email,
        "telephone": phone[:20], "customLong0": reference, "languageCode": "us",
    }  # fmt: skip
    domain = {"domainContext": WORKSPACES[0][1], "siteCode": "100", "daybookSetCode": "STD"}
    yield (
        "customer_domains" if customer else "supplier_domains",
        {**domain, "customerCode" if customer else "supplierCode": code},
    )
