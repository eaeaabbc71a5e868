"""Who has the say of each field of a party that two systems keep. Invariant: the declared owner decides
a conflict, or whose own content moved, never a clock; where both moved, a person (L13).

``agreed`` remembers, for each field and side, the digest of what was there when both last were at rest. A side whose
value still has that digest did not change: what we wrote there ourselves is no news.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from st_pipelines.alignment import normalize
from st_pipelines.documents.parties import FIELDS
from st_pipelines.documents.party_record import PartyRecord

Owner = Literal["source", "target", "last_change"]
Owners = Mapping[str, Owner]
SOURCE, TARGET = "source", "target"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed since they last agreed."""

    field: str
    source: str
    target: str


@dataclass
class Settled:
    """``keeps``: fields that must not be written to the target now. ``conflicts``: a person decides."""

    keeps: tuple[str, ...]
    conflicts: list[Conflict] = field(default_factory=list)


def value(record: PartyRecord, name: str) -> str:
    """One field as text that is equal where the two systems mean the same."""
    if name == "email":
        return " ".join(sorted(filter(None, map(normalize.email, record.emails))))
    if name == "phone":
        return " ".join(sorted(filter(None, map(normalize.phone, record.phones))))
    if name == "address":
        return normalize.address(record.address)
    if name == "active":
        return "yes" if record.is_active else "no"
    text = {"name": record.name, "terms": record.terms, "tax": record.tax}[name]
    return " ".join(unicodedata.normalize("NFC", text).split())


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def seen(record: PartyRecord, side: str) -> dict[str, str]:
    """What to remember of one side."""
    return {f"{name}.{side}": digest(value(record, name)) for name in FIELDS}


def at_one(source: PartyRecord, target: PartyRecord, written: Collection[str] = ()) -> dict[str, str]:
    """What to remember after a write: the fields that were written, and those in which both are equal anyway. A field
    that only the target changed is left as it was: that change is still to travel the other way."""
    mine, theirs = seen(source, SOURCE), seen(target, TARGET)
    found: dict[str, str] = {}
    for name in FIELDS:
        if name in written or value(source, name) == value(target, name):
            found |= {f"{name}.{SOURCE}": mine[f"{name}.{SOURCE}"], f"{name}.{TARGET}": theirs[f"{name}.{TARGET}"]}
    return found


def at_rest(owners: Owners, side: str = SOURCE) -> tuple[str, ...]:
    """What is kept while nothing moves: all that this side does not own."""
    return tuple(name for name in FIELDS if owners.get(name, SOURCE) != side)


def moved(record: PartyRecord, side: str, agreed: Mapping[str, str], owners: Owners) -> bool:
    """Whether a field that the last change decides is another one than when both were at rest."""
    now = seen(record, side)
    return any(now[f"{name}.{side}"] != agreed.get(f"{name}.{side}")
               for name in FIELDS if owners.get(name) == "last_change")  # fmt: skip


def settle(owners: Owners, here: PartyRecord, there: PartyRecord, agreed: Mapping[str, str], side: str = SOURCE
           ) -> Settled:  # fmt: skip
    """What may be written to the other side now. ``side``: on which side of the links ``here`` stands."""
    other, keeps, conflicts = TARGET if side == SOURCE else SOURCE, list[str](), list[Conflict]()
    for name in FIELDS:
        owner = owners.get(name, SOURCE)
        if owner == side:
            continue
        mine, theirs = value(here, name), value(there, name)
        if owner == other or mine == theirs or not _moved(name, mine, side, agreed):
            keeps.append(name)
        elif not _moved(name, theirs, other, agreed) or not theirs:
            continue  # only this side moved, or the other has nothing to lose
        elif not mine and f"{name}.{side}" not in agreed:
            keeps.append(name)  # first contact, and this side has nothing to say
        else:
            conflicts.append(Conflict(name, mine, theirs) if side == SOURCE else Conflict(name, theirs, mine))
    return Settled(tuple(keeps), conflicts)


def _moved(name: str, text: str, side: str, agreed: Mapping[str, str]) -> bool:
    return agreed.get(f"{name}.{side}") != digest(text)
