"""What the client itself names of each entity. Invariant: a profile without one of these is refused at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from st_pipelines.systems.qad.profile import Entity

_VOUCHER_KEYS = ("entity", "daybook", "year", "voucher")
_LINE_FIELDS = ("sequence", "glAccount", "subAccount", "costCentre", "description", "amount", "isDebit")
_INVOICE_FORMS = ("invoice", "credit_memo", "void_of_invoice", "void_of_credit_memo")
_INVOICE_FIELDS = ("type", "reference", "description", "invoiceDate", "postingDate", "dueDate", "creditTerms",
                   "currency", "amount", "isTaxable", "externalReference")  # fmt: skip
_PARTY_FIELDS = ("businessRelation", "currency", "creditTerms", "isActive", "isTaxable", "externalReference",
                 "concurrencyHash")  # fmt: skip

_NEEDED_FIELDS: dict[str, tuple[str, ...]] = {
    "businessRelation": ("name1", "name2", "name3", "searchName", "isActive", "street1", "city", "state", "zip",
                         "country", "concurrencyHash"),
    "customer": _PARTY_FIELDS,
    "customerDomain": ("site", "daybookSet", "concurrencyHash"),
    "supplier": _PARTY_FIELDS,
    "customerInvoice": ("customer", *_INVOICE_FIELDS),
    "customerPayment": ("customer", "bankAccount", "paymentDate", "postingDate", "currency", "amount", "reference",
                        "status", "externalReference", "concurrencyHash"),
    "supplierInvoice": ("supplier", *(name for name in _INVOICE_FIELDS if name != "isTaxable")),
    "glAccount": ("description", "isActive", "isCostCentreAccount", "isProjectAccount", "isSubAccountAccount",
                  "analysisLimitation"),
    "costCentre": ("description", "isActive"),
    "period": ("startDate", "endDate", "isOpen"),
    "purchaseOrder": ("supplier", "currency", "site", "orderDate", "status"),
    "purchaseOrderLine": ("item", "quantity", "price"),
    "receipt": ("quantity", "unitCost", "receiptDate"),
}  # fmt: skip
_NEEDED_KEYS: dict[str, tuple[str, ...]] = {
    "customerDomain": ("domain", "code"),
    "customerInvoice": _VOUCHER_KEYS,
    "customerPayment": _VOUCHER_KEYS,
    "supplierInvoice": _VOUCHER_KEYS,
    "period": ("entity", "year", "period"),
    "purchaseOrder": ("domain", "code"),
    "purchaseOrderLine": ("domain", "order", "line"),
    "receipt": ("domain", "receiver", "order", "line"),
}
_NEEDED_NESTED: dict[str, dict[str, tuple[str, ...]]] = {
    "customerInvoice": {"postingLines": _LINE_FIELDS, "taxes": ("taxCode", "amount")},
    "supplierInvoice": {"postingLines": _LINE_FIELDS, "taxes": ("taxCode", "amount")},
    "customerPayment": {"allocations": (*_VOUCHER_KEYS, "amount")},
}
# What a tenant needs beside, where its supplier invoices take received goods (form ``matched_invoice``).
_MATCHED, _MATCHING_LINE = "matched_invoice", ("receiver", "order", "line", "quantity", "unitPrice")
_MATCHING_FIELDS = {"purchaseOrder": ("supplier", "currency"), "purchaseOrderLine": ("invoiced",),
                    "receipt": ("quantity", "openQuantity", "receiptDate")}  # fmt: skip
_NEEDED_FORMS = {
    "customerInvoice": _INVOICE_FORMS,
    "supplierInvoice": _INVOICE_FORMS,
    "customerPayment": ("receipt", "refund", "void"),
}


def missing(name: str, entity: "Entity", shared_sets: Mapping[str, str], entities: Mapping[str, "Entity"]) -> list[str]:
    """One sentence for each setting that the entity still needs."""
    where = f"entities.{name}"
    faults = [f"{where}.fields: {field} is missing" for field in _NEEDED_FIELDS.get(name, ()) if not entity.has(field)]
    needed_keys = _NEEDED_KEYS.get(name, ("code",))
    faults += [f"{where}.keys: {key} is missing" for key in needed_keys if key not in entity.keys]
    for array, fields in _NEEDED_NESTED.get(name, {}).items():
        given = entity.nested[array].fields if array in entity.nested else {}
        faults += [f"{where}.nested.{array}: {field} is missing" for field in fields if field not in given]
    faults += [f"{where}.forms: {form} is missing" for form in _NEEDED_FORMS.get(name, ()) if form not in entity.forms]
    if name in _NEEDED_FORMS and not entity.control_account:
        faults.append(f"{where}.control_account is missing")
    if name in _NEEDED_FORMS and "entity" not in entity.identity:
        faults.append(f"{where}.identity: entity is missing, so an answer from other books would pass")
    if _MATCHED in entity.forms:
        faults += _missing_to_match(where, entity, entities)
    if name == "businessRelation" and not entity.code_format and "externalReference" not in entity.fields:
        faults.append(f"{where}: needs code_format or fields.externalReference, else a record cannot be found again")
    faults += [f"{where}.code_lists: no entity named {listed}" for listed in entity.code_lists.values()
               if listed not in entities]  # fmt: skip
    if entity.shared_set and entity.shared_set not in shared_sets:
        faults.append(f"{where}.shared_set: workspace.shared_sets has no {entity.shared_set}")
    if "sharedSetCode" in entity.keys and not entity.shared_set:
        faults.append(f"{where}.shared_set is missing")
    return faults


def _missing_to_match(where: str, entity: "Entity", entities: Mapping[str, "Entity"]) -> list[str]:
    because = f"which {where}.forms.{_MATCHED} needs"
    given = entity.nested["matchingLines"].fields if "matchingLines" in entity.nested else {}
    faults = [f"{where}.nested.matchingLines: {field} is missing" for field in _MATCHING_LINE if field not in given]
    if not entity.received_account:
        faults.append(f"{where}.received_account is missing, {because}")
    for name, fields in _MATCHING_FIELDS.items():
        if name not in entities:
            faults.append(f"entities.{name} is missing, {because}")
            continue
        faults += [f"entities.{name}.fields: {field} is missing, {because}"
                   for field in fields if not entities[name].has(field)]  # fmt: skip
    return faults
