"""What people change after a document was posted reaches the books once, whole, and shows as no variance.

Two rounds of changes are made on one company, on SQLite and on PostgreSQL, each followed by a run of the day on which
they were made. The tests look at what each change has led to.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines_tests.integrations.company import LATE, MONTH, Company, Record, started


def key(kind: str, record: Record) -> str:
    return f"ST:1234567:{kind}:{record['id']}"


@dataclass
class Round:
    """What a round of changes led to. ``changed``: the records after it, by what was done to them; ``postings`` and
    ``live`` by document key; ``again``: writes that a second run of the same day sent."""

    changed: dict[str, Record] = field(default_factory=dict)
    sent: int = -1
    again: int = -1
    postings: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)
    live: dict[str, Decimal] = field(default_factory=dict)
    allocated: dict[str, Decimal] = field(default_factory=dict)
    owed: Decimal = Decimal(0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def company(
    request: pytest.FixtureRequest, read_month: Path, posted_month: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("late") / "home"
    if request.param == "sqlite":
        with started(home, copied_from=posted_month) as opened:
            yield opened
        return
    url = request.getfixturevalue("fresh_postgres")
    with started(home, copied_from=read_month, database_url=url) as opened:
        opened.post(MONTH)
        yield opened


@pytest.fixture(scope="module")
def before(company: Company) -> dict[str, Record]:
    """The records that will be changed, as they were posted."""
    live, payments = company.live(), company.records("servicetitan", "payments")
    settled = {part["appliedTo"] for one in payments for part in one["appliedTo"] or ()}
    standing = [one for one in company.records("servicetitan", "invoices")
                if key("invoice", one) in live and one["items"] and one["adjustmentToId"] is None
                and Decimal(one["items"][0]["price"]) > 0]  # fmt: skip
    unpaid = iter([one for one in standing if one["id"] not in settled])
    chosen = {name: next(unpaid) for name in ("edited", "edited twice", "voided", "edited and voided", "reviewed")}
    customers = {one["customer"]["id"] for one in chosen.values()}
    chosen["paid"] = next(
        one for one in standing if one["id"] in settled and one["customer"]["id"] not in customers
    )  # fmt: skip
    taken = {one["id"] for one in chosen.values()}
    chosen["payment"], chosen["owed"] = next(
        (paid, owed) for paid in payments for owed in standing
        if key("payment", paid) in live and owed["customer"] == paid["customer"] and owed["id"] not in taken
        and Decimal(paid["unappliedAmount"]) > 0 and Decimal(owed["balance"]) > 0
    )  # fmt: skip
    chosen["order"] = next(one for one in company.records("servicetitan", "purchase_orders") if one["status"] == "Sent")
    return chosen


def dearer(company: Company, invoice: Record, by: str) -> Record:
    price = Decimal(invoice["items"][0]["price"]) + Decimal(by)
    return company.business("edit_invoice_line", invoice_id=invoice["id"], price=str(price))[0]


def finished(company: Company, made: Round, waiting: dict[str, Decimal]) -> Round:
    """Runs the day, proves both books, runs it again."""
    made.sent = company.run([LATE]).sent
    company.require_proof(but=waiting)
    for reference in (key(kind, one) for kind in ("invoice", "bill", "payment") for one in made.changed.values()):
        made.postings[reference] = company.postings(reference)
    made.live = company.live()
    made.again = company.run([LATE]).sent
    return made


@pytest.fixture(scope="module")
def first(company: Company, before: dict[str, Record]) -> Round:
    allocated_before, owed_before = allocated(company, before["payment"]), owed(company, before["paid"])
    line = {"type": "Service", "quantity": "1", "price": "120.00"}
    made = Round({
        "edited": dearer(company, before["edited"], "10.00"),
        "edited twice": dearer(company, before["edited twice"], "3.00"),
        "voided": company.business("void_invoice", invoice_id=before["voided"]["id"])[0],
        "paid": dearer(company, before["paid"], "25.00"),
        "added": company.business("add_invoice", business_unit_id=101, lines=[line],
                                  customer_id=before["edited"]["customer"]["id"])[0],
        "bill": company.business("add_bill", purchase_order_id=before["order"]["id"], vendor_number="LATE-1")[0],
    })  # fmt: skip
    dearer(company, before["edited and voided"], "1.00")
    made.changed["edited and voided"] = company.business("void_invoice", invoice_id=before["edited and voided"]["id"])[
        0
    ]
    unseen = {"reviewStatus": "Reviewed"}
    made.changed["reviewed"] = company.business(
        "set_fields", entity="invoices", record_id=before["reviewed"]["id"], fields=unseen
    )[0]
    made.changed["payment"], made.changed["owed"] = company.business(
        "apply_payment", payment_id=before["payment"]["id"], invoice_id=before["owed"]["id"], amount="0.50"
    )
    bill = made.changed["bill"]
    finished(company, made, {key("bill", bill): Decimal(bill["billAmount"])})
    now = allocated(company, before["payment"])
    made.allocated = {name: amount - allocated_before.get(name, Decimal(0)) for name, amount in now.items()}
    made.owed = owed(company, before["paid"]) - owed_before
    return made


@pytest.fixture(scope="module")
def second(company: Company, before: dict[str, Record], first: Round) -> Round:
    back: dict[str, Any] = {"active": True}
    made = Round({
        "edited twice": dearer(company, before["edited twice"], "0.00"),
        "voided": company.business("set_fields", entity="invoices", record_id=before["voided"]["id"], fields=back)[0],
        "bill": first.changed["bill"],
    })  # fmt: skip
    company.business("receive_purchase_order", purchase_order_id=before["order"]["id"])
    return finished(company, made, {})


def test_what_changed_is_sent_once(first: Round, second: Round) -> None:
    # Three edits by void and create, two voids, one allocation, one new invoice; then edit, return and bill.
    assert (first.sent, second.sent) == (3 * 2 + 2 + 1 + 1, 2 + 1 + 1)
    assert (first.again, second.again) == (0, 0)


def test_an_edited_invoice_is_reversed_and_posted_again(first: Round) -> None:
    edited = first.changed["edited"]
    reference = key("invoice", edited)
    assert first.postings[reference] == [
        ("create", "posted", reference), ("void", "posted", reference), ("create", "posted", f"{reference}:2")
    ]  # fmt: skip
    assert first.live[reference] == Decimal(edited["total"])


def test_an_invoice_edited_twice_and_back_ends_as_it_began(before: dict[str, Record], second: Round) -> None:
    reference = key("invoice", before["edited twice"])
    assert second.postings[reference] == [
        ("create", "posted", reference), ("void", "posted", reference), ("create", "posted", f"{reference}:2"),
        ("void", "posted", f"{reference}:2"), ("create", "posted", f"{reference}:3"),
    ]  # fmt: skip
    assert second.live[reference] == Decimal(before["edited twice"]["total"])


def test_an_edit_that_the_books_do_not_see_plans_nothing(before: dict[str, Record], first: Round) -> None:
    reference = key("invoice", before["reviewed"])
    assert first.postings[reference] == [("create", "posted", reference)]


def test_a_voided_invoice_is_reversed(before: dict[str, Record], first: Round) -> None:
    reference = key("invoice", before["voided"])
    assert first.postings[reference] == [("create", "posted", reference), ("void", "posted", reference)]
    assert reference not in first.live


def test_an_invoice_that_comes_back_after_its_void_is_a_new_document(before: dict[str, Record], second: Round) -> None:
    reference = key("invoice", before["voided"])
    assert second.postings[reference][-1] == ("create", "posted", f"{reference}:2")
    assert second.live[reference] == Decimal(before["voided"]["total"])


def test_an_invoice_edited_and_voided_at_once_is_only_reversed(before: dict[str, Record], first: Round) -> None:
    reference = key("invoice", before["edited and voided"])
    assert first.postings[reference] == [("create", "posted", reference), ("void", "posted", reference)]


def test_a_new_invoice_goes_out_with_its_day(first: Round) -> None:
    assert first.live[key("invoice", first.changed["added"])] == Decimal("120.00")


def test_money_applied_later_is_allocated_in_place(before: dict[str, Record], first: Round) -> None:
    reference = key("payment", before["payment"])
    assert first.postings[reference][-1] == ("update", "posted", reference)
    changed = {name: more for name, more in first.allocated.items() if more}
    assert changed == {key("invoice", before["owed"]): Decimal("0.50")}


def test_a_bill_waits_for_its_goods_and_goes_out_when_they_come(first: Round, second: Round) -> None:
    reference = key("bill", first.changed["bill"])
    assert first.postings[reference] == [("create", "planned", reference)] and reference not in first.live
    assert second.postings[reference] == [("create", "posted", reference)]
    assert second.live[reference] == Decimal(first.changed["bill"]["billAmount"])


def test_a_customer_owes_the_difference_after_a_paid_invoice_is_edited(before: dict[str, Record], first: Round) -> None:
    more = Decimal(first.changed["paid"]["total"]) - Decimal(before["paid"]["total"])
    assert first.owed == more > 0


def allocated(company: Company, payment: Record) -> dict[str, Decimal]:
    """What a payment settles in QAD: reference of the invoice to amount."""
    names = ("entityCode", "daybookCode", "postingYear", "voucherNumber")
    vouchers = {tuple(one[name] for name in names): one["customLong0"]
                for one in company.records("qad", "customer_invoices")}  # fmt: skip
    (held,) = (one for one in company.records("qad", "customer_payments")
               if one["customLong0"] == key("payment", payment))  # fmt: skip
    return {vouchers[tuple(part[name] for name in names)]: Decimal(part["amountTC"]) for part in held["allocations"]}


def owed(company: Company, invoice: Record) -> Decimal:
    """What QAD says that an invoice's customer owes: open invoices less open credit notes and unallocated money."""
    held = company.records("qad", "customer_invoices")
    customer = next(one["customerCode"] for one in held if one["customLong0"] == key("invoice", invoice))
    documents = [Decimal(one["balanceTC"]) * (1 if one["invoiceType"] == "Invoice" else -1)
                 for one in held if one["customerCode"] == customer]  # fmt: skip
    money = [Decimal(one["unallocatedAmountTC"]) * (1 if one["paymentType"] == "Payment" else -1)
             for one in company.records("qad", "customer_payments")
             if one["customerCode"] == customer and one["paymentStatus"] != "Voided"]  # fmt: skip
    return sum(documents, Decimal(0)) - sum(money, Decimal(0))
