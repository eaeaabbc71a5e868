"""Random documents, random damage on each side: the causes add up to the control totals' variance at every place."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.documents.mapped import ControlLine, Hold
from st_pipelines.posting.target import Found
from st_pipelines.reconciliation.documents import triples
from st_pipelines.reconciliation.variances import explain
from st_pipelines_tests.reconciliation.books import DAY, Books, as_found, document

AMOUNTS = st.integers(-(10**15), 10**15).filter(bool)
LEDGER_STATES = (
    "posted",
    "posted",
    "posted",
    "rejected",
    "held",
    "unknown",
    "sending",
    "planned",
    "waiting",
    "none",
    "voided",
)
DAMAGE = (
    "none",
    "none",
    "gone",
    "voided",
    "twice",
    "amount",
    "account",
    "date",
    "currency",
    "center",
    "id",
    "no lines",
)
UNITS, ACCOUNTS = st.sampled_from(("101", "102")), st.sampled_from(("4000", "4100", "4200"))


def damaged(found: Found, damage: str, by: int) -> list[Found]:
    """What the target shows after somebody has been at it."""
    if damage == "gone":
        return []
    if damage == "voided":
        return [replace(found, content={"void": "yes"})]
    if damage == "twice":
        return [found, replace(found, target_id=found.target_id + "b")]
    changed = {
        "amount": {
            "control": tuple(msgspec.structs.replace(c, amount_minor=c.amount_minor + by) for c in found.control)
        },
        "account": {"control": (found.control[0], msgspec.structs.replace(found.control[1], gl_account="6900"))},
        "center": {"control": (found.control[0], msgspec.structs.replace(found.control[1], cost_center="9900"))},
        "date": {"business_date": DAY + timedelta(days=by % 40)},
        "currency": {"currency": "CAD"},
        "id": {"target_id": found.target_id + "x"},
        "no lines": {"control": ()},
        "none": {},
    }[damage]
    return [replace(found, **changed)]


@st.composite
def messy_books(draw: st.DrawFn) -> Books:
    books = Books()
    for number in range(draw(st.integers(0, 12))):
        day = DAY + timedelta(days=draw(st.integers(0, 2)))
        one = document(number, draw(AMOUNTS), unit=draw(UNITS), account=draw(ACCOUNTS), day=day)
        posted = one
        fate = draw(
            st.sampled_from(("same", "same", "changed", "held", "held without lines", "void", "vanished", "new"))
        )
        if fate == "changed":
            one = document(number, draw(AMOUNTS), unit=draw(UNITS), account=draw(ACCOUNTS), modified=1)
        elif fate.startswith("held"):
            hold = Hold("gl_account.no_row", "x", "no row", "Add one.")
            one = msgspec.structs.replace(one, disposition="held", hold=hold)
            one = msgspec.structs.replace(one, control=()) if fate.endswith("lines") else one
        elif fate == "void":
            one = msgspec.structs.replace(one, disposition="void", control=())
        if fate != "vanished":
            books.source.append(one)
        if fate == "new":
            continue
        state = draw(st.sampled_from(LEDGER_STATES))
        if state == "voided":
            books.ledger.append((posted, "posted", {"op": "void"}))
        elif state != "none":
            books.ledger.append((posted, state, {}))
        if state in ("posted", "voided") or draw(st.booleans()):
            books.target += damaged(as_found(posted), draw(st.sampled_from(DAMAGE)), draw(AMOUNTS))
    return books


@settings(max_examples=200, deadline=None)
@given(messy_books())
def test_explained_causes_sum_to_the_variance(books: Books) -> None:
    explained: dict[object, int] = defaultdict(int)
    found = books.variances()
    for variance in found:
        assert variance.cause != "unexplained"
        assert variance.amount_minor >= 0
        for place, minor in variance.lines:
            explained[place] += minor
    totals = {
        (row["business_unit"], row["gl_account"], row["currency"], row["business_date"]): row["variance_minor"]
        for row in books.totals().to_pylist()
    }
    assert {place: minor for place, minor in explained.items() if minor} == {
        place: minor for place, minor in totals.items() if minor
    }
    if any(totals.values()):
        assert found, "a variance without a cause"


@settings(max_examples=50, deadline=None)
@given(messy_books(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(books: Books, random: object) -> None:
    before, totals = books.variances(), books.totals()
    for rows in (books.source, books.ledger, books.target):
        random.shuffle(rows)  # type: ignore[attr-defined]
    assert books.variances() == before
    assert books.totals().equals(totals)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(UNITS, ACCOUNTS, AMOUNTS), max_size=20))
def test_control_totals_are_plain_sums(rows: list[tuple[str, str, int]]) -> None:
    books = Books()
    wanted: dict[tuple[str, str], int] = defaultdict(int)
    for number, (unit, account, minor) in enumerate(rows):
        books.post(document(number, minor, unit=unit, account=account))
        wanted[unit, account] -= minor
        wanted[unit, "1200"] += minor
    for row in books.totals().to_pylist():
        key = (row["business_unit"], row["gl_account"])
        assert row["source_minor"] == row["ledger_minor"] == row["target_minor"] == wanted.pop(key)
        assert row["source_documents"] == row["target_documents"]
    assert not wanted


def test_a_total_that_no_document_explains_is_an_unexplained_row() -> None:
    """The safety net itself: totals that were tampered with cannot pass."""
    books = Books()
    books.post(document(1, 1_000))
    other = Books()
    other.post(document(1, 1_000))
    other.target[0] = replace(other.target[0], total=Decimal("10.00"), control=(ControlLine("", "1200", "", 1_000),))
    found = explain(triples(*books.sides()), other.totals())
    assert [(v.cause, v.amount_minor) for v in found] == [("unexplained", 1_000)]
    assert "4000" in found[0].detail
