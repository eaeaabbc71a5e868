"""Reads which record a webhook is about. Invariant: it gives a name and a number to read again, never content (W7).

ServiceTitan publishes neither the names of its events nor their envelope where anybody could read them, and adapters
disagree (servicetitan.md 11). So a name is taken apart into words: what is left without the verb must be exactly one of
the known subjects, in any spelling (``invoice.created``, ``InvoiceUpdated``, ``inventory-bill_posted``). What is not
understood is told with its reason and is no loss: the day of modification is read all the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from st_pipelines.systems.http.exact_json import MalformedJson, decode

IGNORED = ""  # as a value of ``names``: this event is of no interest

_SUBJECTS: Mapping[tuple[str, ...], str] = {
    ("invoice",): "invoices", ("payment",): "payments", ("bill",): "bills", ("inventory", "bill"): "bills",
    ("customer",): "customers", ("location",): "locations", ("vendor",): "vendors",
    ("purchase", "order"): "purchase_orders", ("receipt",): "receipts", ("inventory", "receipt"): "receipts",
    ("customer", "contact"): "customer_contacts", ("contact",): "customer_contacts",
}  # fmt: skip
_VERBS = frozenset((
    "created", "create", "added", "add", "new", "updated", "update", "changed", "change", "edited", "modified", "saved",
    "deleted", "delete", "removed", "voided", "void", "canceled", "cancelled", "posted", "unposted", "exported",
    "reopened", "received", "sent", "completed", "paid", "refunded", "adjusted", "applied", "unapplied", "approved",
    "reconciled", "merged", "activated", "deactivated",
))  # fmt: skip
_MODULES = frozenset({"accounting", "crm", "inventory"})
_EVENT_FIELDS = ("eventType", "event_type", "eventName", "event_name", "event", "type")
_RECORD_FIELDS = ("data", "payload", "record", "resource", "object")
_ID_FIELDS = ("entityId", "entity_id", "recordId", "record_id", "resourceId", "resource_id", "objectId", "object_id")
_CUSTOMER = ("customerId", "customer_id")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LARGEST_ID = 2**63 - 1
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Hint:
    """Look at this record: ``entity`` as in ``entities.DAILY``. ``event`` as the sender called it."""

    entity: str
    record_id: int
    event: str


@dataclass(frozen=True)
class NoHint:
    """Why there is nothing to look at; ``reason`` holds nothing of the body but the event's name."""

    kind: Literal["unreadable", "unknown event", "ignored event", "no id"]
    reason: str
    event: str = ""


def read_hint(event_type: str, body: bytes, names: Mapping[str, str] | None = None) -> Hint | NoHint:
    """``event_type``: what a header said, empty where there was none. ``names``: a company's own table from event to
    entity, any spelling; it goes before what is known here, and an empty entity means that nobody wants it."""
    try:
        content = decode(body)
    except MalformedJson as error:
        return NoHint("unreadable", f"the body is not JSON: {error}", _shown(event_type))
    if not isinstance(content, dict):
        return NoHint("unreadable", "the body is not a JSON object", _shown(event_type))
    event = event_type.strip() or _event_of(content)
    if not event:
        return NoHint("unknown event", "neither a header nor the body names the event")
    own = {_words(name): entity for name, entity in (names or {}).items()}
    entity = own.get(_words(event), _entity_of(_words(event)))
    if entity is None:
        return NoHint("unknown event", f"the event {_shown(event)} is not known", _shown(event))
    if entity == IGNORED:
        return NoHint("ignored event", f"the event {_shown(event)} is not wanted", _shown(event))
    if entity == "customer_contacts":  # their list takes no ids of its own: the customer is read with all of them
        entity = "customers"
        found = next((one for place in (*_inner(content), content) if (one := _first(place, _CUSTOMER))), None)
    else:
        found = next(_ids(content, entity), None)
    if found is None:
        return NoHint("no id", f"the event {_shown(event)} names no {entity} id where one is looked for", _shown(event))
    return Hint(entity, found, _shown(event))


def _inner(content: Mapping[str, Any], *more: str) -> list[Mapping[str, Any]]:
    """The objects that may be the record itself."""
    return [content[name] for name in (*_RECORD_FIELDS, *more) if isinstance(content.get(name), dict)]


def _event_of(content: Mapping[str, Any]) -> str:
    """The first of the usual fields that holds a text, one level deep."""
    for name in _EVENT_FIELDS:
        value = content.get(name)
        if isinstance(value, dict):
            value = value.get("type") or value.get("name")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _words(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(name[:_LONGEST_NAME]))


def _entity_of(words: tuple[str, ...]) -> str | None:
    left = [word for word in words if word not in _VERBS and not re.fullmatch(r"v|[0-9]+", word)]
    for start in range(len(left)):
        found = _SUBJECTS.get((*left[start:-1], _singular(left[-1])))
        if found is not None and set(left[:start]) <= _MODULES:
            return found
    return None


def _singular(word: str) -> str:
    return word.removesuffix("s")


def _ids(content: Mapping[str, Any], entity: str) -> Iterator[int]:
    """Candidates, the most telling place first: the record itself, a field named after the entity, a general one.
    A bare ``id`` beside an envelope may be the event's own and counts only where the body is the record."""
    own = _own_fields(entity)
    inner = _inner(content, own[0].removesuffix("Id"))
    places = [(one, ("id", "Id", "ID", *own, *_ID_FIELDS)) for one in inner]
    places.append((content, (*own, *_ID_FIELDS)))
    if not inner:
        places.append((content, ("id", "Id", "ID")))
    for place, fields in places:
        found = _first(place, fields)
        if found is not None:
            yield found


def _own_fields(entity: str) -> tuple[str, ...]:
    """``purchase_orders`` -> purchaseOrderId, purchase_order_id."""
    words = _singular(entity).split("_")
    fields = [words[0] + "".join(word.capitalize() for word in words[1:]) + "Id", "_".join(words) + "_id"]
    if entity in ("bills", "receipts"):
        fields += [f"inventory{words[0].capitalize()}Id", f"inventory_{words[0]}_id"]
    return tuple(fields)


def _first(place: Mapping[str, Any], fields: Sequence[str]) -> int | None:
    """The first of these fields that holds an id."""
    return next((found for name in fields if (found := _number(place.get(name))) is not None), None)


def _number(value: Any) -> int | None:
    """A positive id as number or as decimal text, exactly; nothing else is an id."""
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,18}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool | Decimal) or not isinstance(value, int):
        return None
    return value if 0 < value <= _LARGEST_ID else None


def _shown(event: str) -> str:
    """Short and harmless in a log, a table or a reason."""
    return re.sub(r"[^A-Za-z0-9._:/ -]", "?", event.strip())[:_LONGEST_NAME]
