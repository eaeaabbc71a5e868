"""Tells ServiceTitan that a document is in the books (markasexported). Invariant: called only for what was read back
from the target; every element is judged alone, and an unknown outcome stays unknown until the record says otherwise.

Marking is safe to ask for again: what is exported already is seen first and not sent. So a block whose answer was lost
is settled by the next call, which reads the records before it writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from st_pipelines.systems.http.errors import BadAnswer, Forbidden, NotExecuted, NotFound, OutcomeUnknown, Refused
from st_pipelines.systems.servicetitan.decode import decode_page
from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.tenant import ServiceTitan

BLOCK = 50  # the most ids that a list takes, so that one read shows one block
WRITE_SCOPES = {"invoices": "tn.acc.invoices:w", "bills": "tn.acc.inventorybills:w"}
_PATHS = {"invoices": "invoices/markasexported", "bills": "inventory-bills/markasexported"}

State = Literal["exported", "already_exported", "refused", "unknown", "not_sent"]


@dataclass(frozen=True)
class Mark:
    """``external_id``: what the books call the document; invoices only. ``told``: every external id that ServiceTitan
    may have been told for it before, this one included where it was asked for already."""

    id: int
    external_id: str = ""
    message: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True)
class Marked:
    """``exported`` and ``already_exported`` are knowledge. ``unknown``: ask again later. ``reason`` in ServiceTitan's
    words."""

    id: int
    state: State
    reason: str = ""


class _InvoiceAnswer(msgspec.Struct, rename="camel"):
    invoice_id: int
    success: bool
    error_message: str | None = None


class _BillAnswer(msgspec.Struct, rename="camel"):
    inventory_bill_id: int
    success: bool
    error_message: str | None = None


def mark_exported(client: ServiceTitan, entity: str, marks: Sequence[Mark]) -> list[Marked]:
    """One result for each mark, in order. Raises ``SystemFault`` where the records cannot be read; nothing of that
    block was sent then."""
    distinct = list({mark.id: mark for mark in marks}.values())
    results: dict[int, Marked] = {}
    for start in range(0, len(distinct), BLOCK):
        for marked in _block(client, entity, distinct[start : start + BLOCK]):
            results[marked.id] = marked
    return [results[mark.id] for mark in marks]


def ask_to_mark_nothing(client: ServiceTitan, entity: str) -> None:
    """Shows whether the app may mark at all; changes nothing. Raises ``Forbidden`` where it may not, other ``Refused``
    where it may and ServiceTitan minds that nothing was named, and whatever else a write raises."""
    client.write("accounting", _PATHS[entity], _body(entity, ()), entity=entity, reference="ping", asking=True)


def _block(client: ServiceTitan, entity: str, marks: Sequence[Mark]) -> Iterator[Marked]:
    known = _records(client, entity, [mark.id for mark in marks])
    due = []
    for mark in marks:
        before = _before(mark, known.get(mark.id))
        if before is None:
            due.append(mark)
        else:
            yield before
    if not due:
        return
    reference = f"{len(due)} of {due[0].id}…"
    try:
        reply = client.write("accounting", _PATHS[entity], _body(entity, due), entity=entity, reference=reference)
        answers = _answers(entity, reply.content)
    except (NotExecuted, Forbidden, NotFound) as fault:  # who we are is refused, not these documents
        yield from (Marked(mark.id, "not_sent", str(fault)) for mark in due)
    except Refused as fault:
        yield from (Marked(mark.id, "refused", str(fault)) for mark in due)
    except OutcomeUnknown as fault:
        yield from (Marked(mark.id, "unknown", str(fault)) for mark in due)
    except msgspec.MsgspecError:
        yield from (Marked(mark.id, "unknown", "the answer is not the published one") for mark in due)
    else:
        yield from (_judged(mark, answers) for mark in due)


def _before(mark: Mark, record: Any) -> Marked | None:
    """What the record already says; None: it is to be marked. Another program's export id is never written over, ours
    is replaced where the document was posted again under a new number. That the external id lands in ``exportId`` is
    not published: where a tenant keeps none, what was asked for once and is Exported counts as done."""
    if record is None:
        return Marked(mark.id, "refused", "it is not there, or inactive")
    status, held = record.sync_status or "missing", getattr(record, "export_id", None) or ""
    if status not in ("Posted", "Exported"):
        return Marked(mark.id, "refused", f"its syncStatus is {status}")
    if held and held not in (mark.external_id, *mark.told):
        if status == "Exported":
            return Marked(mark.id, "already_exported", f"it was exported before, as {held}, which is kept")
        return Marked(mark.id, "refused", f"it is Posted, but has the exportId {held} of another program")
    if status == "Posted":
        return None
    if held == mark.external_id or not hasattr(record, "export_id") or (not held and mark.external_id in mark.told):
        return Marked(mark.id, "already_exported")
    return None


def _judged(mark: Mark, answers: Mapping[int, tuple[bool, str]]) -> Marked:
    """Matched by id, never by position (R7)."""
    if mark.id not in answers:
        return Marked(mark.id, "unknown", "the answer does not name it")
    success, reason = answers[mark.id]
    return Marked(mark.id, "exported" if success else "refused", reason)


def _records(client: ServiceTitan, entity: str, ids: Sequence[int]) -> dict[int, Any]:
    """Those that are there and active."""
    about = DAILY[entity]
    params = [*about.filters, ("ids", ",".join(map(str, ids))), ("page", "1"), ("pageSize", str(BLOCK))]
    reply = client.read(
        about.module, about.path, params, entity=entity, reference="before marking", check=_page(entity)
    )
    records: Sequence[Any] = decode_page(about, reply.content).records
    strangers = {record.id for record in records} - set(ids)
    if strangers:
        raise BadAnswer(
            f"asked for {len(ids)} ids and got others, e.g. {min(strangers)}: the filter was ignored",
            connection=client.connection, entity=entity, cure="report it: the parameter may have changed its name",
        )  # fmt: skip
    return {record.id: record for record in records if record.active is not False}


def _page(entity: str) -> Any:
    return lambda reply: decode_page(DAILY[entity], reply.content)


def _body(entity: str, marks: Sequence[Mark]) -> bytes:
    """Only published fields: an unknown one is ignored without a word."""
    if entity == "bills":
        return msgspec.json.encode({"inventoryBillIds": [mark.id for mark in marks]})
    return msgspec.json.encode([
        {"invoiceId": mark.id, "externalId": mark.external_id or None, "externalMessage": mark.message or None}
        for mark in marks
    ])  # fmt: skip


def _answers(entity: str, content: bytes) -> dict[int, tuple[bool, str]]:
    if entity == "bills":
        bills = msgspec.json.decode(content, type=list[_BillAnswer])
        return {one.inventory_bill_id: (one.success, one.error_message or "") for one in bills}
    invoices = msgspec.json.decode(content, type=list[_InvoiceAnswer])
    return {one.invoice_id: (one.success, one.error_message or "") for one in invoices}
