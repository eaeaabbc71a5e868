"""The general ledger of this QAD: derived from accepted documents. Invariant: every entry balances, to the cent.

An entry is a run of lines with one ``entryNumber``; a leg's amount is signed, debit positive.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from st_pipelines.sandbox.qad.checks import fits_currency
from st_pipelines.sandbox.qad.company import SETS
from st_pipelines.sandbox.qad.dates import year_month
from st_pipelines.sandbox.qad.submission import Submission
from st_pipelines.sandbox.qad.wire import Problem, mandatory

Record = dict[str, Any]


@dataclass(frozen=True)
class Leg:
    """One ledger line; ``amount`` debit positive."""

    gl: str
    amount: Decimal
    cost_centre: str = ""
    sub_account: str = ""
    project: str = ""
    description: str = ""


def open_period(this: Submission, field: str, day: str) -> tuple[int, int]:
    """Year and period of a posting date; a complaint on ``field`` where the period is absent or closed."""
    year, month = year_month(day)
    period = this.books.get("gl_periods", f"{this.workspace.entity}.{year}.{month}")
    if period is None:
        this.problem("period", field, f"There is no GL period for {day[:10]}.", day)
    elif not period["isOpen"] or this.switched("closed_period"):
        this.problem("period", field, f"GL period {year}/{month:02d} is closed.", day)
    return year, month


def read_lines(this: Submission, control: str) -> list[Leg]:
    """The posting lines of a document as legs, each checked against its account. ``control``: the only control account
    that may appear."""
    legs: list[Leg] = []
    for number, line in enumerate(this.record["postingLines"], start=1):
        line["sequence"] = line["sequence"] or number
        amount = Decimal(line["amountTC"])
        if amount < 0:
            this.problem("value", "amountTC", f"Line {number}: the amount may not be negative; use isDebit.", amount)
        fits_currency("amountTC", amount, this.record["currencyCode"], this.problems)
        _analysis(this, line, number, control)
        signed = amount if line["isDebit"] else -amount
        legs.append(
            Leg(line["glCode"], signed, line["costCentreCode"], line["subAccountCode"], line["projectCode"],
                line["description"])
        )  # fmt: skip
    return legs


def check_account(this: Submission, field: str, code: str, where: str = "") -> Record | None:
    """The active GL account of a code, or a complaint on ``field``."""
    account = this.books.get("gl_accounts", f"{SETS['gl']}.{code}")
    if account is None:
        this.problems.append(mandatory(field, code))
    elif not account["isActive"]:
        this.problem("inactive", field, f"{where}GL account {code} is not active.", code)
        return None
    return account


def _analysis(this: Submission, line: Record, number: int, control: str) -> None:
    where = f"Line {number}: "
    account = check_account(this, "glCode", line["glCode"], where)
    if account is None:
        return
    if account["glType"].endswith("Control") and account["glCode"] != control:
        this.problem("analysis", "glCode", f"{where}{line['glCode']} is a control account.", line["glCode"])
    for field, flag, entity, shared_set, name in (
        ("costCentreCode", "isCostCentreAccount", "cost_centres", "costCentre", "cost centre"),
        ("subAccountCode", "isSubAccountAccount", "sub_accounts", "subAccount", "sub-account"),
        ("projectCode", "isProjectAccount", "projects", "project", "project"),
    ):
        code = line[field]
        if not account[flag]:
            if code:
                this.problem("analysis", field, f"{where}GL account {line['glCode']} takes no {name}.", code)
            continue
        found = this.books.get(entity, f"{SETS[shared_set]}.{code}") if code else None
        if found is None:
            this.problems.append(mandatory(field, code))
        elif not found["isActive"]:
            this.problem("inactive", field, f"{where}{name} {code} is not active.", code)


def post(
    this: Submission, document: Record, legs: Iterable[Leg], day: str, party: str, *, reversal: bool = False
) -> None:
    """Writes one ledger entry for a stored document. Legs of zero are left out; an unbalanced one is a defect."""
    moved = [leg for leg in legs if leg.amount]
    if sum((leg.amount for leg in moved), Decimal(0)) != 0:
        raise AssertionError(f"an unbalanced ledger entry for {this.entity.key_of(document)}")
    if not moved:
        return
    books, entity = this.books, this.served.entities["gl_entries"]
    year, month = year_month(day)
    number = books.next_number(f"entry.{this.workspace.entity}.{year}")
    lines = []
    for sequence, leg in enumerate(moved, start=1):
        line = {
            "domainCode": this.workspace.domain, "entityCode": this.workspace.entity, "postingYear": year,
            "postingPeriod": month, "entryNumber": number, "sequence": sequence, "postingDate": day,
            "daybookCode": document["daybookCode"], "voucherNumber": document["voucherNumber"],
            "documentEntity": this.entity.name, "glCode": leg.gl, "subAccountCode": leg.sub_account,
            "costCentreCode": leg.cost_centre, "projectCode": leg.project, "currencyCode": document["currencyCode"],
            "amountTC": abs(leg.amount), "isDebit": leg.amount > 0, "isReversal": reversal, "partyCode": party,
            "description": leg.description or document["description"], "customLong0": document["customLong0"],
        }  # fmt: skip
        lines.append((entity.key_of(line), line))
    books.put_many("gl_entries", lines)


def reversed_legs(legs: Sequence[Leg]) -> list[Leg]:
    return [Leg(leg.gl, -leg.amount, leg.cost_centre, leg.sub_account, leg.project, leg.description) for leg in legs]


def unbalanced(field: str, legs: Iterable[Leg]) -> Problem:
    """Says both sums, as an accountant wants them."""
    amounts = [leg.amount for leg in legs]
    debit = sum((amount for amount in amounts if amount > 0), Decimal(0))
    credit = -sum((amount for amount in amounts if amount < 0), Decimal(0))
    return Problem("balance", field, f"The posting does not balance: debit {debit}, credit {credit}.")
