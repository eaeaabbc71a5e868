"""Business relations, customers and suppliers. Invariant: a customer or supplier always has a business relation, and
its domain record is made with it, with site and daybook set still blank.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from st_pipelines.sandbox.qad.company import CODES, CURRENCIES, SETS
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.wire import Problem, mandatory

Record = dict[str, Any]


@dataclass(frozen=True)
class Role:
    """``code`` is the field of the code; ``profiles`` the GL profile fields that must resolve."""

    code: str
    shared_set: str
    letter: str
    domain_entity: str
    status_prefix: str
    profiles: tuple[str, ...]


_CONTROLS = ("invoiceControlGLProfileCode", "creditNoteControlGLProfileCode", "prePaymentControlGLProfileCode")
CUSTOMER = Role("customerCode", "customer", "C", "customer_domains", "AR-", (*_CONTROLS, "salesAccountGLProfileCode"))
SUPPLIER = Role(
    "supplierCode", "supplier", "S", "supplier_domains", "AP-", (*_CONTROLS, "purchaseAccountGLProfileCode")
)


def submit_business_relation(this: Submission) -> Record:
    """A blank code gets QAD's own number."""
    record = this.record
    with this.books.transaction():
        if not record["businessRelationCode"]:
            record["businessRelationCode"] = f"BR{this.books.next_number('relation'):08d}"
        return this.store()


def submit_customer(this: Submission) -> Record:
    return _submit_role(this, CUSTOMER)


def submit_supplier(this: Submission) -> Record:
    if this.record["purchaseTypeCode"] not in CODES["purchaseType"]:
        this.problems.append(mandatory("purchaseTypeCode", this.record["purchaseTypeCode"]))
    return _submit_role(this, SUPPLIER)


def _submit_role(this: Submission, role: Role) -> Record:
    record = this.record
    if record["sharedSetCode"] != SETS[role.shared_set]:
        this.problems.append(mandatory("sharedSetCode", record["sharedSetCode"]))
    relation = this.code("businessRelationCode", "business_relations")
    this.code("creditTermsCode", "credit_terms", SETS["creditTerms"])
    status = this.code("invoiceStatusCode", "invoice_statuses")
    if status is not None and not record["invoiceStatusCode"].startswith(role.status_prefix):
        this.problems.append(mandatory("invoiceStatusCode", record["invoiceStatusCode"]))
    if record["currencyCode"] not in CURRENCIES:
        this.problems.append(mandatory("currencyCode", record["currencyCode"]))
    for field in role.profiles:
        if record[field] not in CODES["glProfile"]:
            this.problems.append(mandatory(field, record[field]))
    if this.before is not None:
        _not_stale(this)
        if record["currencyCode"] != this.before["currencyCode"]:
            this.problem("value", "currencyCode", "currencyCode may not be changed.", record["currencyCode"])
    this.refuse_if_any()
    assert relation is not None
    record["businessRelationName"] = relation["businessRelationName1"]
    record["businessRelationConcurrencyHash"] = record["addressConcurrencyHash"] = ""
    with this.books.transaction():
        if not record[role.code]:
            record[role.code] = f"{role.letter}{this.books.next_number('code.' + role.shared_set):07d}"
        stored = this.store()
        if this.before is None:
            blank = dict.fromkeys(this.served.entities[role.domain_entity].fields, "")
            blank |= {"domainContext": this.workspace.domain, role.code: record[role.code]}
            this.keep(role.domain_entity, blank, None)
    return stored


def submit_role_domain(this: Submission) -> Record:
    """Site and daybook set of a customer or supplier in this domain; the record itself exists since the first step."""
    if this.before is None:
        this.problem("absent", this.entity.keys[1], "The record is made with the customer or supplier; update it.")
    this.code("siteCode", "sites", this.workspace.domain)
    if this.record["daybookSetCode"] and this.record["daybookSetCode"] not in CODES["daybookSet"]:
        this.problems.append(mandatory("daybookSetCode", this.record["daybookSetCode"]))
    this.refuse_if_any()
    return this.store()


def with_related_hashes(record: Record, relation: Record | None) -> Record:
    """What a read of a customer or supplier adds: the hashes of its relation and of its address, as they are now."""
    address = [record[name] for name in ("addressName", "street1", "street2", "city", "zipCode", "stateCode")]
    digest = hashlib.blake2b(msgspec.json.encode(address), digest_size=12).hexdigest()
    held = "" if relation is None else relation["concurrencyHash"]
    return {**record, "businessRelationConcurrencyHash": held, "addressConcurrencyHash": digest}


def _not_stale(this: Submission) -> None:
    """A customer's update is stale too where its relation or address changed meanwhile."""
    assert this.before is not None
    relation = this.books.get("business_relations", this.before["businessRelationCode"])
    now = with_related_hashes(this.before, relation)
    for field in ("businessRelationConcurrencyHash", "addressConcurrencyHash"):
        if this.record[field] and this.record[field] != now[field]:
            message = f"The record has been modified by another user ({field})."
            this.problems.append(Problem("stale", field, message, this.record[field]))


def submit_reference(this: Submission) -> Record:
    """Accounts, cost centres, periods and the like: created and changed as they come."""
    shared_set = this.entity.shared_set
    if shared_set and this.record["sharedSetCode"] != SETS[shared_set]:
        this.problems.append(mandatory("sharedSetCode", this.record["sharedSetCode"]))
    this.refuse_if_any()
    return this.store()
