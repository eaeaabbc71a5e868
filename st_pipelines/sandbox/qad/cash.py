"""Customer payments and refunds. Invariant: what a payment allocates is what its invoices' open balances lost.

Assumed: a refund is ``paymentType`` "Refund" with a positive amount. A payment allocates positive amounts to invoices
and negative ones to credit notes it takes along; a refund pays out credit notes (positive) or opens an invoice again by
what had been paid on it (positive). The rest stays on the customer's account. An amount of zero with allocations that
cancel each other sets a credit note against an invoice.
"""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.checks import fits_currency
from st_pipelines.sandbox.qad.company import RECEIVABLE, SETS
from st_pipelines.sandbox.qad.ledger import Leg, check_account, open_period, post, reversed_legs
from st_pipelines.sandbox.qad.receivables import SIDE
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.vouchers import CHANGEABLE, locked_fields, read_currency
from st_pipelines.sandbox.qad.wire import mandatory

Record = dict[str, Any]
_SIGNS = {"Payment": 1, "Refund": -1}
_STATUSES = ("Paid", "For Collection", "Voided")
_CHANGEABLE = CHANGEABLE | {"allocations", "unallocatedAmountTC", "paymentReference", "paymentStatus", "voidDate"}


def submit_customer_payment(this: Submission) -> Record:
    """Creates, allocates anew, or voids (status ``Voided``: allocations undone, the ledger entry reversed)."""
    if this.before is None:
        return _create(this)
    locked_fields(this, _CHANGEABLE)
    if this.before["paymentStatus"] == "Voided":
        this.problem("value", "paymentStatus", "A voided payment may not be changed.", "Voided")
    if this.record["paymentStatus"] not in _STATUSES:
        this.problems.append(mandatory("paymentStatus", this.record["paymentStatus"]))
    this.refuse_if_any()
    return _void(this) if this.record["paymentStatus"] == "Voided" else _allocate_anew(this)


def _create(this: Submission) -> Record:
    record = this.record
    record["paymentType"] = record["paymentType"] or "Payment"
    record["paymentStatus"] = record["paymentStatus"] or "Paid"
    if record["paymentType"] not in _SIGNS:
        this.problem("value", "paymentType", f"Unknown payment type {record['paymentType']}.", record["paymentType"])
    if record["paymentStatus"] not in _STATUSES[:2]:
        this.problems.append(mandatory("paymentStatus", record["paymentStatus"]))
    customer = this.code("customerCode", "customers", SETS["customer"])
    daybook = this.code("daybookCode", "daybooks", SETS["daybook"])
    if daybook is not None and daybook["daybookType"] != "Customer Payment":
        this.problem("value", "daybookCode", f"Daybook {record['daybookCode']} is not of type Customer Payment.")
    account = check_account(this, "bankGLCode", record["bankGLCode"])
    if account is not None and account["glType"] != "Bank":
        this.problem("analysis", "bankGLCode", f"GL account {record['bankGLCode']} is not a bank account.")
    today = this.now[:10] + "T00:00:00.000Z"
    record["paymentDate"] = record["paymentDate"] or today
    record["postingDate"] = record["postingDate"] or today
    record["postingYear"], record["postingPeriod"] = open_period(this, "postingDate", record["postingDate"])
    read_currency(this, customer)
    amount = Decimal(record["amountTC"])
    if amount < 0:
        this.problem("value", "amountTC", "The amount may not be negative; a refund is a payment type.", amount)
    if amount == 0 and not record["allocations"]:
        this.problem("value", "amountTC", "The amount may not be zero.", amount)
    fits_currency("amountTC", amount, record["currencyCode"], this.problems)
    this.refuse_if_any()
    changes = _effects(this, record, 1)
    _within_bounds(this, changes)
    series = f"voucher.{this.workspace.entity}.{record['daybookCode']}.{record['postingYear']}"
    with this.books.transaction():
        record["voucherNumber"] = this.books.next_number(series)
        stored = this.store()
        _apply(this, changes)
        post(this, stored, _legs(stored), stored["postingDate"], stored["customerCode"])
    return stored


def _allocate_anew(this: Submission) -> Record:
    assert this.before is not None
    changes = _effects(this, this.record, 1, _effects(this, this.before, -1))
    _within_bounds(this, changes)
    with this.books.transaction():
        stored = this.store()
        _apply(this, changes)
    return stored


def _void(this: Submission) -> Record:
    """The reversal posts on ``voidDate``, or else on the payment's own posting date; that period must be open."""
    assert this.before is not None
    day = this.record["voidDate"] or this.record["postingDate"]
    open_period(this, "voidDate" if this.record["voidDate"] else "postingDate", day)
    changes = _effects(this, this.before, -1)
    _within_bounds(this, changes)
    this.record["allocations"], this.record["unallocatedAmountTC"] = [], 0
    with this.books.transaction():
        stored = this.store()
        _apply(this, changes)
        post(this, stored, reversed_legs(_legs(stored)), day, stored["customerCode"], reversal=True)
    return stored


def _legs(record: Record) -> list[Leg]:
    amount = _SIGNS[record["paymentType"]] * Decimal(record["amountTC"])
    return [Leg(record["bankGLCode"], amount), Leg(RECEIVABLE, -amount)]


def _effects(
    this: Submission, record: Record, direction: int, under: dict[str, Decimal] | None = None
) -> dict[str, Decimal]:
    """What each open item's balance gains, by its key (``direction`` -1 undoes); complaints where an
    allocation is not possible or all exceed the payment. Also works out what is left on account."""
    gains: dict[str, Decimal] = defaultdict(Decimal, under or {})
    sign, allocated = _SIGNS[record["paymentType"]], Decimal(0)
    for number, part in enumerate(record["allocations"], start=1):
        where, amount = f"Allocation {number}: ", Decimal(part["amountTC"])
        key = f"{part['entityCode']}.{part['daybookCode']}.{part['postingYear']}.{part['voucherNumber']}"
        item = this.books.get("customer_invoices", key)
        if item is None or item["entityCode"] != this.workspace.entity:
            this.problems.append(mandatory("voucherNumber", key))
            continue
        if item["customerCode"] != record["customerCode"]:
            this.problem("value", "customerCode", f"{where}{key} belongs to customer {item['customerCode']}.")
        if item["currencyCode"] != record["currencyCode"]:
            this.problem("value", "currencyCode", f"{where}{key} is in {item['currencyCode']}.")
        if part["discountTC"]:
            this.problem("value", "discountTC", f"{where}no discount account is set up.", part["discountTC"])
        if not amount:
            this.problem("value", "amountTC", f"{where}the amount may not be zero.", amount)
        fits_currency("amountTC", amount, record["currencyCode"], this.problems)
        # A debit item loses what a payment allocates; a credit item is the mirror image.
        gains[key] += direction * -sign * SIDE.sign(item) * amount
        allocated += amount
    if direction > 0:
        total = Decimal(record["amountTC"])
        if not 0 <= allocated <= total:
            message = f"The allocations add up to {allocated}, the payment is {total}."
            this.problem("balance", "allocations", message, allocated)
        record["unallocatedAmountTC"] = total - allocated
    return gains


def _within_bounds(this: Submission, gains: dict[str, Decimal]) -> None:
    for key, gain in gains.items():
        item = this.books.get("customer_invoices", key)
        assert item is not None
        after = Decimal(item["balanceTC"]) + gain
        if after < 0 or after > item["invoiceAmountTC"]:
            message = f"{key} has an open balance of {item['balanceTC']}; it would become {after}."
            this.problem("balance", "allocations", message, key)
    this.refuse_if_any()


def _apply(this: Submission, gains: dict[str, Decimal]) -> None:
    for key, gain in gains.items():
        item = this.books.get("customer_invoices", key)
        if item is not None and gain:
            this.keep("customer_invoices", {**item, "balanceTC": item["balanceTC"] + gain}, item)
