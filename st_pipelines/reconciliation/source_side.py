"""What the source says should be in the books. Invariant: the newest version of each document, each exactly once.

Everything eligible counts, held documents too: they are missing in the books until somebody acts, and the totals must
say so. Documents with nothing to post, not eligible or voided count nothing and keep their reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.money import NO_CURRENCY, InvalidAmount, minor_unit, round_to_minor, to_minor
from st_pipelines.documents.procurement import measure
from st_pipelines.reconciliation.sides import NOT_MAPPED, Side, side

# A held document without accounts still has a total. It is shown on the side where its lines would be:
# revenue is a credit, cash and cost are debits.
_SENSE = {"customer_invoice": -1, "customer_payment": 1, "supplier_invoice": 1, "purchase_order_line": 1,
          "goods_receipt": 1}  # fmt: skip

KINDS_WITH_MONEY = tuple(_SENSE)


def latest_versions(documents: Iterable[MappedDocument]) -> dict[str, MappedDocument]:
    """The newest version of each document by the source's modification time; of equal times the one that came last."""
    newest: dict[str, MappedDocument] = {}
    for document in documents:
        known = newest.get(document.doc_key)
        if known is None or document.modified_on >= known.modified_on:
            newest[document.doc_key] = document
    return newest


def source_side(documents: Iterable[MappedDocument]) -> Side:
    """The side of the mapped documents; kinds without money (customers, suppliers) are left out."""
    chosen = [d for d in latest_versions(documents).values() if d.kind in _SENSE]
    return side((_document(d) for d in chosen), (line for d in chosen for line in _lines(d)))


def _stands(document: MappedDocument) -> bool:
    return document.disposition in ("ready", "held")


def _document(document: MappedDocument) -> Mapping[str, Any]:
    currency, total = _currency_and_total(document)
    hold = document.hold
    return {
        "doc_key": document.doc_key, "kind": document.kind, "flow": document.flow, "company": document.company,
        "currency": currency, "total_minor": total, "business_date": document.business_date,
        "stands": _stands(document), "state": document.disposition, "label": document.label,
        "number": getattr(document.payload, "number", ""), "waiting_for": " ".join(document.needs),
        "code": hold.code if hold else "", "missing": hold.key if hold else "",
        "detail": hold.detail if hold else document.reason, "cure": hold.cure if hold else "",
    }  # fmt: skip


def _lines(document: MappedDocument) -> Iterator[Mapping[str, Any]]:
    if not _stands(document):
        return
    currency, total = _currency_and_total(document)
    common = {"doc_key": document.doc_key, "company": document.company, "currency": currency,
              "business_date": document.business_date}  # fmt: skip
    if not document.control:
        unit = str(getattr(document.payload, "business_unit", ""))
        if total:
            yield common | {"business_unit": unit, "gl_account": NOT_MAPPED,
                            "amount_minor": _SENSE[document.kind] * total}  # fmt: skip
        return
    for line in document.control:
        yield common | {"business_unit": line.business_unit, "gl_account": line.gl_account,
                        "cost_center": line.cost_center, "amount_minor": line.amount_minor,
                        "currency": measure(line.gl_account, currency)}  # fmt: skip


def _currency_and_total(document: MappedDocument) -> tuple[str, int]:
    """A document may be held *because* its currency or its decimals are wrong (the planner holds what mapping missed);
    it is counted all the same, rounded."""
    try:
        return document.currency, to_minor(document.total, document.currency)
    except InvalidAmount:
        pass
    try:
        minor_unit(document.currency)
        currency = document.currency
    except InvalidAmount:
        currency = NO_CURRENCY
    return currency, to_minor(round_to_minor(document.total, currency), currency)
