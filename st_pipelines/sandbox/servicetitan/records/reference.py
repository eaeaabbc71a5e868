"""Business units, accounts, payment types, terms and tax zones. Invariant: seed-independent, unchanged since 2024."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.business.company import (
    ACCOUNTS,
    BUSINESS_UNITS,
    PAYMENT_TYPES,
    TAX_ZONES,
    TERMS,
    UNKNOWN_TYPE,
    Account,
    BusinessUnit,
    TaxZone,
    Term,
)
from st_pipelines.sandbox.business.model import Options

_BORN = {"createdOn": "2024-01-03T15:04:05.1234567Z", "modifiedOn": "2024-02-01T16:20:00.7654321Z"}
_TENANT_NAME = "Lone Star & Lakes Home Services"


def records(options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (("business_units", _unit(one)) for one in BUSINESS_UNITS)
    yield from (("gl_accounts", _account(one)) for one in ACCOUNTS)
    for kind in (*PAYMENT_TYPES, UNKNOWN_TYPE) if options.surprises else PAYMENT_TYPES:
        yield "payment_types", {"id": kind.id, "name": kind.name, "modifiedOn": _BORN["modifiedOn"],
                                "createdOn": _BORN["createdOn"]}  # fmt: skip
    yield from (("payment_terms", _term(one)) for one in TERMS)
    yield from (("tax_zones", _zone(one)) for one in TAX_ZONES)


def _unit(one: BusinessUnit) -> dict[str, Any]:
    return {
        "id": one.id, "active": True, "name": one.name, "officialName": f"{one.name} – {one.city}",
        "email": f"bu{one.id}@company.example", "currency": "USD", "phoneNumber": "5125550100",
        "invoiceHeader": "<b>Lone Star &amp; Lakes</b>", "invoiceMessage": "<p>Thank you!</p>",
        "defaultTaxRate": None, "authorizationParagraph": None, "acknowledgementParagraph": None,
        "address": {"street": "1 Depot Rd", "unit": None, "city": one.city, "state": one.state,
                    "zip": "78701" if one.state == "TX" else "53202", "country": "USA", "latitude": None,
                    "longitude": None, "isManualCoordinates": False, "isMilitary": False},
        "materialSku": None, "quickbooksClass": one.name, "accountCode": str(one.id), "franchiseId": None,
        "conceptCode": None, "corporateContractNumber": None, "trade": {"id": one.id % 3 + 1, "name": one.trade},
        "division": {"id": one.entity, "name": "Texas" if one.entity == 1 else "Wisconsin"}, "tagTypeIds": [],
        "tenant": {"id": 1234567, "name": _TENANT_NAME, "accountCode": None, "franchiseId": None, "conceptCode": None,
                   "modifiedOn": _BORN["modifiedOn"]},
        **_BORN, "externalData": [], "certifiedSentriconSpecialistCode": None,
    }  # fmt: skip


def _account(one: Account) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "number": one.number, "description": None, "type": one.kind,
            "subtype": one.detail, "active": True, "isIntacctGroup": False, "isIntacctBankAccount": False,
            "source": "ManuallyCreated", "defaultAccountType": one.default_for, **_BORN}  # fmt: skip


def _term(one: Term) -> dict[str, Any]:
    return {
        "id": one.id, "name": one.name, "dueDayType": "NumberOfDays", "dueDay": one.days,
        "isCustomerDefault": one.id == 401, "isVendorDefault": one.id == 403, "active": True, "inUse": True,
        "modifiedOn": _BORN["modifiedOn"], "createdOn": _BORN["createdOn"],
        "paymentTermDiscountModel": {"id": None, "discountApplyTo": None, "discount": None, "discountType": None,
                                     "account": None, "applyBy": None, "applyByValue": None},
        "interestSettings": {"id": None, "rateType": "Flat", "flatRateValue": None, "percentageRateValue": None,
                             "chargeMethod": None, "frequency": "Once", "gracePeriod": None, "targetInvoices": [],
                             "taskId": 0, "taskDisplayName": ""},
    }  # fmt: skip


def _zone(one: TaxZone) -> dict[str, Any]:
    rate = {"id": one.id + 1000, "taxName": one.name, "taxBaseType": ["Subtotal"], "taxRate": Decimal(one.rate_text),
            "salesTaxItem": one.name}  # fmt: skip
    return {"id": one.id, "name": one.name, "color": None, "isTaxRateSeparated": False, "isMultipleTaxZone": False,
            "rates": [rate], **_BORN, "active": True}  # fmt: skip
