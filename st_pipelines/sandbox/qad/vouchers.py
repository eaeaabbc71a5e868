"""What customer and supplier invoices share. Invariant: control account, lines and taxes add up to nothing.

The lines may name the control account themselves (a whole posting) or leave it out (counter lines only, as in QAD's own
screens); taxes may be among the lines or apart. Each way is unambiguous, and all else is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.checks import fits_currency
from st_pipelines.sandbox.qad.company import CURRENCIES, SETS
from st_pipelines.sandbox.qad.dates import plus_days
from st_pipelines.sandbox.qad.ledger import Leg, check_account, open_period, read_lines, unbalanced
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.wire import Problem, mandatory

Record = dict[str, Any]
CHANGEABLE = frozenset(
    {"description", "dueDate", "creditTermsCode", "invoiceStatusCode", "customShort0", "customShort1", "customLong0",
     "customLong1", "customNote", "concurrencyHash", "lastModifiedDate", "lastModifiedTime", "lastModifiedUser"}
)  # fmt: skip


@dataclass(frozen=True)
class Side:
    """``control``: the control account; ``invoice_sign``: +1 where an invoice debits it (customers), -1 where it
    credits it (suppliers); ``types``: document type to (sign of an invoice, type of its daybook)."""

    control: str
    invoice_sign: int
    types: Mapping[str, tuple[int, str]]
    status_prefix: str
    reference: str

    def sign(self, record: Record) -> int:
        """+1 where the document debits its control account."""
        return self.invoice_sign * self.types[record["invoiceType"]][0]


def read_heading(this: Submission, side: Side, party: Record | None) -> None:
    """Checks and completes the head: type, daybook, dates, period, currency, terms, status, amount."""
    record = this.record
    record["invoiceType"] = record["invoiceType"] or "Invoice"
    if record["invoiceType"] not in side.types:
        this.problem("value", "invoiceType", f"Unknown invoice type {record['invoiceType']}.", record["invoiceType"])
        this.refuse_if_any()
    daybook = this.code("daybookCode", "daybooks", SETS["daybook"])
    wanted = side.types[record["invoiceType"]][1]
    if daybook is not None and daybook["daybookType"] != wanted:
        this.problem("value", "daybookCode", f"Daybook {record['daybookCode']} is not of type {wanted}.")
    today = this.now[:10] + "T00:00:00.000Z"
    record["invoiceDate"] = record["invoiceDate"] or today
    record["postingDate"] = record["postingDate"] or today
    record["postingYear"], record["postingPeriod"] = open_period(this, "postingDate", record["postingDate"])
    read_currency(this, party)
    record["creditTermsCode"] = record["creditTermsCode"] or (party or {}).get("creditTermsCode", "")
    terms = this.code("creditTermsCode", "credit_terms", SETS["creditTerms"])
    if terms is not None and not record["dueDate"]:
        record["dueDate"] = plus_days(record["invoiceDate"], terms["dueDays"])
    record["invoiceStatusCode"] = record["invoiceStatusCode"] or (party or {}).get("invoiceStatusCode", "")
    status = this.code("invoiceStatusCode", "invoice_statuses")
    if status is not None and not record["invoiceStatusCode"].startswith(side.status_prefix):
        this.problems.append(mandatory("invoiceStatusCode", record["invoiceStatusCode"]))
    amount = record["invoiceAmountTC"]
    if amount < 0:
        message = "The amount may not be negative; a credit note is positive in its own sense."
        this.problem("value", "invoiceAmountTC", message, amount)
    elif amount == 0:
        this.problem("value", "invoiceAmountTC", "The amount may not be zero.", amount)
    this.refuse_if_any()
    fits_currency("invoiceAmountTC", amount, record["currencyCode"], this.problems)


def read_currency(this: Submission, party: Record | None) -> None:
    this.record["currencyCode"] = this.record["currencyCode"] or (party or {}).get("currencyCode", "")
    if this.record["currencyCode"] not in CURRENCIES:
        this.problems.append(mandatory("currencyCode", this.record["currencyCode"]))
        this.refuse_if_any()


def read_posting(this: Submission, side: Side) -> list[Leg]:
    """All legs of the document, control account first; complaints where they do not add up."""
    record = this.record
    sign = side.sign(record)
    total = sign * Decimal(record["invoiceAmountTC"])
    legs = read_lines(this, side.control)
    taxes = _read_taxes(this, sign)
    this.refuse_if_any()
    own = [leg for leg in legs if leg.gl == side.control]
    rest = [leg for leg in legs if leg.gl != side.control]
    control = Leg(side.control, total)
    if own and sum((leg.amount for leg in own), Decimal(0)) != total:
        message = f"The lines on control account {side.control} are not the amount of the document."
        this.problem("balance", "invoiceAmountTC", message, record["invoiceAmountTC"])
    if _sum(rest) == -total:
        _taxes_are_among(this, rest, taxes)
        legs = [*own, *rest] if own else [control, *rest]
    elif not own and _sum([*rest, *taxes]) == -total:
        legs = [control, *rest, *taxes]
    else:
        this.problems.append(unbalanced("postingLines", [*(own or [control]), *rest]))
    this.refuse_if_any()
    return legs


def _read_taxes(this: Submission, sign: int) -> list[Leg]:
    legs = []
    for number, tax in enumerate(this.record["taxes"], start=1):
        tax["sequence"] = tax["sequence"] or number
        amount = Decimal(tax["taxAmountTC"])
        fits_currency("taxAmountTC", amount, this.record["currencyCode"], this.problems)
        code = this.code("taxCode", "tax_codes", this.workspace.domain, tax["taxCode"])
        if code is None:
            continue
        account = tax["glCode"] or code["glCode"]
        check_account(this, "taxes", account)
        legs.append(Leg(account, -sign * amount, description=f"Tax {tax['taxCode']}"))
    return legs


def _taxes_are_among(this: Submission, lines: list[Leg], taxes: list[Leg]) -> None:
    for account in sorted({tax.gl for tax in taxes}):
        posted = _sum([leg for leg in lines if leg.gl == account])
        stated = _sum([tax for tax in taxes if tax.gl == account])
        if posted != stated:
            this.problem("balance", "taxes", f"Taxes of {abs(stated)} on {account}, but lines of {abs(posted)}.")


def _sum(legs: list[Leg]) -> Decimal:
    return sum((leg.amount for leg in legs), Decimal(0))


def locked_fields(this: Submission, changeable: frozenset[str]) -> None:
    """An update may change only what the books do not depend on; complaints for all else."""
    assert this.before is not None
    for name, value in this.record.items():
        if name not in changeable and value != this.before[name]:
            message = f"{name} may not be changed once the document is posted."
            this.problems.append(Problem("value", name, message, str(value)[:60]))
