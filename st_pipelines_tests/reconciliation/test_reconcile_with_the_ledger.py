"""The whole road on a real ledger of either kind: planned and posted rows, a target read back, documents that moved."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from st_pipelines.database.schema import posting
from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument
from st_pipelines.posting.plan import RunContext, plan_documents
from st_pipelines.posting.target import Found
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.reconcile import reconcile
from st_pipelines.reconciliation.result import Reconciliation
from st_pipelines_tests.reconciliation.books import COMPANY, as_found, document

OCTOBER = Period.month(date(2026, 10, 1))
CONTEXT = RunContext("demo_qad", "run-1", "test")


class Shelf:
    """A target that holds what it was given, and answers like one: by date, and by reference."""

    system = "qad"

    def __init__(self) -> None:
        self.held: list[Found] = []
        self.asked: list[str] = []

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        return (one for one in self.held if (one.kind, one.company) == (kind, company)
                and one.business_date is not None and since <= one.business_date <= until)  # fmt: skip

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        self.asked += external_refs
        found: dict[str, list[Found]] = {}
        for one in self.held:
            if (one.kind, one.company) == (kind, company) and one.external_ref in external_refs:
                found.setdefault(one.external_ref, []).append(one)
        return found


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def plan(engine: Engine, *documents: MappedDocument) -> None:
    plan_documents(engine, CONTEXT, documents, target="qad:demo", change=lambda _old, _new: "update")


def post(engine: Engine, shelf: Shelf, *documents: MappedDocument) -> None:
    """Plans, and moves every planned row of them to posted as a poster would; the target holds them."""
    plan(engine, *documents)
    for one in documents:
        found = as_found(one)
        with engine.begin() as connection:
            row = connection.execute(
                select(posting.c.posting_id, posting.c.op, posting.c.fence).where(
                    posting.c.doc_key == one.doc_key, posting.c.state == "planned"
                )
            ).one()
            mine = posting.c.posting_id == row.posting_id
            connection.execute(update(posting).where(mine).values(
                state="sending", lease_owner="t", lease_until=1, fence=row.fence + 1, attempt=1, body=b"{}",
                body_sha256="0" * 64))  # fmt: skip
            connection.execute(update(posting).where(mine).values(
                state="posted", lease_owner=None, target_id=found.target_id, target_number=found.number))  # fmt: skip
        shelf.held = [held for held in shelf.held if held.target_id != found.target_id]
        if row.op != "void":
            shelf.held.append(found)


def compare(engine: Engine, shelf: Shelf, documents: Sequence[MappedDocument] | None = None,
            period: Period = OCTOBER) -> Reconciliation:  # fmt: skip
    return reconcile(
        engine, shelf,  # type: ignore[arg-type]
        integration="demo_qad", companies=(COMPANY,), period=period, documents=documents,
        kinds=("customer_invoice",), cost_centers=[("101", COMPANY, "1100"), ("102", COMPANY, "1200")], run_id="r",
    )  # fmt: skip


def causes(result: Reconciliation) -> list[tuple[str, str, int]]:
    return [(variance.cause, variance.doc_key.rpartition(":")[2], variance.amount_minor) for variance in result.causes]


def test_posted_month_is_clean_and_its_totals_are_exact(engine: Engine, shelf: Shelf) -> None:
    documents = [document(n, 100 * n, unit="101" if n % 2 else "102", day=date(2026, 10, n)) for n in range(1, 31)]
    post(engine, shelf, *documents)
    result = compare(engine, shelf, documents)
    assert result.is_clean and result.variance_minor == {"USD": 0} and result.documents == (30, 30)
    assert shelf.asked == [], "what the list showed is not asked for again"
    by_unit = {row["business_unit"]: row["source"] for row in result.total_rows() if row["gl_account"] == "4000"}
    assert by_unit == {"101": "-225.00", "102": "-240.00"}


def test_each_unfinished_state_of_the_ledger_is_its_own_cause(engine: Engine, shelf: Shelf) -> None:
    hold = Hold("gl_account.no_row", "x", "no row", "Add one.")
    waiting = msgspec.structs.replace(document(3, 300), needs=("ST:1:customer:8",))
    held = document(2, 200, disposition="held", hold=hold)
    post(engine, shelf, document(1, 100))
    plan(engine, held, waiting, document(4, 400))
    documents = [document(1, 100), held, waiting, document(4, 400), document(5, 500)]
    result = compare(engine, shelf, documents)
    assert causes(result) == [
        ("held", "2", 200),
        ("waiting", "3", 300),
        ("planned", "4", 400),
        ("not_planned", "5", 500),
    ]
    assert "ST:1:customer:8" in result.causes[1].detail
    assert not result.has_alarm and result.variance_minor == {"USD": 1_400}


def test_without_the_store_the_ledgers_own_records_stand_in_and_the_report_says_so(
    engine: Engine, shelf: Shelf
) -> None:
    post(engine, shelf, document(1, 100))
    result = compare(engine, shelf)
    assert result.is_clean and "recorded" in result.notes[0]


def test_document_that_moved_out_of_the_month_in_the_target_is_not_called_missing(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100))
    shelf.held[0] = replace(shelf.held[0], business_date=date(2026, 11, 2))
    assert causes(compare(engine, shelf, [document(1, 100)])) == [("date_differs", "1", 200)]
    assert shelf.asked == ["ST:1:invoice:1"]


def test_document_of_another_month_that_the_target_dates_into_this_one(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100, day=date(2026, 9, 30)))
    shelf.held[0] = replace(shelf.held[0], business_date=date(2026, 10, 1))
    assert causes(compare(engine, shelf, [])) == [("date_differs", "1", 200)]


def test_back_dated_edit_turns_the_old_month_red_until_it_is_posted(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100, day=date(2026, 9, 30)))
    edited = document(1, 150, day=date(2026, 9, 30), modified=5)
    september = Period.month(date(2026, 9, 1))
    assert causes(compare(engine, shelf, [edited], september)) == [("not_planned", "1", 50)]
    post(engine, shelf, edited)
    assert compare(engine, shelf, [edited], september).is_clean


def test_older_version_from_the_store_does_not_beat_what_was_posted_since(engine: Engine, shelf: Shelf) -> None:
    old, new = document(1, 100), document(1, 150, modified=5)
    post(engine, shelf, old)
    post(engine, shelf, new)
    assert compare(engine, shelf, [old]).is_clean


def test_day_is_compared_with_the_other_documents_of_its_business_date(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100), document(2, 200))
    result = compare(engine, shelf, [document(2, 200)], Period.of_dates([document(2).business_date]))
    assert result.is_clean and result.documents == (2, 2)


def test_voided_document_leaves_nothing_on_either_side(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100))
    void = document(1, 100, disposition="void", modified=5)
    assert causes(compare(engine, shelf, [void])) == [("not_planned", "1", 100)]
    post(engine, shelf, void)
    result = compare(engine, shelf, [void])
    assert result.is_clean and result.documents == (0, 0)


def test_missing_extra_and_changed_at_once(engine: Engine, shelf: Shelf) -> None:
    documents = [document(n, 100) for n in (1, 2, 3)]
    post(engine, shelf, *documents)
    changed = (ControlLine("", "1200", "", 175), ControlLine("", "4000", "1100", -175))
    shelf.held = [
        shelf.held[0],
        replace(shelf.held[1], total=Decimal("1.75"), control=changed),
        as_found(document(9, 900)),
    ]
    result = compare(engine, shelf, documents)
    assert causes(result) == [("extra", "9", 900), ("missing", "3", 100), ("amount_differs", "2", 75)]
    assert result.has_alarm


def test_answer_from_other_books_stops_everything(engine: Engine, shelf: Shelf) -> None:
    post(engine, shelf, document(1, 100))
    other = replace(shelf.held[0], company="20X_Y")
    shelf.list_posted = lambda *_: iter([other])  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError, match="20X_Y"):
        compare(engine, shelf, [])


def test_ledger_is_asked_in_pieces_that_any_database_takes(engine: Engine, shelf: Shelf) -> None:
    documents = [document(n, 1) for n in range(1, 852)]
    plan(engine, *documents)
    assert len(causes(compare(engine, shelf, documents))) == 851
