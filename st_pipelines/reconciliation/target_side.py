"""What the target holds, read back. Invariant: nothing is taken from the ledger except a missing business unit.

A target returns accounts and cost centers; it does not know the source's business units. A line's unit is therefore
derived from its company and cost center through the mapping. Lines whose cost center tells no unit (balance sheet
accounts have none at all) take the unit of the ledger's lines on the same account, else of the same document, where
that is unambiguous: the account and the amount are still the target's own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from st_pipelines.documents.money import to_minor
from st_pipelines.posting.target import Found
from st_pipelines.reconciliation.sides import Side, side

CostCenters = Mapping[tuple[str, str], str]  # (company, cost center) to business unit


def cost_centers_back(rows: Iterable[tuple[str, str, str]]) -> tuple[CostCenters, set[tuple[str, str]]]:
    """From (business unit, company, cost center) rows of the mapping: what can be told back, and what cannot because
    two business units share the cost center."""
    units: dict[tuple[str, str], set[str]] = {}
    for business_unit, company, cost_center in rows:
        units.setdefault((company, cost_center), set()).add(business_unit)
    shared = {place for place, names in units.items() if len(names) > 1}
    return {place: min(names) for place, names in units.items() if place not in shared}, shared


def is_voided(found: Found) -> bool:
    """A target that keeps voided documents says so in ``content``: ``voided`` is ``true``."""
    return found.content.get("voided", "").lower() == "true"


def target_side(found: Iterable[Found], doc_keys: Mapping[str, str], cost_centers: CostCenters, ledger: Side) -> Side:
    """``doc_keys``: external reference to document key, for what the ledger or the source knows; another reference is
    its own key."""
    documents = list(found)
    units = _units_of_the_ledger(ledger)

    def lines() -> Iterator[Mapping[str, Any]]:
        for one in documents:
            if is_voided(one):
                continue
            key = doc_keys.get(one.external_ref, one.external_ref)
            for line in one.control:
                unit = line.business_unit or cost_centers.get((one.company, line.cost_center), "")
                unit = unit or _unit_of_document(units, key, line.gl_account, line.cost_center)
                yield {"doc_key": key, "copy_id": one.target_id, "company": one.company, "business_unit": unit,
                       "gl_account": line.gl_account, "cost_center": line.cost_center, "currency": one.currency,
                       "business_date": one.business_date, "amount_minor": line.amount_minor}  # fmt: skip

    return side((_document(one, doc_keys) for one in documents), lines())


def _document(one: Found, doc_keys: Mapping[str, str]) -> Mapping[str, Any]:
    voided = is_voided(one)
    return {
        "doc_key": doc_keys.get(one.external_ref, one.external_ref), "reference": one.external_ref,
        "copy_id": one.target_id, "kind": one.kind, "company": one.company, "currency": one.currency,
        "total_minor": None if one.total is None else to_minor(one.total, one.currency),
        "business_date": one.business_date, "stands": not voided, "state": "voided" if voided else "live",
        "number": one.number, "url": one.url,
    }  # fmt: skip


def _units_of_the_ledger(ledger: Side) -> Mapping[tuple[str, ...], set[str]]:
    """Business units by (key, account, cost center), by (key, cost center) and by (key)."""
    units: dict[tuple[str, ...], set[str]] = {}
    columns = (ledger.lines[name].to_pylist() for name in ("doc_key", "gl_account", "cost_center", "business_unit"))
    for key, account, cost_center, unit in zip(*columns, strict=True):
        for place in ((key, account, cost_center), (key, "", cost_center, ""), (key,)):
            units.setdefault(place, set()).add(unit)
    return units


def _unit_of_document(units: Mapping[tuple[str, ...], set[str]], key: str, account: str, cost_center: str) -> str:
    """The most exact place that has one unit only; none where the document itself is ambiguous or unknown."""
    for place in ((key, account, cost_center), (key, "", cost_center, ""), (key,)):
        known = units.get(place, set())
        if len(known) == 1:
            return next(iter(known))
    return ""
