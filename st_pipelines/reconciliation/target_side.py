"""What the target holds, read back. Invariant: amounts, accounts, dates and currencies are the target's own; only a
business unit may be taken from the other sides, because a target does not know it.

A line's business unit is derived from its company and cost center through the mapping. Where a cost center tells none
(balance sheet accounts have none at all), the units that the ledger, else the source, has on the same account of the
same document are taken if the amounts agree; else the only unit of the document's other lines; else none.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from st_pipelines.documents.mapped import ControlLine
from st_pipelines.documents.money import to_minor
from st_pipelines.documents.procurement import measure
from st_pipelines.posting.claimed import void_ref
from st_pipelines.posting.target import Found
from st_pipelines.reconciliation.sides import Side, side

CostCenters = Mapping[tuple[str, str], str]  # (company, cost center) to business unit
_VOID = void_ref("")
Units = Mapping[tuple[str, str, str], Mapping[str, int]]  # (key, account, cost center) to amounts by business unit


def cost_centers_back(rows: Iterable[tuple[str, str, str]]) -> tuple[CostCenters, set[tuple[str, str]]]:
    """From (business unit, company, cost center) rows of the mapping: what can be told back, and the (company, cost
    center) that several business units share."""
    units: dict[tuple[str, str], set[str]] = {}
    for business_unit, company, cost_center in rows:
        units.setdefault((company, cost_center), set()).add(business_unit)
    shared = {place for place, names in units.items() if len(names) > 1}
    return {place: min(names) for place, names in units.items() if place not in shared}, shared


def is_voided(found: Found) -> bool:
    """A target that keeps voided documents says so: ``content["void"]`` is ``yes``."""
    return found.content.get("void") == "yes"


def reverses(found: Found) -> str:
    """The reference of the document that this one undoes, where a target voids by a reversing document: it says so in
    ``content["reverses"]``, or its own reference is the void's of the house (``…:void``)."""
    named, base = found.content.get("reverses", ""), found.external_ref.removesuffix(_VOID)
    return named or (base if base != found.external_ref else "")


def target_side(
    found: Iterable[Found], doc_keys: Mapping[str, str], cost_centers: CostCenters, ledger: Side, source: Side
) -> Side:
    """``doc_keys``: external reference to document key, for what the ledger or the source knows; another reference is
    its own key. A document and its exact reversal count as voided, both."""
    documents = list(found)
    undone = _undone(documents)
    units = {**_units(source), **_units(ledger)}
    live = [one for one in documents if _identity(one) not in undone and not is_voided(one)]
    return side(
        (_document(one, doc_keys, _identity(one) in undone) for one in documents),
        (line for one in live for line in _lines(one, _key(one, doc_keys), cost_centers, units)),
    )


def _key(one: Found, doc_keys: Mapping[str, str]) -> str:
    reference = reverses(one) or one.external_ref
    return doc_keys.get(reference, reference)


def _document(one: Found, doc_keys: Mapping[str, str], undone: bool) -> Mapping[str, Any]:
    voided = undone or is_voided(one)
    return {
        "doc_key": _key(one, doc_keys), "reference": one.external_ref, "copy_id": one.target_id, "kind": one.kind,
        "company": one.company, "currency": one.currency,
        "total_minor": None if one.total is None else to_minor(one.total, one.currency),
        "business_date": one.business_date, "stands": not voided, "number": one.number, "url": one.url,
        "state": "voided" if voided else "reversal" if reverses(one) else "live",
    }  # fmt: skip


def _lines(one: Found, key: str, cost_centers: CostCenters, units: Units) -> Iterator[Mapping[str, Any]]:
    common = {"doc_key": key, "copy_id": one.target_id, "company": one.company, "currency": one.currency,
              "business_date": one.business_date}  # fmt: skip
    without: dict[tuple[str, str], list[ControlLine]] = defaultdict(list)
    own: set[str] = set()
    for line in one.control:
        unit = line.business_unit or cost_centers.get((one.company, line.cost_center), "")
        if unit:
            own.add(unit)
            yield common | {"business_unit": unit, "gl_account": line.gl_account, "cost_center": line.cost_center,
                            "amount_minor": line.amount_minor,
                            "currency": measure(line.gl_account, one.currency)}  # fmt: skip
        else:
            without[line.gl_account, line.cost_center].append(line)
    for (account, cost_center), some in without.items():
        total = sum(line.amount_minor for line in some)
        for unit, minor in _split(units, key, account, cost_center, total, own, bool(reverses(one))).items():
            yield common | {"business_unit": unit, "gl_account": account, "cost_center": cost_center,
                            "amount_minor": minor}  # fmt: skip


def _split(
    units: Units, key: str, account: str, cost_center: str, total: int, own: Collection[str], reversed_: bool
) -> Mapping[str, int]:
    """The total by business unit: as in the ledger where the amount is the same, else the only unit there is."""
    known = units.get((key, account, cost_center), {})
    if known and sum(known.values()) == (-total if reversed_ else total):
        return {unit: -minor if reversed_ else minor for unit, minor in known.items()}
    for names in (own, known, units.get((key, "", ""), {})):
        if len(names) == 1:
            return {next(iter(names)): total}
    return {"": total}


def _units(known: Side) -> Units:
    """Also under (key, "", ""): all units of the document."""
    units: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    names = ("doc_key", "gl_account", "cost_center", "business_unit", "amount_minor")
    for key, account, cost_center, unit, minor in zip(*(known.lines[name].to_pylist() for name in names), strict=True):
        for place in ((key, account, cost_center), (key, "", "")):
            units[place][unit] = units[place].get(unit, 0) + minor
    return units


def _identity(one: Found) -> tuple[str, str, str]:
    return one.kind, one.company, one.target_id


def _undone(documents: Sequence[Found]) -> Collection[tuple[str, str, str]]:
    """Documents and reversals that cancel each other exactly: same accounts and dates, opposite amounts."""
    originals: dict[str, list[Found]] = defaultdict(list)
    for one in documents:
        if not reverses(one) and not is_voided(one):
            originals[one.external_ref].append(one)
    undone: set[tuple[str, str, str]] = set()
    for one in documents:
        for original in originals.get(reverses(one), ()):
            if _identity(original) not in undone and _cancels(one, original):
                undone |= {_identity(one), _identity(original)}
                break
    return undone


def _cancels(reversal: Found, original: Found) -> bool:
    if (reversal.currency, reversal.business_date) != (original.currency, original.business_date):
        return False
    left: dict[tuple[str, str], int] = defaultdict(int)
    for line in (*reversal.control, *original.control):
        left[line.gl_account, line.cost_center] += line.amount_minor
    return not any(left.values())
