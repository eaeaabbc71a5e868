"""The journal of the source as a second witness: it agrees to the cent, or each difference has document and reason."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument
from st_pipelines.reconciliation.hearing import Terms, hear
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.report import render_html
from st_pipelines.reconciliation.second_witness import (
    JOURNAL_DETAIL,
    JOURNAL_SUMMARY,
    Journal,
    NoWitness,
    SecondWitness,
)
from st_pipelines.reconciliation.source_side import source_side
from st_pipelines_tests.reconciliation.books import DAY, Books, document
from st_pipelines_tests.reconciliation.test_report import reconciliation

OCTOBER = Period.month(DAY)
READ_UNTIL = datetime(2026, 11, 1, 5, tzinfo=UTC)
BEFORE, AFTER = READ_UNTIL - timedelta(days=9), READ_UNTIL + timedelta(minutes=1)
TERMS = Terms(kinds=("customer_invoice",), first_day=date(2026, 10, 1), until=READ_UNTIL, own_accounts=("6900",),
              control_accounts=("1200", "2000"))  # fmt: skip


def posted(one: MappedDocument, *, day: date | None = None, changed: datetime = BEFORE, **accounts: str) -> list[Any]:
    """The document as the source's journal has it. ``accounts``: ``_4000="4100"`` posts to another account."""
    return [
        {"business_unit": line.business_unit, "gl_account": accounts.get(f"_{line.gl_account}", line.gl_account),
         "currency": one.currency, "post_date": day or one.business_date,
         "debit": Decimal(max(line.amount_minor, 0)).scaleb(-2),
         "credit": Decimal(max(-line.amount_minor, 0)).scaleb(-2),
         "transaction": "Invoice", "kind": "customer_invoice", "doc_key": one.doc_key, "modified_on": changed}
        for line in one.control
    ]  # fmt: skip


def journal(*lines: list[Any]) -> Journal:
    rows = [row for some in lines for row in some]
    details = pa.Table.from_pylist(rows, schema=JOURNAL_DETAIL)

    def asked(table: pa.Table) -> Callable[[date, date], pa.Table]:
        return lambda since, until: table.filter(
            pa.array([since <= day <= until for day in table["post_date"].to_pylist()], pa.bool_())
        )

    return Journal("The journal", asked(details.select(JOURNAL_SUMMARY.names)), asked(details))


def heard(said: Journal, *ours: MappedDocument, terms: Terms = TERMS) -> SecondWitness:
    return hear(said, source_side(ours), OCTOBER, terms)


def only(witness: SecondWitness) -> tuple[str, bool, int]:
    (one,) = witness.disagreements
    return one.reason, one.contradicts, one.amount_minor


def test_an_agreeing_journal_is_one_line() -> None:
    one, two = document(1, 10_000), document(2, -333, account="4100")
    witness = heard(journal(posted(one), posted(two)), one, two)
    assert witness.agrees and not witness.contradicts
    assert witness.verdict() == "The journal agrees (3 accounts)"


def test_details_are_not_asked_for_where_the_summary_agrees() -> None:
    def never(since: date, until: date) -> pa.Table:
        raise AssertionError("not needed")

    one = document(1)
    assert heard(replace(journal(posted(one)), details=never), one).agrees


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.sampled_from(["4000", "4100", "4900"])), min_size=1))
def test_whatever_we_understood_rightly_agrees(given_lines: list[tuple[int, str]]) -> None:
    ours = [document(n, minor, account=account) for n, (minor, account) in enumerate(given_lines)]
    assert heard(journal(*map(posted, ours)), *ours).agrees


def test_one_wrong_document_is_found_among_thousands() -> None:
    """Enough that nothing may rely on the order in which columns are grouped."""
    units, accounts = ("101", "102"), ("4000", "4100", "4900")
    ours = [document(n, 100 + n, unit=units[n % 2], account=accounts[n % 3]) for n in range(3_000)]
    said = [posted(one) for one in ours]
    said[1_777] = posted(ours[1_777], **{f"_{ours[1_777].control[1].gl_account}": "4300"})
    witness = heard(journal(*said), *ours)
    assert [one.doc_key for one in witness.disagreements] == [ours[1_777].doc_key]
    assert only(witness) == ("posted differently", True, 1_877)


@given(st.integers(1, 10**12), st.sampled_from(["4100", "4900"]))
def test_a_cent_in_another_account_contradicts(minor: int, account: str) -> None:
    one, other = document(1, minor), document(2, 5_000)
    witness = heard(journal(posted(one, _4000=account), posted(other)), one, other)
    assert only(witness) == ("posted differently", True, minor)
    (there, here) = sorted(witness.disagreements[0].accounts, key=lambda row: row.source_minor, reverse=True)
    assert (there.gl_account, there.witness_minor, there.source_minor) == (account, -minor, 0)
    assert (here.gl_account, here.witness_minor, here.source_minor) == ("4000", 0, -minor)


def test_two_errors_that_cancel_in_an_account_still_differ_by_business_unit() -> None:
    one, two = document(1, 700), document(2, 700, unit="102")
    crossed = [row | {"business_unit": "102"} for row in posted(one)] + posted(two)
    assert heard(journal(crossed), one, two).contradicts


def test_a_document_that_we_never_read_contradicts() -> None:
    one, lost = document(1), document(2, 4_200)
    witness = heard(journal(posted(one), posted(lost)), one)
    assert only(witness) == ("not in our source", True, 4_200)
    assert witness.disagreements[0].doc_key == lost.doc_key
    assert witness.verdict() == "The journal contradicts 42.00 USD in 1 document"


def test_a_document_that_the_journal_does_not_have_contradicts() -> None:
    one, extra = document(1), document(2, 4_200)
    assert only(heard(journal(posted(one)), one, extra)) == ("not in the journal", True, 4_200)


@pytest.mark.parametrize("disposition", ["void", "not_eligible"])
def test_what_we_do_not_count_and_the_journal_has_contradicts(disposition: str) -> None:
    one, other = document(1, 900), document(2)
    ours = document(1, 900, disposition=disposition)
    reason, contradicts, minor = only(heard(journal(posted(one), posted(other)), ours, other))
    assert (reason, contradicts, minor) == (f"{disposition.replace('_', ' ')} here", True, 900)


def test_what_changed_after_our_reading_does_not_contradict() -> None:
    one, lost, gone = document(1), document(2, 4_200), document(3, 100)
    witness = heard(journal(posted(one), posted(lost, changed=AFTER)), one, gone)
    assert {(d.doc_key, d.reason, d.contradicts) for d in witness.disagreements} == {
        (lost.doc_key, "not read since", False), (gone.doc_key, "not read since", False),
    }  # fmt: skip
    assert not heard(journal(posted(one), posted(lost)), one, terms=replace(TERMS, until=None)).contradicts


def test_documents_from_before_our_first_day_do_not_contradict() -> None:
    one, old = document(1), document(2, 50, day=date(2026, 10, 2))
    witness = heard(journal(posted(one), posted(old)), one, terms=replace(TERMS, first_day=date(2026, 10, 4)))
    assert only(witness) == ("before our first day", False, 50)


def test_another_date_on_either_side_is_named() -> None:
    one, late = document(1), document(2, 50)
    there = heard(journal(posted(one), posted(late, day=date(2026, 11, 3))), one, late)
    assert only(there) == ("other date", False, 50) and "2026-11-03" in there.disagreements[0].detail
    terms = replace(TERMS, dated_elsewhere={late.doc_key: date(2026, 9, 30)})
    here = heard(journal(posted(one), posted(late)), one, terms=terms)
    assert only(here) == ("other date", False, 50) and "2026-09-30" in here.disagreements[0].detail


def test_a_held_document_without_accounts_is_explained() -> None:
    one, other = document(1, 800), document(2)
    hold = Hold("gl_account.no_row", "item X", "", "add a row")
    ours = replace_control(document(1, 800, disposition="held", hold=hold), ())
    witness = heard(journal(posted(one), posted(other)), ours, other)
    assert only(witness) == ("held here", False, 800)
    assert "gl_account.no_row item X" in witness.disagreements[0].detail
    assert witness.disagreements[0].cure == "add a row"


def test_a_zero_total_is_not_posted_by_rule_unless_somebody_owes_it() -> None:
    gross = (ControlLine("101", "4000", "1100", -900), ControlLine("101", "4900", "1100", 900))
    there = replace_control(document(1), gross)
    ours, other = document(1, disposition="nothing_to_post"), document(2)
    witness = heard(journal(posted(there), posted(other)), ours, other)
    assert only(witness) == ("nothing to post", False, 900)
    assert witness.verdict() == "The journal agrees (3 accounts) but for 9.00 USD in 1 document: nothing to post"
    assert only(heard(journal(posted(document(1, 900)), posted(other)), ours, other))[1] is True


def test_rounding_of_ours_is_left_out_with_a_note() -> None:
    lines = (ControlLine("101", "1200", "", 1_000), ControlLine("101", "4000", "1100", -999),
             ControlLine("101", "6900", "1100", -1))  # fmt: skip
    ours = replace_control(document(1), lines)
    witness = heard(journal(posted(replace_control(ours, lines[:2]))), ours)
    assert witness.agrees and witness.notes == ("0.01 USD on account 6900 is rounding of ours, which no journal has.",)


def test_other_transactions_are_left_out_with_a_note() -> None:
    one = document(1)
    deposit = [row | {"transaction": "BankDeposit", "kind": "", "doc_key": ""} for row in posted(document(9, 77_700))]
    bill = [row | {"transaction": "Bill", "kind": "supplier_invoice"} for row in posted(document(8, 5))]
    witness = heard(journal(posted(one), deposit, bill), one)
    assert witness.agrees and not any(row.difference_minor for row in witness.accounts)
    assert witness.notes == (
        "Left out, because this integration does not carry them: 4 journal lines of BankDeposit, Bill.",
    )


def test_lines_of_other_months_are_not_counted() -> None:
    one = document(1)
    said = journal(posted(one))
    both = journal(posted(one), posted(document(2, 5, day=date(2026, 9, 30))))
    assert heard(replace(said, summary=lambda since, until: both.summary(date(2026, 1, 1), until)), one).agrees


def test_account_numbers_are_translated_where_they_differ() -> None:
    one = document(1)
    said = journal(posted(one, _4000="40-00"))
    assert heard(said, one).contradicts
    assert heard(said, one, terms=replace(TERMS, accounts={"40-00": "4000"})).agrees


def test_a_journal_that_cannot_be_asked_is_a_note_and_not_an_error() -> None:
    def refused(since: date, until: date) -> pa.Table:
        raise NoWitness("no scope")

    one, said = document(1), journal(posted(document(1, 5)))
    silent = heard(replace(said, summary=refused), one)
    assert not silent.heard and not silent.agrees and not silent.contradicts
    assert silent.verdict() == "The journal was not heard: no scope"
    assert "no entries for this period" in heard(journal(), one).verdict()
    half = heard(replace(said, details=refused), one)
    assert not half.heard and not half.contradicts and half.accounts and "no scope" in half.verdict()


def test_fractions_of_a_cent_are_never_rounded() -> None:
    one = document(1)
    rows = posted(one)
    rows[0]["debit"] += Decimal("0.001")
    assert "more decimals" in heard(journal(rows), one).verdict()


def test_a_contradiction_is_red_and_no_variance() -> None:
    books = Books()
    one = document(1, 1_234)
    books.post(one)
    clean = reconciliation(books)
    result = replace(clean, witness=heard(journal(posted(one, _4000="<b>4100")), one))
    assert clean.is_clean and not clean.has_alarm
    assert result.is_clean and result.variance_minor == {"USD": 0} and result.has_alarm and result.is_contradicted
    assert result.verdict() == "The books agree. But The journal contradicts 12.34 USD in 1 document."
    page = render_html(result)
    assert '<div class="verdict bad">' in page and "posted differently" in page
    assert "&lt;b&gt;4100" in page and "<b>4100" not in page
    assert "Second witness: The journal contradicts" in result.to_markdown()


def test_an_agreeing_or_silent_witness_changes_no_verdict() -> None:
    books = Books()
    one = document(1, 1_234)
    books.post(one)
    for witness in (heard(journal(posted(one)), one), SecondWitness("The journal", heard=False, notes=("no scope",))):
        result = replace(reconciliation(books), witness=witness)
        assert result.is_clean and not result.has_alarm and result.verdict() == "The books agree."
        page = render_html(result)
        assert '<div class="verdict good">' in page and "Second witness: The journal" in page


def replace_control(one: MappedDocument, control: tuple[ControlLine, ...]) -> MappedDocument:
    return msgspec.structs.replace(one, control=control)
