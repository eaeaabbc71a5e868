"""Supplier invoices that are in QAD under another reference, or under none: somebody keyed them by hand. Invariant: the
same supplier, number, type and entity is looked for before every create, because QAD only warns of a second one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from st_pipelines.posting.target import Write
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.bodies import number, record_of
from st_pipelines.systems.qad.client import QadClient
from st_pipelines.systems.qad.company import Company, company
from st_pipelines.systems.qad.invoices import VOID_SUFFIX
from st_pipelines.systems.qad.lists import Filter, rows
from st_pipelines.systems.qad.lookups import each
from st_pipelines.systems.qad.profile import Entity

KIND, NAME = "supplier_invoice", "supplierInvoice"
_WORTH_A_GROUP, _TAIL = 3, 2
_UNASKABLE = re.compile(r"[,\x00-\x1f]")  # QAD's filter has no known escape

Question = tuple[Company, str, Filter | None]  # books, supplier, what its invoice numbers look like


def look_alikes(client: QadClient, writes: Sequence[Write]) -> dict[str, str]:
    """By external reference of a write: the vouchers that a person would take for it. Raises on any doubt."""
    made = [write for write in writes if write.kind == KIND and write.op == "create"]
    if not made:  # a tenant that takes no invoices has no such entity in its profile
        return {}
    entity = client.profile.entity(NAME)
    # No supplier has a code that cannot be asked for; QAD refuses such an invoice, and it must not stop the others.
    sent = [(write, record) for write in made if (record := record_of(write.body, entity))
            and not _UNASKABLE.search(_text(record, entity, "supplier"))]  # fmt: skip
    numbers: dict[tuple[Company, str], set[str]] = defaultdict(set)
    for write, record in sent:
        numbers[company(write.company), _text(record, entity, "supplier")].add(_text(record, entity, "reference"))
    questions = [(books, supplier, one) for (books, supplier), wanted in numbers.items()
                 for one in _narrowed(wanted, entity)]  # fmt: skip
    held: dict[tuple[Company, str], list[Record]] = defaultdict(list)
    for (books, supplier, _), found in each(client, lambda one: list(_ask(client, entity, one)), questions):
        held[books, supplier] += found
    told: dict[str, str] = {}
    for write, record in sent:
        same = held[company(write.company), _text(record, entity, "supplier")]
        named = list(dict.fromkeys(_named(one, entity) for one in _taken_for(write, record, same, entity)))
        if named:
            told[write.external_ref] = (
                f"invoice {_text(record, entity, 'reference')} of supplier {_text(record, entity, 'supplier')} is in "
                f"QAD already: {', '.join(named)}"
            )
    return told


def _narrowed(wanted: Iterable[str], entity: Entity) -> Iterator[Filter | None]:
    """Numbers that share all but their end are asked for together; one that QAD's filter cannot carry, by what of it
    can be asked."""
    field, groups = entity.wire("reference"), defaultdict[str, list[str]](list)
    for one in sorted(wanted):
        if _UNASKABLE.search(one):
            before = _UNASKABLE.split(one, maxsplit=1)[0]
            yield Filter(field, "sw", before) if before else None
        else:
            groups[one[:-_TAIL]].append(one)
    for prefix, group in groups.items():
        if prefix and len(group) >= _WORTH_A_GROUP:
            yield Filter(field, "sw", prefix)
        else:
            yield from (Filter(field, "eq", one) for one in group)


def _ask(client: QadClient, entity: Entity, question: Question) -> Iterator[Record]:
    books, supplier, narrow = question
    filters = [Filter(entity.wire("supplier"), "eq", supplier), *([narrow] if narrow else [])]
    yield from rows(client, NAME, books, filters)


def _taken_for(write: Write, record: Record, held: Iterable[Record], entity: Entity) -> Iterator[Record]:
    """Of the same number and type; not this document's own earlier lives, and nothing that we have reversed."""
    same = [one for one in held if _text(one, entity, "reference") == _text(record, entity, "reference")]
    reference = entity.wire("externalReference")
    reversed_ = {str(one.get(reference) or "").removesuffix(VOID_SUFFIX) for one in same
                 if str(one.get(reference) or "").endswith(VOID_SUFFIX)}  # fmt: skip
    for one in same:
        carried = str(one.get(reference) or "")
        if _text(one, entity, "type") != _text(record, entity, "type") or carried in reversed_:
            continue
        if carried and (carried == write.external_ref or write.external_ref.startswith(f"{carried}:")):
            continue
        yield one


def _named(record: Record, entity: Entity) -> str:
    carried = str(record.get(entity.wire("externalReference")) or "")
    by = f"posted as {carried}" if carried else "entered there by hand"
    amount, currency = record.get(entity.wire("amount")), record.get(entity.wire("currency"))
    return f"voucher {number(record, entity)} of {amount} {currency}, {by}"


def _text(record: Record, entity: Entity, logical: str) -> str:
    return str(record.get(entity.wire(logical)) or "")
