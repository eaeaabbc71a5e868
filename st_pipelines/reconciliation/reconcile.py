"""Reads the three sides and compares them. Invariant: the target is read now, for every document that any side knows.

The target lists what lies in the period. A posted document that is not in that list is asked for by its reference, so
that «moved to another date» and «voided» can be told from «gone».
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice

from sqlalchemy import Engine

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.claimed import void_ref
from st_pipelines.posting.match_rate import MatchRate
from st_pipelines.posting.target import Found, Target
from st_pipelines.reconciliation.control_totals import coding_totals, control_totals
from st_pipelines.reconciliation.documents import triples
from st_pipelines.reconciliation.ledger_side import keys_of_references, ledger_side, recorded_documents
from st_pipelines.reconciliation.order_lines import OrderLines
from st_pipelines.reconciliation.overview import day_totals, flow_states
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.result import AuditVerdict, Reconciliation
from st_pipelines.reconciliation.second_witness import SecondWitness
from st_pipelines.reconciliation.sides import Side
from st_pipelines.reconciliation.source_side import KINDS_WITH_MONEY, latest_versions, source_side
from st_pipelines.reconciliation.target_side import cost_centers_back, is_voided, reverses, target_side
from st_pipelines.reconciliation.variances import explain

_NONE = Period((), "")
_ASK_AT_ONCE = 100
_GENERATION = re.compile(r":[2-9][0-9]*$")


def reconcile(
    engine: Engine, target: Target, *, integration: str, companies: Sequence[str], period: Period,
    documents: Iterable[MappedDocument] | None = None, kinds: Sequence[str] = KINDS_WITH_MONEY,
    cost_centers: Iterable[tuple[str, str, str]] = (), names: Mapping[str, str] | None = None,
    audit: AuditVerdict | None = None, journal: Callable[[Side], SecondWitness] | None = None, run_id: str = "",
    orders: OrderLines | None = None, match: MatchRate | None = None,
) -> Reconciliation:  # fmt: skip
    """``documents``: mapped documents of the source, any versions, any dates, as the store has them. What the ledger
    recorded is added, and of each document the newest version counts; so a document that was mapped and never planned
    shows, and a day's documents are seen in the company of the others of the same business dates. Without
    ``documents`` the result says that it knows the ledger's records only. ``cost_centers``: (business unit, company,
    cost center) rows of the mapping, to tell business units from the target's lines. ``journal``: says what the
    source's own journal has to say about the source side (``hearing.hear``). Raises whatever reading the target raises:
    half a reading is no reconciliation."""
    given = None if documents is None else [document for document in documents if document.kind in kinds]
    found = [one for kind in kinds for company in companies for one in _listed(target, kind, company, period)]
    references = {reverses(one) or one.external_ref for one in found}
    keys = keys_of_references(engine, integration, references)
    known = {document.doc_key for document in given or ()}
    keys |= {reference: _own_key(reference, known) for reference in references - keys.keys()}
    newest = latest_versions(chain(
        recorded_documents(engine, integration, period, known | set(keys.values()), kinds), given or ()
    ))  # fmt: skip
    wanted = {key for key, document in newest.items() if document.business_date in period} | set(keys.values())
    ledger = ledger_side(engine, integration, period, wanted, kinds=kinds)
    found.extend(_asked_for(target, ledger, found))
    keys |= {row["reference"]: row["doc_key"] for row in ledger.documents.to_pylist()}
    wanted |= set(ledger.documents["doc_key"].to_pylist())
    newest |= latest_versions(recorded_documents(engine, integration, _NONE, wanted - newest.keys(), kinds))
    source = source_side(newest[key] for key in wanted & newest.keys())
    back, shared = cost_centers_back(cost_centers)
    there = target_side(found, keys, back, ledger, source)
    totals, matched = control_totals(source, ledger, there), list(triples(source, ledger, there))
    return Reconciliation(
        integration=integration, companies=tuple(companies), target_system=target.system, period=period.label,
        made_at=datetime.now(UTC), run_id=run_id, totals=totals, causes=explain(matched, totals),
        flows=flow_states(matched), days=day_totals(source, there), audit=audit,
        witness=None if journal is None else journal(source), names=names or {},
        notes=tuple(_notes(given is None, shared)), orders=orders, match=match,
        coding=coding_totals(source, there),
    )  # fmt: skip


def _listed(target: Target, kind: str, company: str, period: Period) -> Iterator[Found]:
    for since, until in period.ranges:
        for one in target.list_posted(kind, company, since, until):
            if one.company != company:
                raise RuntimeError(f"asked {target.system} for {company}, {one.external_ref} came from {one.company}")
            yield one


def _asked_for(target: Target, ledger: Side, found: Sequence[Found]) -> Iterator[Found]:
    """What the ledger has as posted and the list did not show, and the reversals of what it has as voided."""
    known = {(one.company, one.kind, one.target_id) for one in found}
    live = {one.external_ref for one in found if not is_voided(one)}
    wanted: dict[tuple[str, str], list[str]] = {}
    for row in ledger.documents.to_pylist():
        books, voided = (row["kind"], row["company"]), row["op"] == "void" and row["state"] == "posted"
        if row["stands"] and (row["company"], row["kind"], row["copy_id"]) not in known:
            wanted.setdefault(books, []).append(row["reference"])
        elif voided and row["reference"] in live and void_ref(row["reference"]) not in live:
            wanted.setdefault(books, []).append(void_ref(row["reference"]))
    for (kind, company), references in wanted.items():
        rest = iter(references)
        while some := list(islice(rest, _ASK_AT_ONCE)):
            for answers in target.find(kind, company, some).values():
                for one in answers:
                    if (one.company, one.kind, one.target_id) not in known:
                        known.add((one.company, one.kind, one.target_id))
                        yield one


def _own_key(reference: str, known: Collection[str]) -> str:
    """A reference that the ledger does not know: the source may know the document, under this or an earlier life."""
    bare = _GENERATION.sub("", reference)
    return bare if reference not in known and bare in known else reference


def _notes(from_ledger: bool, shared: Iterable[tuple[str, str]]) -> Iterator[str]:
    if from_ledger:
        yield "The source side is what the ledger recorded at planning; a document that was never planned is not seen."
    for company, cost_center in sorted(shared):
        yield (f"Cost center {cost_center} of {company} serves several business units: the target cannot tell them "
               "apart, so the document's own units are shown.")  # fmt: skip
