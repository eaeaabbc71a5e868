"""A party on its way to ServiceTitan's wire. Invariant: only published fields, because unknown ones are ignored
without a word; a change carries only what this side has the say of.

What can be changed is less than what can be made: a customer's e-mail and phone are contacts of their own, and its
address can only be changed together with map coordinates that an ERP does not have. Those stay ServiceTitan's.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.posting.target import CannotRender
from st_pipelines.systems.servicetitan.party_records import APPLICATION, KEY

ROLE_OF_KIND = {"field_customer": "customer", "field_vendor": "vendor"}
CHANGEABLE: Mapping[str, tuple[str, ...]] = {
    "customer": ("name", "active"), "vendor": ("name", "address", "email", "phone", "active"),
}  # fmt: skip
_PLACE = ("street", "unit", "city", "state", "zip", "country")


class Frozen(msgspec.Struct):
    """One write as it is kept: where it goes, and exactly the bytes that go there."""

    method: str
    module: str
    path: str
    content: msgspec.Raw


def freeze(method: str, module: str, path: str, content: Mapping[str, Any]) -> bytes:
    raw = msgspec.Raw(msgspec.json.encode(content, order="sorted"))
    return msgspec.json.encode(Frozen(method, module, path, raw))


def thaw(body: bytes) -> Frozen:
    """Raises ``msgspec.DecodeError`` for a body that is none of ours."""
    return msgspec.json.decode(body, type=Frozen)


def party_of(document: MappedDocument) -> Party:
    if not isinstance(document.payload, Party):
        raise CannotRender(f"{document.doc_key}: a {document.kind} needs a party")
    return document.payload


def new(party: Party, external_ref: str) -> dict[str, Any]:
    """Raises ``CannotRender`` where ServiceTitan demands what the party does not have."""
    name, place = _name(party), _place(party)
    missing = [field for field in ("street", "city", "state", "zip") if not place[field]]
    if missing:
        raise CannotRender(f"address: ServiceTitan demands {', '.join(missing)}; enter it where the party comes from")
    external = {"applicationGuid": APPLICATION, "externalData": [{"key": KEY, "value": external_ref}]}
    if party.role == "vendor":
        return {"name": name, "active": party.is_active, "isTruckReplenishment": False, "taxRate": 0,
                "restrictedMobileCreation": False, "address": place, "phone": party.phone, "email": party.email,
                "externalData": external}  # fmt: skip
    contacts = [{"type": kind, "value": value} for kind, value in (("Email", party.email), ("Phone", party.phone))
                if value]  # fmt: skip
    return {"name": name, "type": "Commercial", "address": place, "contacts": contacts, "externalData": external,
            "locations": [{"name": name, "address": place}]}  # fmt: skip


def change(party: Party, external_ref: str) -> dict[str, Any]:
    """What this side has the say of, and our reference beside what other applications have stored."""
    content: dict[str, Any] = {name: value for name, value in fields(party).items() if name not in party.keeps}
    if "address" in content:
        content["address"] = _place(party)
    content["externalData"] = {"patchMode": "Merge", "applicationGuid": APPLICATION,
                               "externalData": [{"key": KEY, "value": external_ref}]}  # fmt: skip
    return content


def fields(party: Party) -> dict[str, Any]:
    """The changeable fields as ServiceTitan names them; an address as one comparable text."""
    every = {"name": party.name.strip(), "active": party.is_active, "email": party.email, "phone": party.phone,
             "address": comparable(_place(party))}  # fmt: skip
    return {name: every[name] for name in CHANGEABLE[party.role]}


def comparable(place: Mapping[str, Any]) -> str:
    return ", ".join(str(place.get(name) or "").strip() for name in _PLACE[:-1])


def _name(party: Party) -> str:
    name = party.name.strip()
    if not name:
        raise CannotRender("name: a party without a name cannot be made")
    if any(ord(character) < 32 for character in name):
        raise CannotRender(f"name: {name[:40]!r} holds control characters; correct it where the party comes from")
    return name


def _place(party: Party) -> dict[str, Any]:
    place = {name: getattr(party.address, name) for name in _PLACE}
    return {**place, "country": place["country"] or "USA"}
