"""Reads which record a Business Rule tells of. Invariant: it gives a sys_id to read again, never content (W7).

ServiceNow has no webhook of its own: what is sent is written by the tenant's administrator (a sample lies in
docs/runbooks). So little is asked of it: the record's sys_id, and the table or an event's name that says what it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

_EVENT_FIELDS = ("event", "eventType", "event_type", "type", "table")
_ID_FIELDS = ("sys_id", "sysId", "record_id", "recordId")
_SYS_ID = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[A-Za-z]+")
_LONGEST_NAME = 100
INVOICES = "invoices"


@dataclass(frozen=True)
class Hint:
    """Look at this record; without a ``sys_id`` there is a ``reason`` why not. ``event`` as the sender called it."""

    event: str
    entity: str = ""
    sys_id: str = ""
    reason: str = ""


def read_hint(event_type: str, body: bytes, names: Mapping[str, str]) -> Hint:
    """``event_type``: what a header or the receiver found, empty where nothing. ``names``: the company's own table from
    event or table to entity, which goes first; an empty entity means that nobody wants it. Never raises."""
    shown = _shown(event_type)
    try:
        content = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Hint(shown, reason="the body is not a JSON object")
    said = [event_type.strip(), *(_text(content, name) for name in _EVENT_FIELDS)]
    said = [one for one in said if one]
    if not said:
        return Hint("", reason="neither a header nor the body names the event or the table")
    shown = _shown(said[0])
    own = {name.casefold(): entity for name, entity in names.items()}
    entity = next((own[one.casefold()] for one in said if one.casefold() in own), None)
    if entity == "":
        return Hint(shown, reason=f"the event {shown} is not wanted")
    if entity is None and not any(_is_of_invoices(one) for one in said):
        return Hint(shown, reason=f"the event {shown} is not known")
    sys_id = next((one for one in (_text(content, name).lower() for name in _ID_FIELDS) if _SYS_ID.fullmatch(one)), "")
    if not sys_id:
        return Hint(shown, reason=f"the event {shown} carries no sys_id")
    return Hint(shown, entity or INVOICES, sys_id)


def _is_of_invoices(event: str) -> bool:
    """``invoice.approved``, ``sn_shop_invoice``, ``InvoiceApproved``; a line's own sys_id would be no invoice's."""
    words = {word.lower() for part in _WORD.findall(event) for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", part)}
    return bool(words & {"invoice", "invoices"}) and not words & {"line", "lines"}


def _text(content: Mapping[str, msgspec.Raw], name: str) -> str:
    try:
        return msgspec.json.decode(content[name], type=str).strip() if name in content else ""
    except msgspec.DecodeError:
        return ""


def _shown(event: str) -> str:
    """Short and harmless in a log, a table or a reason."""
    return re.sub(r"[^A-Za-z0-9._:/ -]", "?", event.strip())[:_LONGEST_NAME]
