"""Supplier invoices. Invariant: QAD keeps a second invoice with the same supplier reference, and only warns.

The invoice status decides what is posted: ``AP-GLALLOC`` wants the cost lines, ``AP-INITIAL`` and ``AP-NOALLOC`` put
the whole amount on unmatched invoices, ``AP-RMALLOC`` matches receipts (see ``matching``).
"""

from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.company import PAYABLE, PRICE_VARIANCE, SETS, UNMATCHED
from st_pipelines.sandbox.qad.ledger import Leg, post
from st_pipelines.sandbox.qad.matching import Match, match_receipts, settle_matches
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.vouchers import CHANGEABLE, Side, locked_fields, read_heading, read_posting
from st_pipelines.sandbox.qad.wire import Problem, mandatory

Record = dict[str, Any]
SIDE = Side(
    control=PAYABLE,
    invoice_sign=-1,
    types={
        "Invoice": (1, "Supplier Invoice"),
        "Credit Note": (-1, "Supplier Credit Note"),
        "Invoice Correction": (-1, "Supplier Credit Note"),
        "Credit Note Correction": (1, "Supplier Invoice"),
    },
    status_prefix="AP-",
    reference="supplierInvoiceReference",
)


def submit_supplier_invoice(this: Submission) -> Record:
    """Creates (voucher and registration numbers, ledger entry) or changes what is not in the ledger."""
    record = this.record
    if this.before is not None:
        locked_fields(this, CHANGEABLE - {"invoiceStatusCode"})
        this.code("creditTermsCode", "credit_terms", SETS["creditTerms"])
        this.refuse_if_any()
        return this.store()
    if not record["supplierInvoiceReference"]:
        this.problems.append(mandatory("supplierInvoiceReference"))
    for order in record["purchaseOrders"]:
        order["domainCode"] = order["domainCode"] or this.workspace.domain
        this.code("purchaseOrderNumber", "purchase_orders", order["domainCode"], order["purchaseOrderNumber"])
    read_heading(this, SIDE, this.code("supplierCode", "suppliers", SETS["supplier"]))
    match = Match()
    legs = _posting(this, match)
    _warn_of_duplicate(this)
    record["balanceTC"] = record["invoiceAmountTC"]
    series = f"voucher.{this.workspace.entity}.{record['daybookCode']}.{record['postingYear']}"
    with this.books.transaction():
        record["voucherNumber"] = this.books.next_number(series)
        record["registrationNumber"] = this.books.next_number(f"registration.{this.workspace.entity}")
        stored = this.store()
        settle_matches(this, match)
        post(this, stored, legs, stored["postingDate"], stored["supplierCode"])
    return stored


def _posting(this: Submission, match: Match) -> list[Leg]:
    """``match`` is filled where the status matches receipts."""
    record = this.record
    status = this.books.get("invoice_statuses", record["invoiceStatusCode"])
    assert status is not None
    total = SIDE.sign(record) * Decimal(record["invoiceAmountTC"])
    if status["allocationStatus"] == "No Allocation":
        if record["postingLines"] or record["matchingLines"]:
            message = f"With status {record['invoiceStatusCode']} nothing is allocated; send no lines."
            this.problem("value", "postingLines", message)
        this.refuse_if_any()
        return [Leg(PAYABLE, total), Leg(UNMATCHED, -total)]
    if not status["isReceiverMatching"]:
        if record["matchingLines"]:
            message = f"Status {record['invoiceStatusCode']} does not match receipts."
            this.problem("value", "matchingLines", message)
        return read_posting(this, SIDE)
    if SIDE.sign(record) > 0:
        this.problem("value", "matchingLines", "A credit note is not matched with receipts.")
    match_receipts(this, match)
    this.refuse_if_any()
    record["holdAmountTC"] = match.over + match.over_tolerance
    # What the receipts accrued is undone here, and the difference in price is a cost of its own; the rest of the
    # document is posted as its lines say.
    made = ((UNMATCHED, match.cost, "Matched receipts"), (PRICE_VARIANCE, match.variance, "Price variance"))
    record["postingLines"] += [
        {"sequence": 0, "glCode": account, "subAccountCode": "", "costCentreCode": "", "projectCode": "",
         "description": text, "amountTC": abs(amount), "isDebit": amount > 0}
        for account, amount, text in made if amount
    ]  # fmt: skip
    return read_posting(this, SIDE)


def _warn_of_duplicate(this: Submission) -> None:
    """Same supplier, type and entity, letter case aside."""
    reference = this.record["supplierInvoiceReference"]
    for other in this.books.find("supplier_invoices", "supplierCode", this.record["supplierCode"]):
        if (
            other["supplierInvoiceReference"].casefold() == reference.casefold()
            and other["invoiceType"] == this.record["invoiceType"]
            and other["entityCode"] == this.workspace.entity
        ):
            message = f"Warning: reference {reference} is already used by voucher {other['voucherNumber']}."
            this.warnings.append(Problem("duplicate_reference", "supplierInvoiceReference", message, reference))
            return
