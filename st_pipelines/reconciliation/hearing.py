"""Hears the second witness and traces what differs to documents. Invariant: like is compared with like, and nothing is
left out of either side without a note.

The journal covers whatever the source has posted, by its own accounts and posting dates; we cover the eligible
documents of our flows, as last read. The summary is asked first: where it agrees in every account, that is all. Where
it does not, the details tell which documents differ, and whether that contradicts us: what we hold, do not post by
rule, have not read yet or date otherwise is no contradiction, and is listed all the same. Where it is known beforehand
that both will differ, the details are asked at once: they say all that the summary says.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import JOURNAL_DETAIL, JOURNAL_SUMMARY
from st_pipelines.documents.money import InvalidAmount, from_minor
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.second_witness import (
    Account,
    Disagreement,
    Journal,
    NoWitness,
    SecondWitness,
    summed,
    summed_by_document,
    testimonies,
)
from st_pipelines.reconciliation.sides import NOT_MAPPED, Side

Sums = Mapping[Account, int]

_NEIGHBOURS = timedelta(days=31)  # how far from the period a document's other posting date is looked for


@dataclass(frozen=True)
class Terms:
    """What makes the two comparable. ``kinds``: documents of our flows. ``first_day`` and ``until``: we have read what
    was modified from that day to that instant. ``dated_elsewhere``: business dates of documents we have outside the
    period. ``accounts``: the source's account numbers that differ from the target's. ``own_accounts``: where only we
    post, as rounding differences. ``control_accounts``: receivable and payable, the target's numbers.
    ``details_first``: we hold documents, or have nothing to post for them, so the summary will hardly agree."""

    kinds: Collection[str]
    first_day: date | None = None
    until: datetime | None = None
    dated_elsewhere: Mapping[str, date] = field(default_factory=dict)
    accounts: Mapping[str, str] = field(default_factory=dict)
    own_accounts: Collection[str] = ()
    control_accounts: Collection[str] = ()
    details_first: bool = False


def hear(journal: Journal, source: Side, period: Period, terms: Terms) -> SecondWitness:
    """Never raises because of the journal: what cannot be heard is said in the notes."""
    if not period.ranges:
        return SecondWitness(journal.name, heard=False, notes=("There are no business dates to ask about.",))
    rows = [row for row in source.documents.to_pylist() if row["kind"] in terms.kinds]
    documents = {row["doc_key"]: row for row in rows if row["business_date"] in period}
    ours, notes = _ours(source, documents, terms)
    if terms.details_first:
        # Without details, or where they cannot be told apart, the summary is asked, and what comes of it is said below.
        with suppress(NoWitness, InvalidAmount):
            details = _details(journal, period)
            if details.num_rows:
                return _traced(journal, details, documents, ours, notes, period, terms)
    try:
        summary = _within(_as(journal.summary, period, JOURNAL_SUMMARY), period)
        if not summary.num_rows:
            return SecondWitness(journal.name, heard=False, notes=("It has no entries for this period.",))
        whole = testimonies(summed(summary, terms.accounts), _over(ours))
        if not any(one.difference_minor for one in whole):
            return SecondWitness(journal.name, heard=True, accounts=whole, notes=notes)
    except (NoWitness, InvalidAmount) as reason:
        return SecondWitness(journal.name, heard=False, notes=(str(reason),))
    try:
        return _traced(journal, _details(journal, period), documents, ours, notes, period, terms)
    except (NoWitness, InvalidAmount) as reason:
        said = f"Its summary differs, and which documents are meant cannot be told: {reason}"
        return SecondWitness(journal.name, heard=False, accounts=whole, notes=(*notes, said))


def _details(journal: Journal, period: Period) -> pa.Table:
    return _within(_as(journal.details, period, JOURNAL_DETAIL), period)


def _traced(
    journal: Journal, details: pa.Table, documents: Mapping[str, Mapping[str, Any]], ours: Mapping[str, Sums],
    notes: tuple[str, ...], period: Period, terms: Terms,
) -> SecondWitness:  # fmt: skip
    like = pc.is_in(details["kind"], value_set=pa.array(sorted(terms.kinds), pa.string()))
    theirs = summed_by_document(details.filter(like), terms.accounts)
    differing = sorted(
        key for key in ours.keys() | theirs.keys() if _moved(ours.get(key, {})) != _moved(theirs.get(key, {}))
    )
    absent = [key for key in differing if key not in theirs]
    near = _posted_near(journal, absent, period) if absent else {}
    changed, changed_on = _last_changed(details, "doc_key"), _last_changed(details, "post_date")
    first_posted = _first_posted(details)
    found: list[Disagreement] = []
    for key in differing:
        row = documents.get(key)
        # A document that is gone from the journal may have gone with the last change of its day's entries.
        when = changed.get(key) or (changed_on.get(row["business_date"]) if row else None)
        case = Case(key, row, ours.get(key, {}), theirs.get(key, {}), first_posted.get(key), when, near.get(key))
        found.extend(_disagreements(case, terms))
    return SecondWitness(
        journal.name, heard=True, accounts=testimonies(_over(theirs), _over(ours)),
        disagreements=tuple(sorted(found, key=lambda one: (not one.contradicts, -one.amount_minor, one.doc_key))),
        notes=(*notes, *_left_out(details.filter(pc.invert(like)))),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ the two sides
def _ours(
    source: Side, documents: Mapping[str, Mapping[str, Any]], terms: Terms
) -> tuple[dict[str, Sums], tuple[str, ...]]:
    """Control lines by document, without those on accounts that only we have; and what that left out."""
    found: dict[str, dict[Account, int]] = defaultdict(lambda: defaultdict(int))
    own: dict[tuple[str, str], int] = defaultdict(int)
    for line in source.lines.to_pylist():
        if line["doc_key"] not in documents or line["gl_account"] == NOT_MAPPED:
            continue  # a held document's whole total stands there: it has no accounts to compare yet
        if line["gl_account"] in terms.own_accounts:
            own[line["gl_account"], line["currency"]] += abs(line["amount_minor"])
            continue
        place = (line["business_unit"], line["gl_account"], line["currency"])
        found[line["doc_key"]][place] += line["amount_minor"]
    notes = tuple(
        f"{from_minor(minor, currency)} {currency} on account {account} is rounding of ours, which no journal has."
        for (account, currency), minor in sorted(own.items())
    )
    return dict(found), notes


def _over(by_document: Mapping[str, Sums]) -> dict[Account, int]:
    sums: dict[Account, int] = defaultdict(int)
    for lines in by_document.values():
        for place, minor in lines.items():
            sums[place] += minor
    return sums


def _moved(lines: Sums) -> dict[Account, int]:
    return {place: minor for place, minor in lines.items() if minor}


def _as(ask: Callable[[date, date], pa.Table], period: Period, schema: pa.Schema) -> pa.Table:
    since, until = period.ranges[0][0], period.ranges[-1][1]
    return ask(since, until).select(schema.names).cast(schema)


def _within(journal: pa.Table, period: Period) -> pa.Table:
    """Lines posted in the period. A line without a date belongs to an entry that was asked for, and stays."""
    days = journal["post_date"]
    keep = pc.is_null(days)
    for since, until in period.ranges:
        inside = pc.and_(pc.greater_equal(days, pa.scalar(since)), pc.less_equal(days, pa.scalar(until)))
        keep = pc.or_(keep, pc.fill_null(inside, False))
    return journal.filter(keep)


def _posted_near(journal: Journal, absent: list[str], period: Period) -> dict[str, date]:
    """Where the journal has these documents on other dates: first posting date by document."""
    since, until = period.ranges[0][0] - _NEIGHBOURS, period.ranges[-1][1] + _NEIGHBOURS
    found = journal.details(since, until).select(JOURNAL_DETAIL.names).cast(JOURNAL_DETAIL)
    found = found.filter(pc.is_in(found["doc_key"], value_set=pa.array(absent, pa.string())))
    return {key: day for key, day in _first_posted(found).items() if day not in period}


def _last_changed(details: pa.Table, by: str) -> dict[Any, datetime]:
    """When the entries that hold a document, or a posting date, changed last."""
    table = details.group_by(by, use_threads=False).aggregate([("modified_on", "max")])
    return {row[by]: row["modified_on_max"] for row in table.to_pylist()}


def _first_posted(details: pa.Table) -> dict[str, date]:
    table = details.group_by("doc_key", use_threads=False).aggregate([("post_date", "min")])
    return {row["doc_key"]: row["post_date_min"] for row in table.to_pylist()}


def _left_out(others: pa.Table) -> Iterator[str]:
    if others.num_rows:
        types = ", ".join(sorted(pc.unique(others["transaction"]).to_pylist()))
        yield f"Left out, because this integration does not carry them: {others.num_rows} journal lines of {types}."


# ------------------------------------------------------------------------------------------------- why they differ
@dataclass(frozen=True)
class Case:
    """One document that differs: ``row`` as the source side has it, ``posted`` when the journal has it in the period,
    ``near`` when outside of it, ``changed`` when its entries changed last."""

    key: str
    row: Mapping[str, Any] | None
    ours: Sums
    theirs: Sums
    posted: date | None
    changed: datetime | None
    near: date | None


def _disagreements(case: Case, terms: Terms) -> Iterator[Disagreement]:
    reason, detail, cure, contradicts = _why(case, terms)
    differing = [one for one in testimonies(case.theirs, case.ours) if one.difference_minor]
    for currency in sorted({one.currency for one in differing}):
        accounts = tuple(one for one in differing if one.currency == currency)
        debit = sum(max(one.difference_minor, 0) for one in accounts)
        credit = sum(max(-one.difference_minor, 0) for one in accounts)
        yield Disagreement(case.key, reason, detail, cure, contradicts, currency, max(debit, credit), accounts)


def _why(case: Case, terms: Terms) -> tuple[str, str, str, bool]:
    """Reason, detail, cure, and whether it contradicts."""
    row, elsewhere = case.row, terms.dated_elsewhere.get(case.key)
    if row is not None and row["state"] == "held" and not case.ours:
        return "held here", f"it has no accounts yet: {row['code']} {row['missing']}".rstrip(), row["cure"], False
    if row is None and elsewhere is not None:
        return "other date", f"it is dated {elsewhere} here", "Compare that period too.", False
    if case.near is not None:
        return "other date", f"the journal has it on {case.near}", "Compare that period too.", False
    if row is None and case.posted and terms.first_day and case.posted < terms.first_day:
        return "before our first day", f"posted for {case.posted}; we read from {terms.first_day}", "", False
    if case.changed is not None and (terms.until is None or case.changed >= terms.until):
        until = f"{terms.until:%Y-%m-%d %H:%M} UTC" if terms.until else "never"
        detail = f"the journal changed at {case.changed:%Y-%m-%d %H:%M} UTC, our last reading ends at {until}"
        return "not read since", detail, "Run the days since then, and reconcile again.", False
    if row is None:
        return "not in our source", "the journal has posted it, and we have never read it", _FIND, True
    if row["state"] == "nothing_to_post" and not any(
        place[1] in terms.control_accounts for place in _moved(case.theirs)
    ):
        detail = f"{row['detail'] or 'zero total'}: its lines cancel each other and nobody owes anything; "
        return "nothing to post", detail + "the journal shows them gross, the target shows nothing", "", False
    if not _moved(case.ours):
        state = str(row["state"]).replace("_", " ")
        return f"{state} here", f"the journal has posted it: {row['detail'] or state}", _FIND, True
    if not case.theirs:
        return "not in the journal", "the journal has posted nothing for it in this period or near it", _FIND, True
    return "posted differently", "accounts or amounts differ", _MAP, True


_FIND = "Look at the document in the source; run its day of modification again if it is right there."
_MAP = (
    "Compare the document's accounts with the mapping. If only the account's number differs by design, "
    "name it under options.witness_accounts."
)
