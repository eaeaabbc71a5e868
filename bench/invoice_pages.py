"""Realistic invoice pages for the extraction benchmark. Invariant: every published field, seeded, no two alike.

Shapes and field order follow the published accounting document (``Accounting.V2.InvoiceResponse``): amounts are text,
stamps carry seven decimals, nulls are present.
"""

import json
import random
from typing import Any

_STREETS = ("Maple Ave", "W Oak Street", "County Road 12", "Lakeview Drive", "S 3rd Street", "Industrial Pkwy")
_CITIES = (("Austin", "TX", "787"), ("Round Rock", "TX", "786"), ("Milwaukee", "WI", "532"), ("Racine", "WI", "534"))
_NAMES = ("Anderson", "O'Brien", "Núñez", "Schäfer", "Washington", "Li", "Kowalski", "van der Berg", "Okafor", "Smith")
_WORDS = ("replaced", "condenser", "fan", "motor", "inspected", "drain", "line", "cleared", "filter", "thermostat",
          "wiring", "breaker", "panel", "water", "heater", "leak", "valve", "tested", "warranty")  # fmt: skip
_UNITS = ((101, "HVAC Service"), (102, "HVAC Install"), (103, "Plumbing Service"), (105, "Electrical Service"))
_KINDS = (("Service", 9001, "4000", "Service Revenue"), ("Material", 9002, "4100", "Material Revenue"),
          ("Equipment", 9003, "4200", "Equipment Revenue"))  # fmt: skip


ID_PREFIX = b"77777"  # of the ids: replaced by another five digits, the same rows become other invoices


def rows(number: int, size: int, seed: int = 7) -> bytes:
    """The rows of one page as JSON, without the envelope; ids ascending over the pages."""
    rng = random.Random(f"{seed}:{number}")
    first = int(ID_PREFIX) * 100_000 + number * size
    made = [_invoice(rng, first + place) for place in range(size)]
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode()


def _invoice(rng: random.Random, id_: int) -> dict[str, Any]:
    unit_id, unit = rng.choice(_UNITS)
    lines = [_item(rng, id_, order) for order in range(1, rng.choice((2, 3, 3)) + 1)]
    sub_total = sum(int(line["total"].replace(".", "")) for line in lines)
    tax = sub_total * 825 // 10000
    day = rng.randint(1, 31)
    customer, city = f"{rng.choice(_NAMES)}, {rng.choice(_NAMES)} {id_ % 977}", rng.choice(_CITIES)
    return {
        "id": id_, "syncStatus": rng.choice(("Posted", "Exported", "Pending")),
        "summary": f"<p>{text(rng, 14)}</p><ul><li>{text(rng, 8)}</li></ul>",
        "referenceNumber": str(id_ - 7_000_000_000),
        "invoiceDate": f"2026-10-{day:02d}T00:00:00Z", "dueDate": f"2026-11-{min(day, 30):02d}T00:00:00Z",
        "subTotal": _money(sub_total), "salesTax": _money(tax),
        "salesTaxCode": {"id": 301, "name": "Austin TX", "taxRate": 0.0825}, "total": _money(sub_total + tax),
        "balance": _money(0), "invoiceType": {"id": 3, "name": "Service"},
        "customer": {"id": 500_000 + id_ % 9973, "name": customer}, "customerAddress": _address(rng, city),
        "location": {"id": 700_000 + id_ % 9973, "name": customer}, "locationAddress": _address(rng, city),
        "businessUnit": {"id": unit_id, "name": unit}, "termName": "Net 30", "createdBy": "dispatch@example.com",
        "batch": {"id": 4400 + day, "number": str(4400 + day), "name": f"October {day}"}, "depositedOn": None,
        "createdOn": _stamp(rng, day), "modifiedOn": _stamp(rng, day), "adjustmentToId": None,
        "job": {"id": id_ + 5, "number": str(id_ + 5), "type": "Maintenance"}, "projectId": None,
        "royalty": {"status": "Pending", "date": None, "sentOn": None, "memo": None},
        "employeeInfo": {"id": 77, "name": "Dana Petrov", "modifiedOn": _stamp(rng, day)},
        "commissionEligibilityDate": None, "sentStatus": "Sent", "reviewStatus": "Reviewed",
        "assignedTo": None, "items": lines, "customFields": None, "materialSkuId": None, "membershipId": None,
        "paidOn": None, "invoiceConfiguration": "JobInvoice", "budgetCodeId": None, "active": True,
        "discountTotal": "0.00", "importId": None, "exportId": None,
    }  # fmt: skip


def _item(rng: random.Random, invoice: int, order: int) -> dict[str, Any]:
    kind, account, number, name = rng.choice(_KINDS)
    quantity, price = rng.randint(1, 4), rng.randint(900, 240_000)
    sku = rng.randint(1000, 9000)
    return {
        "id": invoice * 8 + order, "description": f"<p>{text(rng, 12)}</p>", "quantity": f"{quantity}.00",
        "cost": _money(price // 3), "totalCost": _money(price // 3 * quantity), "inventoryLocation": "Truck 7",
        "price": _money(price), "type": kind, "skuName": f"{kind[:3].upper()}-{sku}", "skuId": sku,
        "total": _money(price * quantity), "inventory": False, "taxable": True,
        "generalLedgerAccount": {"id": account, "name": name, "number": number, "type": "Income",
                                 "detailType": "Income"},
        "costOfSaleAccount": {"id": 9011, "name": "Cost of Materials", "number": "5000", "type": "CostOfSales",
                              "detailType": "CostOfSales"},
        "assetAccount": None, "membershipTypeId": 0, "itemGroup": None, "displayName": text(rng, 4),
        "soldHours": 1.5, "modifiedOn": _stamp(rng, 12), "serviceDate": "2026-10-12T00:00:00Z", "order": order,
        "businessUnit": None, "inventoryLocationId": 91, "createdById": 77, "displayInAmount": True,
        "importId": None, "exportId": None, "inventoryStatus": None, "isChargeable": True, "addOn": False,
        "memberPrice": "0.00", "technicianId": 77, "installedEquipmentId": None, "estimateItemId": None,
        "budgetCodeId": None, "createdOn": _stamp(rng, 11),
    }  # fmt: skip


def _address(rng: random.Random, city: tuple[str, str, str]) -> dict[str, Any]:
    return {"street": f"{rng.randint(1, 9999)} {rng.choice(_STREETS)}", "unit": None, "city": city[0],
            "state": city[1], "zip": f"{city[2]}{rng.randint(10, 99)}", "country": "USA"}  # fmt: skip


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _stamp(rng: random.Random, day: int) -> str:
    clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
    return f"2026-10-{day:02d}T{clock}.{rng.randint(0, 9_999_999):07d}Z"


def text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))
