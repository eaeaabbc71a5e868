"""Each cause that a variance can have is found, with its exact amount; and nothing else is found."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from st_pipelines.documents.mapped import ControlLine, Hold
from st_pipelines.reconciliation.causes import CAUSES
from st_pipelines.reconciliation.control_totals import coding_totals
from st_pipelines_tests.reconciliation.books import CENTERS, DAY, Books, as_found, document

HOLD = Hold("gl_account.no_row", "101/MEMBERSHIP", "no account for this item type", "Add a row to gl_accounts.csv.")


@pytest.fixture
def books() -> Books:
    """Three documents that agree everywhere; the cause under test comes on top."""
    books = Books()
    for number in (1, 2, 3):
        books.post(document(number, 1_000 * number))
    return books


def only(books: Books, cause: str, amount_minor: int) -> str:
    """There is exactly this one variance. Gives its detail."""
    found = books.variances()
    assert [(v.cause, v.amount_minor) for v in found] == [(cause, amount_minor)]
    assert found[0].cure
    return found[0].detail


def test_agreeing_books_have_no_variance(books: Books) -> None:
    assert books.variances() == ()
    assert set(books.totals()["variance_minor"].to_pylist()) == {0}


def test_held_document_names_the_missing_key_and_its_cure(books: Books) -> None:
    books.source.append(document(9, 5_050, disposition="held", hold=HOLD))
    detail = only(books, "held", 5_050)
    assert "gl_account.no_row" in detail and "101/MEMBERSHIP" in detail
    assert books.variances()[0].cure == "Add a row to gl_accounts.csv."


def test_held_document_without_accounts_is_counted_with_its_total(books: Books) -> None:
    books.source.append(msgspec.structs.replace(document(9, 5_050, disposition="held", hold=HOLD), control=()))
    only(books, "held", 5_050)
    (place, minor), = books.variances()[0].lines  # fmt: skip
    assert place[1] == "" and minor == -5_050


def test_held_document_with_an_unreadable_currency_is_still_counted(books: Books) -> None:
    broken = document(9, 5_050, disposition="held", hold=HOLD)
    books.source.append(msgspec.structs.replace(broken, currency="us dollars", control=()))
    found = books.variances()
    assert [(v.cause, v.currency, v.amount_minor) for v in found] == [("held", "XXX", 5_050)]


@pytest.mark.parametrize(
    ("state", "cause", "more"),
    [
        ("rejected", "rejected", {"code": "inactive", "detail": "account 4999 is inactive"}),
        ("held", "held", {"code": "run_limit", "detail": "above the run limit"}),
        ("unknown", "unknown", {}),
        ("sending", "unknown", {}),
        ("planned", "planned", {}),
        ("waiting", "waiting", {"waiting_for": "ST:1:invoice:77"}),
    ],
)
def test_document_that_is_not_posted_has_the_ledgers_reason(
    books: Books, state: str, cause: str, more: dict[str, str]
) -> None:
    one = document(9, 700)
    books.source.append(one)
    books.ledger.append((one, state, more))
    detail = only(books, cause, 700)
    assert all(text in detail for text in more.values())


def test_document_that_the_ledger_has_never_seen(books: Books) -> None:
    books.source.append(document(9, 700))
    only(books, "not_planned", 700)


def test_change_in_the_source_after_posting_counts_the_difference_only(books: Books) -> None:
    books.source.append(document(1, 1_250, modified=5))
    only(books, "not_planned", 250)


def test_void_in_the_source_that_has_not_been_posted(books: Books) -> None:
    books.source.append(document(1, 1_000, disposition="void", modified=5))
    assert "still posted" in only(books, "not_planned", 1_000)


def test_document_that_vanished_from_the_source(books: Books) -> None:
    del books.source[0]
    only(books, "not_in_source", 1_000)


def test_document_missing_in_the_target_although_posted(books: Books) -> None:
    del books.target[0]
    only(books, "missing", 1_000)


def test_document_voided_in_the_target(books: Books) -> None:
    books.target[0] = replace(books.target[0], content={"void": "yes"}, total=Decimal(0), control=())
    only(books, "voided", 1_000)


def test_second_copy_in_the_target(books: Books) -> None:
    books.target.append(replace(books.target[1], target_id="V-second", number="INV-2"))
    assert "INV-2" in only(books, "duplicate", 2_000)


def test_document_with_our_reference_that_nobody_knows(books: Books) -> None:
    books.target.append(as_found(document(88, 900)))
    only(books, "extra", 900)


def test_restored_ledger_finds_its_documents_in_the_target_again(books: Books) -> None:
    """Source and target have it, the ledger lost it: no amount differs, yet it must be looked at (L15)."""
    del books.ledger[0]
    only(books, "extra", 0)


def test_unknown_outcome_that_the_target_did_apply(books: Books) -> None:
    books.ledger[0] = (books.ledger[0][0], "unknown", {})
    assert "unknown" in only(books, "unrecorded", 0)


def test_amount_changed_in_the_target(books: Books) -> None:
    lines = (ControlLine("", "1200", "", 1_100), ControlLine("", "4000", "1100", -1_100))
    books.target[0] = replace(books.target[0], total=Decimal("11.00"), control=lines)
    assert "10.00 USD" in only(books, "amount_differs", 100) and "11.00 USD" in books.variances()[0].detail


def test_total_in_the_head_that_does_not_fit_its_lines(books: Books) -> None:
    books.target[0] = replace(books.target[0], total=Decimal("10.01"))
    only(books, "amount_differs", 1)


def test_account_changed_in_the_target(books: Books) -> None:
    lines = (ControlLine("", "1200", "", 1_000), ControlLine("", "4100", "1100", -1_000))
    books.target[0] = replace(books.target[0], control=lines)
    assert "4100" in only(books, "account_differs", 1_000)


def test_cost_center_changed_within_one_business_unit(books: Books) -> None:
    """The control totals do not tell cost centers apart: the document does."""
    lines = (ControlLine("101", "1200", "", 1_000), ControlLine("101", "4000", "1199", -1_000))
    books.target[0] = replace(books.target[0], control=lines)
    assert "4000 / 1199 10.00 USD" in only(books, "cost_center_differs", 1_000)
    source, _, target = books.sides()
    moved = {(one.cost_center, one.variance_minor) for one in coding_totals(source, target) if one.variance_minor}
    assert moved == {("1100", -1_000), ("1199", 1_000)}


def test_cost_center_changed_in_the_target(books: Books) -> None:
    lines = (ControlLine("", "1200", "", 1_000), ControlLine("", "4000", CENTERS["102"], -1_000))
    books.target[0] = replace(books.target[0], control=lines)
    assert "102" in only(books, "business_unit_differs", 1_000)


def test_date_changed_in_the_target(books: Books) -> None:
    books.target[0] = replace(books.target[0], business_date=date(2026, 11, 1))
    detail = only(books, "date_differs", 2_000)  # a debit and a credit are missing on one day and too many on another
    assert "2026-11-01" in detail and DAY.isoformat() in detail


def test_currency_changed_in_the_target(books: Books) -> None:
    books.target[0] = replace(books.target[0], currency="CAD")
    found = books.variances()
    assert [(v.cause, v.currency, v.amount_minor) for v in found] == [
        ("amount_differs", "CAD", 1_000), ("amount_differs", "USD", 1_000),
    ]  # fmt: skip


def test_other_document_under_the_same_reference(books: Books) -> None:
    books.target[0] = replace(books.target[0], target_id="V-other")
    assert "V-other" in only(books, "other_document", 0)


def test_voided_by_an_exact_reversal_leaves_nothing(books: Books) -> None:
    original = books.target[0]
    books.source.append(document(1, 1_000, disposition="void", modified=5))
    books.ledger[0] = (books.ledger[0][0], "posted", {"op": "void"})
    books.target.append(replace(
        original, target_id="V-rev", external_ref=original.external_ref + ":void", total=-original.total,
        control=tuple(ControlLine("", c.gl_account, c.cost_center, -c.amount_minor) for c in original.control),
        content={"reverses": original.external_ref},
    ))  # fmt: skip
    assert books.variances() == ()
    assert sum(books.totals()["target_documents"].to_pylist()) == 4  # two documents on two accounts each


def test_reversal_on_another_date_is_not_a_reversal(books: Books) -> None:
    original = books.target[0]
    books.source.append(document(1, 1_000, disposition="void", modified=5))
    books.ledger[0] = (books.ledger[0][0], "posted", {"op": "void"})
    books.target.append(replace(
        original, target_id="V-rev", total=-original.total, business_date=date(2026, 10, 31),
        control=tuple(ControlLine("", c.gl_account, c.cost_center, -c.amount_minor) for c in original.control),
        content={"reverses": original.external_ref},
    ))  # fmt: skip
    assert [(v.cause, v.amount_minor) for v in books.variances()] == [
        ("not_voided", 1_000),
        ("reversal_differs", 1_000),
    ]


def test_voided_in_the_ledger_and_alive_in_the_target(books: Books) -> None:
    books.source.append(document(1, 1_000, disposition="void", modified=5))
    books.ledger[0] = (books.ledger[0][0], "posted", {"op": "void"})
    only(books, "not_voided", 1_000)


def test_two_errors_that_cancel_each_other_are_both_listed(books: Books) -> None:
    books.source.append(document(9, 900, disposition="held", hold=HOLD))
    books.target.append(as_found(document(88, 900)))
    assert set(books.totals()["variance_minor"].to_pylist()) == {0}
    assert [(v.cause, v.amount_minor) for v in books.variances()] == [("extra", 900), ("held", 900)]


def test_what_is_not_eligible_or_zero_or_voided_before_posting_is_no_variance(books: Books) -> None:
    for number, disposition in enumerate(("not_eligible", "nothing_to_post", "void"), start=50):
        books.source.append(document(number, 900, disposition=disposition))
    assert books.variances() == ()


def test_every_cause_tells_what_it_means_and_what_to_do() -> None:
    for cause in CAUSES.values():
        assert cause.title and cause.meaning.endswith((".", "!")) and cause.cure.endswith(".")
