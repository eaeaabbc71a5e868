"""What a webhook of the sandbox says and how it is signed. Invariant: the signature is over the bytes that are sent.

The real names, envelope and header are not published where anybody could read them (reference 11), so each is a switch
of the registration, with those that most adapters expect as defaults.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec

from st_pipelines.sandbox.servicetitan.shelf import encode

Record = dict[str, Any]
Announce = Callable[[str, Record, str], None]  # (entity, record, "created" or "updated")

# Entity of the books -> the words of its name in events.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "invoices": ("invoice",), "payments": ("payment",), "bills": ("inventory", "bill"), "customers": ("customer",),
    "vendors": ("vendor",), "purchase_orders": ("purchase", "order"), "receipts": ("receipt",),
    "customer_contacts": ("customer", "contact"), "locations": ("location",), "jobs": ("job",),
}  # fmt: skip
NAMINGS: Mapping[str, Callable[[tuple[str, ...], str], str]] = {
    "dotted": lambda words, verb: f"{'-'.join(words)}.{verb}",
    "camel": lambda words, verb: words[0] + "".join(word.capitalize() for word in (*words[1:], verb)),
    "pascal": lambda words, verb: "".join(word.capitalize() for word in (*words, verb)),
    "snake": lambda words, verb: "_".join((*words, verb)),
}
_NAMESPACE = uuid5(NAMESPACE_URL, "servicetitan sandbox webhooks")


def nobody(_entity: str, _record: Record, _verb: str) -> None:
    """An ``Announce`` for books whose changes nobody wants to hear of."""


class Hook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subscription. ``key``: the HMAC key, 32-64 characters, empty = unsigned. ``events``: entities (``invoices``),
    empty = all. ``envelope``: the record below ``data``, the record alone, or its id alone. ``event_header``: where the
    event's name is sent beside the body, empty = nowhere. ``retries_s``: the published schedule; ``time_scale`` makes
    it and the delays of failure switches shorter for tests. ``timeout_s``: how long the receiver may take."""

    url: str
    key: str = ""
    header: str = "x-servicetitan-signature"
    digest: Literal["hex", "base64"] = "hex"
    events: list[str] = []
    envelope: Literal["data", "record", "id"] = "data"
    naming: Literal["dotted", "camel", "pascal", "snake"] = "dotted"
    event_header: str = "x-servicetitan-event"
    retries_s: tuple[float, ...] = (10, 30, 60, 300)
    time_scale: float = 1.0
    timeout_s: float = 10.0

    def wants(self, entity: str) -> bool:
        return not self.events or entity in self.events

    def name(self, entity: str, verb: str) -> str:
        return NAMINGS[self.naming](SUBJECTS[entity], verb)

    def body(self, number: int, name: str, entity: str, record: Record, at: str) -> bytes:
        """``number`` of the event decides its id, so that a repeated delivery is the same bytes."""
        event_id = str(uuid5(_NAMESPACE, f"{number}"))
        match self.envelope:
            case "record":
                return encode(record)
            case "id":
                words = SUBJECTS[entity]
                field = words[0] + "".join(word.capitalize() for word in words[1:]) + "Id"
                return encode({"event_id": event_id, "event_type": name, "createdOn": at, field: record["id"]})
            case _:
                return encode({"eventId": event_id, "eventType": name, "createdOn": at, "data": record})

    def signature(self, body: bytes, *, key: str | None = None) -> str:
        digest = hmac.new((self.key if key is None else key).encode(), body, hashlib.sha256).digest()
        return digest.hex() if self.digest == "hex" else base64.b64encode(digest).decode()


class BadHook(ValueError):
    """A registration that the real system would refuse; the text says why."""


def checked(hook: Hook) -> Hook:
    unknown = sorted(set(hook.events) - SUBJECTS.keys())
    if unknown:
        raise BadHook(f"events: unknown {', '.join(unknown)}; known: {', '.join(SUBJECTS)}")
    if hook.key and not 32 <= len(hook.key) <= 64:
        raise BadHook("key: an HMAC key has 32 to 64 characters")
    if not hook.url.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
        raise BadHook("url: this sandbox sends to loopback addresses only")
    if not 0 <= hook.time_scale <= 1 or any(pause < 0 for pause in hook.retries_s) or hook.timeout_s <= 0:
        raise BadHook("time_scale lies between 0 and 1, pauses are not negative, timeout_s is positive")
    return hook
