"""Purchase orders and receipts. Invariant: receipts are never edited; a correction is a negative receipt.

A receipt accrues its cost on unmatched invoices where its order line names a GL account.
"""

from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.company import CODES, CURRENCIES, SETS, UNMATCHED
from st_pipelines.sandbox.qad.ledger import Leg, check_account, open_period, post
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.wire import mandatory

Record = dict[str, Any]


def submit_purchase_order(this: Submission) -> Record:
    record = this.record
    this.code("supplierCode", "suppliers", SETS["supplier"])
    this.code("creditTermsCode", "credit_terms", SETS["creditTerms"])
    this.code("shipToSite", "sites", this.workspace.domain)
    if record["currencyCode"] not in CURRENCIES:
        this.problems.append(mandatory("currencyCode", record["currencyCode"]))
    if record["daybookSetCode"] not in CODES["daybookSet"]:
        this.problems.append(mandatory("daybookSetCode", record["daybookSetCode"]))
    this.refuse_if_any()
    with this.books.transaction():
        if not record["purchaseOrderNumber"]:
            record["purchaseOrderNumber"] = f"P{this.books.next_number('order.' + this.workspace.domain):07d}"
        return this.store()


def submit_purchase_order_line(this: Submission) -> Record:
    """QAD assigns the line number; what was received and invoiced is its own business too."""
    record, before = this.record, this.before
    this.code("purchaseOrderNumber", "purchase_orders", this.workspace.domain)
    if record["glCode"]:
        check_account(this, "glCode", record["glCode"])
    if record["costCentreCode"]:
        this.code("costCentreCode", "cost_centres", SETS["costCentre"])
    this.refuse_if_any()
    record["quantityReceived"] = before["quantityReceived"] if before else 0
    record["quantityInvoiced"] = before["quantityInvoiced"] if before else 0
    with this.books.transaction():
        if before is None:
            series = f"line.{this.workspace.domain}.{record['purchaseOrderNumber']}"
            record["purchaseOrderLine"] = this.books.next_number(series)
        return this.store()


def submit_receipt(this: Submission) -> Record:
    record = this.record
    if this.before is not None:
        this.problem("value", "receiverNumber", "A receipt may not be changed; enter a negative receipt.")
        this.refuse_if_any()
    key = f"{this.workspace.domain}.{record['purchaseOrderNumber']}.{record['purchaseOrderLine']}"
    line = this.books.get("purchase_order_lines", key)
    if line is None:
        this.problems.append(mandatory("purchaseOrderLine", key))
    if not record["quantityReceived"]:
        this.problem("value", "quantityReceived", "The quantity may not be zero.", record["quantityReceived"])
    record["receiptDate"] = record["receiptDate"] or this.now[:10] + "T00:00:00.000Z"
    if line is not None and line["glCode"]:
        open_period(this, "receiptDate", record["receiptDate"])
    this.refuse_if_any()
    assert line is not None
    record["unitCost"] = record["unitCost"] or line["purchaseCost"]
    record["openInvoiceQuantity"] = record["quantityReceived"]
    with this.books.transaction():
        if not record["receiverNumber"]:
            record["receiverNumber"] = f"R{this.books.next_number('receiver.' + this.workspace.domain):07d}"
        stored = this.store()
        received = {**line, "quantityReceived": line["quantityReceived"] + record["quantityReceived"]}
        this.keep("purchase_order_lines", received, line)
        _accrue(this, stored, line)
    return stored


def _accrue(this: Submission, receipt: Record, line: Record) -> None:
    if not line["glCode"]:
        return
    order = this.books.get("purchase_orders", f"{this.workspace.domain}.{line['purchaseOrderNumber']}")
    assert order is not None
    cost = (Decimal(receipt["quantityReceived"]) * Decimal(receipt["unitCost"])).quantize(Decimal("0.01"))
    document = {
        "entityCode": this.workspace.entity, "daybookCode": "GLJNL", "voucherNumber": 0,
        "postingYear": int(receipt["receiptDate"][:4]), "currencyCode": order["currencyCode"],
        "description": f"Receipt {receipt['receiverNumber']}", "customLong0": receipt["customLong0"],
        "domainCode": this.workspace.domain, "receiverNumber": receipt["receiverNumber"],
        "purchaseOrderNumber": line["purchaseOrderNumber"], "purchaseOrderLine": line["purchaseOrderLine"],
    }  # fmt: skip
    legs = [
        Leg(line["glCode"], cost, line["costCentreCode"], line["subAccountCode"]),
        Leg(UNMATCHED, -cost),
    ]
    post(this, document, legs, receipt["receiptDate"], order["supplierCode"])
