"""One record on its way to QAD's wire. Invariant: only the profile's names, only values that fit; equal in, equal out.

The body of every write is ``{"supplementaryMessages": [], "<array>": [record]}`` (reference/qad.md A4). It carries the
record's own keys, so that sending needs nothing but the bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from st_pipelines.posting.target import CannotRender, Reference
from st_pipelines.systems.http.exact_json import decode
from st_pipelines.systems.qad.answers import Record
from st_pipelines.systems.qad.company import Company
from st_pipelines.systems.qad.profile import Entity, Profile
from st_pipelines.systems.qad.wire_values import canonical, fitting_text, one_line, wire_amount, wire_date


@dataclass(frozen=True)
class Rendering:
    """What every body is built from: the tenant's names, the books, our reference, the posted dependencies."""

    profile: Profile
    entity: Entity
    books: Company
    external_ref: str
    references: Mapping[str, Reference]

    def needed(self, doc_key: str, what: str) -> Reference:
        """A posted dependency. Raises ``CannotRender`` where it is not posted: nothing is guessed."""
        reference = self.references.get(doc_key)
        if reference is None or not (reference.target_id and reference.number):
            raise CannotRender(f"{what} {doc_key} is not posted in QAD yet; post it first")
        return reference

    def put(self, record: Record, logical: str, value: str) -> None:
        """Text that must arrive whole (or as the profile declares it cut). Skipped where the profile has no such field
        and nothing is lost by it."""
        if not self.entity.has(logical):
            return
        wire = self.entity.wire(logical)
        record[wire] = fitting_text(value, self.entity, wire, self.profile)

    def put_line(self, record: Record, logical: str, value: str) -> None:
        """Free text, folded onto one line."""
        self.put(record, logical, one_line(value))

    def put_date(self, record: Record, logical: str, value: date | None) -> None:
        if value is not None and self.entity.has(logical):
            record[self.entity.wire(logical)] = wire_date(value, self.profile)

    def put_amount(self, record: Record, logical: str, value: Decimal, currency: str) -> None:
        wire = self.entity.wire(logical)
        record[wire] = wire_amount(value, currency, wire)

    def put_flag(self, record: Record, logical: str, value: bool) -> None:
        if self.entity.has(logical):
            record[self.entity.wire(logical)] = value

    def shared_set(self) -> str:
        return self.profile.workspace.shared_sets[self.entity.shared_set or ""]

    def nested(self, name: str, values: Mapping[str, Any]) -> Record:
        """One record of a nested array; names the profile lacks are left out, over-long text is refused by name."""
        array = self.entity.nested[name]
        record: Record = {}
        for logical, value in values.items():
            if logical in array.fields:
                wire = f"{array.array}.{array.fields[logical]}"
                text = isinstance(value, str) and not logical.endswith("Date")
                record[array.fields[logical]] = (
                    fitting_text(value, self.entity, wire, self.profile) if text else value)  # fmt: skip
        return record

    def start(self) -> Record:
        """A new record: the tenant's defaults, our reference where the entity has a field for it."""
        record: Record = dict(self.entity.defaults)
        if self.entity.has("externalReference"):
            self.put(record, "externalReference", self.external_ref)
        return record


def envelope(entity: Entity, record: Record) -> bytes:
    """The canonical bytes of one write."""
    return canonical({"supplementaryMessages": [], entity.array: [record]})


def record_of(body: bytes, entity: Entity) -> Record:
    """The record inside a frozen body. Raises ``ValueError`` for a body of another entity or profile."""
    content = decode(body)
    records = content.get(entity.array) if isinstance(content, dict) else None
    if not isinstance(records, list) or len(records) != 1 or not isinstance(records[0], dict):
        raise ValueError(f"the frozen body does not hold one record in {entity.array!r}; the profile has changed")
    return records[0]


_KEY_ORDER = ("sharedSetCode", "domain", "entity", "daybook", "year", "period", "voucher", "code")


def key_names(entity: Entity) -> list[str]:
    """The logical keys in one order for every tenant: an id stays the same when a profile is written anew."""
    return sorted(entity.keys, key=lambda name: (_KEY_ORDER.index(name) if name in _KEY_ORDER else 99, name))


def key_values(record: Record, entity: Entity) -> dict[str, str]:
    """The record's keys by logical name; raises ``ValueError`` where one is missing or blank."""
    values = {logical: _key_text(record.get(entity.keys[logical])) for logical in key_names(entity)}
    blank = [entity.keys[logical] for logical, value in values.items() if not value]
    if blank:
        raise ValueError(f"no {', '.join(blank)} in the record")
    return values


def _key_text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def target_id(record: Record, entity: Entity) -> str:
    """The key values: ``10USACO|ARINV|2026|17``; ``CUST|00000042``."""
    return "|".join(key_values(record, entity).values())


def keys_of(identifier: str, entity: Entity) -> dict[str, str]:
    """The inverse of ``target_id``. Raises ``CannotRender``."""
    parts, names = identifier.split("|"), key_names(entity)
    if len(parts) != len(names) or not all(parts):
        raise CannotRender(f"{identifier!r} is not an id of {entity.path} ({'|'.join(names)})")
    return dict(zip(names, parts, strict=True))


def as_content(record: Record, entity: Entity) -> dict[str, str]:
    """A master's mapped fields as text, by wire name, for comparison with what was planned."""
    wires = [wire for logical, wire in entity.fields.items() if logical not in ("concurrencyHash", "externalReference")]
    wires += [wire for wire in entity.defaults if wire not in wires]
    return {wire: _content_text(record.get(wire)) for wire in wires}


def master_differences(planned: Record, held: Mapping[str, str]) -> list[str]:
    """Every planned field of a master that QAD holds otherwise."""
    expected = {wire: _content_text(value) for wire, value in planned.items()}
    return [f"{wire}: planned {value!r}, QAD holds {held.get(wire, '')!r}"
            for wire, value in expected.items() if value != held.get(wire, "")]  # fmt: skip


def _content_text(value: object) -> str:
    return "" if value is None else str(value)


def number(record: Record, entity: Entity) -> str:
    """What a person looks for in QAD: the code, or daybook/year/voucher."""
    values = key_values(record, entity)
    if "voucher" in values:
        return f"{values['daybook']}/{values['year']}/{values['voucher']}"
    return values.get("code") or "|".join(values.values())
