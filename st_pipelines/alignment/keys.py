"""The exact keys by which two records may be the same party, strongest first. Invariant: a key is equal or it is not,
never close; what is empty is no key.
"""

from collections.abc import Iterable
from functools import lru_cache

from st_pipelines.alignment import normalize
from st_pipelines.documents.party_record import PartyRecord

ORDER = ("external_id", "tax_id", "email", "phone", "name_address")
# Where two records both have one of these and share none, they are not certainly the same. A name may be spelt in many
# ways, so it never contradicts.
CONTRADICTING = ("external_id", "tax_id", "email", "phone")
TITLES = {
    "external_id": "external id", "tax_id": "tax id", "email": "e-mail", "phone": "phone number",
    "name_address": "name and address",
}  # fmt: skip


@lru_cache(maxsize=200_000)
def keys(record: PartyRecord) -> dict[str, frozenset[str]]:
    """Kind of key to the record's values of it. An external id is any reference that it has or carries."""
    address = normalize.address(record.address)
    name = normalize.name(record.name)
    return {
        "external_id": _filled((record.reference, *record.external_ids)),
        "tax_id": _filled((normalize.tax_id(record.tax_id),)),
        "email": _filled(map(normalize.email, record.emails)),
        "phone": _filled(map(normalize.phone, record.phones)),
        "name_address": _filled((f"{name}|{address}",)) if name and address else frozenset(),
    }


def shared(one: PartyRecord, other: PartyRecord) -> list[str]:
    """The kinds of key by which both are equal, strongest first."""
    mine, theirs = keys(one), keys(other)
    return [kind for kind in ORDER if mine[kind] & theirs[kind]]


def contradictions(one: PartyRecord, other: PartyRecord) -> list[str]:
    """The kinds of key that both have and by which they differ. A record that carries a reference into the other's
    system that is not the other's contradicts too."""
    mine, theirs = keys(one), keys(other)
    found = [
        kind for kind in CONTRADICTING
        if kind != "external_id" and mine[kind] and theirs[kind] and not mine[kind] & theirs[kind]
    ]  # fmt: skip
    if _points_elsewhere(one, other) or _points_elsewhere(other, one):
        found.insert(0, "external_id")
    return found


def _points_elsewhere(one: PartyRecord, other: PartyRecord) -> bool:
    tag = other.reference.split(":", 1)[0]
    pointing = {reference for reference in one.external_ids if reference.split(":", 1)[0] == tag}
    return bool(pointing) and other.reference not in pointing


def _filled(values: Iterable[str]) -> frozenset[str]:
    return frozenset(value for value in values if value)
