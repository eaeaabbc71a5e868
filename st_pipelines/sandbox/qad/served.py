"""The names this QAD answers to. Invariant: code knows our names only; the wire's come from ``served.yaml`` or a test.

A *name* is ours (``customers``, ``customerCode``); ``rename`` gives the wire's where it differs, at any depth.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

Record = dict[str, Any]
_FILE = Path(__file__).with_name("served.yaml")
TYPES = ("text", "number", "integer", "flag", "date")


class Field(msgspec.Struct, frozen=True):
    """``length`` 0 = unlimited. ``required``: may not be blank in a new record."""

    type: str
    length: int = 0
    required: bool = False


class Paging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    page: str
    size: str
    action: str
    first: str
    next: str
    filter: str
    rows: str
    more_in: str
    more: str
    browse_id: str


class MetadataNames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    array: str
    fields: str
    name: str
    type: str
    max_length: str
    required: str


class ServedEntity(msgspec.Struct, frozen=True, kw_only=True):
    """One collection. ``keys`` by our names; ``scope``: global, shared_set, domain or entity."""

    name: str
    path: str
    array: str
    keys: tuple[str, ...]
    fields: dict[str, Field]
    nested: dict[str, dict[str, Field]] = {}
    view_uri: str = ""
    browse_id: str = ""
    scope: str = "global"
    shared_set: str = ""
    created_status: int = 200
    pascal_errors: bool = False
    read_only: bool = False
    rename: dict[str, str] = {}
    original: dict[str, str] = {}

    def wire(self, name: str) -> str:
        return self.rename.get(name, name)

    def ours(self, wire: str) -> str:
        """Our name of a wire name; a name that was renamed away is unknown and stays as it is."""
        return self.original.get(wire, f"?{wire}" if wire in self.rename else wire)

    def to_wire(self, record: Mapping[str, Any]) -> Record:
        renamed: Record = _renamed(record, self.rename) if self.rename else dict(record)
        return renamed

    def from_wire(self, record: Mapping[str, Any]) -> Record:
        if not self.rename:
            return dict(record)
        gone = {name: f"?{name}" for name in self.rename if name not in self.original}
        renamed: Record = _renamed(record, {**gone, **self.original})
        return renamed

    def key_of(self, record: Mapping[str, Any]) -> str:
        """The books' key, and the tail of ``uri``: key values joined by dots."""
        return ".".join([str(record[name]) for name in self.keys])


class Served(msgspec.Struct, frozen=True):
    """Everything that a tenant may spell differently."""

    base_path: str
    token_path: str
    workspace_header: str
    data_wrapper: str
    absolute_s: int
    idle_s: int
    login: dict[str, str]
    paging: Paging
    metadata: MetadataNames
    errors: dict[str, str]
    entities: dict[str, ServedEntity]


def load_served(changes: Mapping[str, Any] | None = None) -> Served:
    """The profile of ``served.yaml``, with ``changes`` laid over it at any depth (tests rename what they like).

    ``ValueError`` for an unknown type of field.
    """
    with _FILE.open(encoding="utf-8") as file:
        raw = yaml.safe_load(file)
    raw = _overlaid(raw, changes or {})
    entities = {name: _entity(name, described) for name, described in raw["entities"].items()}
    return Served(
        base_path=raw["base_path"],
        token_path=raw["token_path"],
        workspace_header=raw["workspace_header"].lower(),
        data_wrapper=raw["data_wrapper"],
        absolute_s=raw["session"]["absolute_s"],
        idle_s=raw["session"]["idle_s"],
        login=raw["login"],
        paging=msgspec.convert(raw["paging"], Paging),
        metadata=msgspec.convert(raw["metadata"], MetadataNames),
        errors=raw["errors"],
        entities=entities,
    )


def _entity(name: str, described: Mapping[str, Any]) -> ServedEntity:
    nested = {
        array: {field: _field(text) for field, text in fields.items()}
        for array, fields in described.get("nested", {}).items()
    }
    rename = described.get("rename", {})
    given = {
        **described,
        "name": name,
        "keys": tuple(described["keys"]),
        "fields": {field: _field(text) for field, text in described["fields"].items()},
        "nested": nested,
        "scope": described.get("scope", "shared_set" if described.get("shared_set") else "global"),
        "original": {wire: ours for ours, wire in rename.items()},
    }
    return msgspec.convert(given, ServedEntity)


def _field(text: str | Mapping[str, Any]) -> Field:
    words = str(text).split()
    if words[0] not in TYPES:
        raise ValueError(f"unknown type of field: {text!r}")
    length = next((int(word) for word in words if word.isdecimal()), 0)
    return Field(words[0], length, "required" in words)


def _overlaid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in over.items():
        old = merged.get(name)
        merged[name] = _overlaid(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {names.get(name, name): _renamed(item, names) for name, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value
