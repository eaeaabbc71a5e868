"""Customer invoices and credit notes. Invariant: an open balance lies between zero and the document's amount."""

from typing import Any

from st_pipelines.sandbox.qad.company import RECEIVABLE, SETS
from st_pipelines.sandbox.qad.ledger import post
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.vouchers import CHANGEABLE, Side, locked_fields, read_heading, read_posting

Record = dict[str, Any]
SIDE = Side(
    control=RECEIVABLE,
    invoice_sign=1,
    types={
        "Invoice": (1, "Customer Invoice"),
        "Credit Note": (-1, "Customer Credit Note"),
        "Invoice Correction": (-1, "Customer Credit Note"),
        "Credit Note Correction": (1, "Customer Invoice"),
    },
    status_prefix="AR-",
    reference="invoiceReference",
)


def submit_customer_invoice(this: Submission) -> Record:
    """Creates (voucher number by daybook and year, ledger entry, open balance) or changes what is not in the ledger."""
    record = this.record
    if this.before is not None:
        locked_fields(this, CHANGEABLE | {"invoiceReference"})
        this.code("creditTermsCode", "credit_terms", SETS["creditTerms"])
        this.code("invoiceStatusCode", "invoice_statuses")
        this.refuse_if_any()
        return this.store()
    read_heading(this, SIDE, this.code("customerCode", "customers", SETS["customer"]))
    legs = read_posting(this, SIDE)
    record["balanceTC"] = record["invoiceAmountTC"]
    series = f"voucher.{this.workspace.entity}.{record['daybookCode']}.{record['postingYear']}"
    with this.books.transaction():
        record["voucherNumber"] = this.books.next_number(series)
        stored = this.store()
        post(this, stored, legs, stored["postingDate"], stored["customerCode"])
    return stored
