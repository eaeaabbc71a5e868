"""Finds the cause of every variance, document by document. Invariant: the causes add up to the control totals'
variance, to the cent and at every place; what does not is an ``unexplained`` row.

A document's variance is (source - ledger) + (ledger - target): the first part is explained by what the ledger knows
(held, rejected, waiting …), the second by what the target shows (missing, changed, duplicate …). Where the target holds
a document that the ledger does not have as posted, both parts have one cause.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from st_pipelines.reconciliation.amounts import money
from st_pipelines.reconciliation.causes import CAUSES, ORDER
from st_pipelines.reconciliation.documents import Place, Stand, Triple, subtract


@dataclass(frozen=True)
class Variance:
    """One document and one cause in one currency. ``amount_minor`` is how much of it is in the wrong place or missing:
    the larger of its debit and its credit differences, never negative. ``lines`` are the exact parts (source minus
    target) by business unit, GL account, currency and date. ``detail`` and ``cure`` are for this very document."""

    cause: str
    doc_key: str
    currency: str
    amount_minor: int
    source_minor: int | None
    target_minor: int | None
    business_date: date | None
    detail: str
    cure: str
    kind: str = ""
    flow: str = ""
    label: str = ""
    number: str = ""
    reference: str = ""
    target_id: str = ""
    url: str = ""
    code: str = ""
    lines: tuple[tuple[Place, int], ...] = ()


def explain(documents: Iterable[Triple], totals: pa.Table) -> tuple[Variance, ...]:
    """All variances, alarms first, then by amount. ``totals`` are the control totals of the same documents."""
    found = [variance for triple in documents for variance in _causes_of(triple)]
    found.extend(_unexplained(found, totals))
    return tuple(sorted(found, key=lambda v: (ORDER[v.cause], -v.amount_minor, v.doc_key)))


def affected_minor(lines: Mapping[Place, int], total_difference: int = 0) -> int:
    """How much money is concerned: the larger of debits and credits that differ, or the totals' difference."""
    debit = sum(minor for minor in lines.values() if minor > 0)
    credit = sum(minor for minor in lines.values() if minor < 0)
    return max(debit, -credit, abs(total_difference))


def _causes_of(triple: Triple) -> Iterator[Variance]:
    source, ledger = triple.source, triple.ledger
    posted = ledger is not None and ledger.stands
    primary = _primary(triple)
    for copy in triple.live:
        if copy.row["state"] == "reversal":
            detail = f"{copy.row['number'] or copy.row['copy_id']} does not undo its original"
            yield from _variances(triple, "reversal_differs", subtract({}, copy.lines), copy, detail=detail)
        elif copy is not primary:
            yield from _variances(triple, "duplicate", subtract({}, copy.lines), copy, detail=_copy_text(triple, copy))
    wanted = source.lines if source else {}
    standing = ledger.lines if ledger else {}
    if not posted and primary is not None:
        cause, detail = _not_recorded(ledger)
        yield from _variances(triple, cause, subtract(wanted, primary.lines), primary, detail=detail)
        return
    pending = subtract(wanted, standing)
    if pending or _is_open(triple):
        yield from _pending(triple, pending)
    if posted and ledger is not None:
        yield from _in_target(triple, ledger, primary)


def _primary(triple: Triple) -> Stand | None:
    """The copy that is meant: the one with the posted id, else the first live one."""
    posted_id = triple.ledger.row["copy_id"] if triple.ledger else ""
    originals = [copy for copy in triple.live if copy.row["state"] != "reversal"]
    for copy in originals:
        if copy.row["copy_id"] == posted_id:
            return copy
    return originals[0] if originals else None


# ------------------------------------------------------------------------------------- source against ledger
def _is_open(triple: Triple) -> bool:
    """Something is still to be done even though no amount differs."""
    if triple.source is not None and triple.source.row["state"] == "held":
        return True
    return triple.ledger is not None and triple.ledger.row["state"] in (
        "held",
        "unknown",
        "sending",
        "planned",
        "waiting",
    )


def _pending(triple: Triple, lines: Mapping[Place, int]) -> Iterator[Variance]:
    source, ledger = triple.source, triple.ledger
    if source is not None and source.row["state"] == "held":
        row = source.row
        detail = ": ".join(part for part in (row["code"], row["missing"], row["detail"]) if part)
        yield from _variances(triple, "held", lines, None, detail=detail, cure=row["cure"], code=row["code"])
        return
    if ledger is None:
        yield from _variances(triple, "not_planned", lines, None, detail="the ledger has never seen this document")
        return
    row, state = ledger.row, str(ledger.row["state"])
    if source is None and ledger.stands and state == "posted":
        yield from _variances(
            triple, "not_in_source", lines, None, detail="posted as " + (row["number"] or row["copy_id"])
        )
        return
    cause = {"sending": "unknown", "posted": "not_planned", "superseded": "not_planned"}.get(state, state)
    detail = {
        "waiting": f"waits for {row['waiting_for']}",
        "not_planned": _changed_text(source),
        "planned": f"{row['op']} is planned",
    }.get(cause, f"{row['op']}: {': '.join(part for part in (row['code'], row['detail']) if part) or state}")
    cure = row["cure"] if cause == "waiting" else ""
    yield from _variances(triple, cause, lines, None, detail=detail, cure=cure, code=row["code"])


def _changed_text(source: Stand | None) -> str:
    if source is not None and source.row["state"] in ("void", "not_eligible"):
        return f"it is {source.row['state'].replace('_', ' ')} in the source and still posted"
    return "the source changed since it was posted"


def _not_recorded(ledger: Stand | None) -> tuple[str, str]:
    if ledger is None:
        return "extra", "the ledger does not know this reference"
    row = ledger.row
    if row["op"] in ("void", "delete") and row["state"] == "posted":
        return "not_voided", "the ledger has it as voided"
    return "unrecorded", f"the ledger has it as {row['state']}"


# ------------------------------------------------------------------------------------- ledger against target
def _in_target(triple: Triple, ledger: Stand, primary: Stand | None) -> Iterator[Variance]:
    if primary is None:
        cause, detail = "missing", f"posted as {ledger.row['number'] or ledger.row['copy_id']}"
        if triple.copies:
            cause, detail = "voided", f"voided there: {', '.join(copy.row['copy_id'] for copy in triple.copies)}"
        yield from _variances(triple, cause, ledger.lines, triple.copies[0] if triple.copies else None, detail=detail)
        return
    differences = subtract(ledger.lines, primary.lines)
    said = _differences(ledger, primary, differences)
    if primary.row["copy_id"] != ledger.row["copy_id"]:
        detail = f"posted as {ledger.row['copy_id']}, found {primary.row['copy_id']}"
        text = "; ".join([detail, *(text for _, text in said)])
        yield from _variances(triple, "other_document", differences, primary, detail=text)
    elif said:
        text = "; ".join(text for _, text in said)
        yield from _variances(triple, said[0][0], differences, primary, detail=text, compared=ledger)
    elif moved := _moved(ledger, primary):
        detail = f"cost centers, posted minus target: {_listed(moved)}"
        yield from _variances(triple, "cost_center_differs", {}, primary, detail=detail, moved=moved)


def _moved(ledger: Stand, target: Stand) -> dict[tuple[str, str], int]:
    """Money that lies on another cost center of the same accounts, by ``account / center`` and currency."""
    left = dict(ledger.coding)
    for of, minor in target.coding.items():
        left[of] = left.get(of, 0) - minor
    return {(f"{account} / {center or 'none'}", currency): minor
            for (account, center, currency), minor in left.items() if minor}  # fmt: skip


def _differences(ledger: Stand, target: Stand, lines: Mapping[Place, int]) -> list[tuple[str, str]]:
    """(cause, text) of everything that differs, the weightiest first."""
    said: list[tuple[str, str]] = []
    ours, theirs = ledger.row, target.row
    if ours["currency"] != theirs["currency"] or theirs["total_minor"] not in (None, ours["total_minor"]):
        there = money(theirs["total_minor"] or 0, theirs["currency"])
        said.append(("amount_differs", f"posted {money(ours['total_minor'], ours['currency'])}, target has {there}"))
    if ours["business_date"] != theirs["business_date"]:
        said.append(("date_differs", f"posted for {ours['business_date']}, target has {theirs['business_date']}"))
    by_account, by_unit = _by(lines, 1), _by(lines, 0)
    if by_account:
        said.append(("account_differs", "GL accounts, posted minus target: " + _listed(by_account)))
    if by_unit and not by_account:
        said.append(("business_unit_differs", "business units, posted minus target: " + _listed(by_unit)))
    if lines and not said:  # accounts and units are even each by itself, yet crossed
        said.append(("account_differs", "accounts and business units are crossed"))
    return said


def _by(lines: Mapping[Place, int], part: int) -> dict[tuple[Any, str], int]:
    """Non-zero sums by one part of the place and the currency, over all dates."""
    sums: dict[tuple[Any, str], int] = defaultdict(int)
    for place, minor in lines.items():
        sums[place[part], place[2]] += minor
    return {key: minor for key, minor in sums.items() if minor}


def _listed(sums: Mapping[tuple[Any, str], int]) -> str:
    return ", ".join(f"{name or 'none'} {money(minor, currency)}" for (name, currency), minor in sorted(sums.items()))


def _copy_text(triple: Triple, copy: Stand) -> str:
    primary = _primary(triple)
    meant = primary.row["number"] or primary.row["copy_id"] if primary else "none"
    return f"{copy.row['number'] or copy.row['copy_id']} stands beside {meant}"


# --------------------------------------------------------------------------------------------- building rows
def _variances(
    triple: Triple, cause: str, lines: Mapping[Place, int], copy: Stand | None, *,
    detail: str, cure: str = "", code: str = "", compared: Stand | None = None,
    moved: Mapping[tuple[str, str], int] | None = None,
) -> Iterator[Variance]:  # fmt: skip
    """One row a currency, at least one: an open document with even amounts is listed with 0.00. ``moved``: money that
    changed places which the control totals do not tell apart."""
    rows = [stand.row for stand in (triple.source, triple.ledger, copy) if stand is not None]
    by_currency: dict[str, dict[Place, int]] = defaultdict(dict)
    for place, minor in lines.items():
        by_currency[place[2]][place] = minor
    by_currency.setdefault(rows[0]["currency"], {})
    for currency, part in sorted(by_currency.items()):
        if not part and len(by_currency) > 1 and any(by_currency.values()):
            continue
        totals = 0
        if compared is not None and copy is not None and copy.row["currency"] == compared.row["currency"] == currency:
            there = copy.row["total_minor"]
            totals = 0 if there is None else compared.row["total_minor"] - there
        yield Variance(
            cause=cause, doc_key=triple.doc_key, currency=currency,
            amount_minor=affected_minor(part, totals) + _one_way(moved or {}, currency),
            source_minor=triple.source.row["total_minor"] if triple.source and triple.source.stands else None,
            target_minor=copy.row["total_minor"] if copy else None, detail=detail,
            business_date=next((row["business_date"] for row in rows if row["business_date"]), None),
            cure=cure or CAUSES[cause].cure.replace("KEY", triple.doc_key), code=code,
            **{name: _first(rows, name) for name in ("kind", "flow", "label", "number", "reference", "url")},
            target_id=copy.row["copy_id"] if copy else _first(rows[1:], "copy_id"),
            lines=tuple(sorted(part.items(), key=str)),
        )  # fmt: skip


def _one_way(moved: Mapping[tuple[str, str], int], currency: str) -> int:
    """What left its place; the same amount came to others."""
    return sum(minor for (_, of), minor in moved.items() if of == currency and minor > 0)


def _first(rows: list[Mapping[str, Any]], name: str) -> str:
    return next((str(row[name]) for row in rows if row[name]), "")


def _unexplained(found: list[Variance], totals: pa.Table) -> Iterator[Variance]:
    left: dict[Place, int] = defaultdict(int)
    for row in totals.to_pylist():
        left[row["business_unit"], row["gl_account"], row["currency"], row["business_date"]] += row["variance_minor"]
    for variance in found:
        for place, minor in variance.lines:
            left[place] -= minor
    for (unit, account, currency, day), minor in left.items():
        if minor:
            where = f"business unit {unit or 'none'}, GL account {account or 'not mapped'}"
            yield Variance(
                cause="unexplained", doc_key="", currency=currency, amount_minor=abs(minor), source_minor=None,
                target_minor=None, business_date=day, detail=f"{where}: {money(minor, currency)} without a document",
                cure=CAUSES["unexplained"].cure, lines=(((unit, account, currency, day), minor),),
            )  # fmt: skip
