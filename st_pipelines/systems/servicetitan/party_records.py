"""Customers and vendors of ServiceTitan as comparable party records, with what our own application has stored on them.
Invariant: complete or an error; a customer's phones and e-mail addresses are all its active contacts'.

External data is stored and found under an application's GUID, which ServiceTitan does not give out: it is the key of
ours, the same everywhere (``APPLICATION``). Under ``KEY`` stands the reference of the other system's party.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from st_pipelines.documents.parties import Address
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicetitan import party_models
from st_pipelines.systems.servicetitan.record import Record
from st_pipelines.systems.servicetitan.tenant import Params, ServiceTitan

APPLICATION = "6f1d3f52-8f0f-5d1c-9a67-0c1f3f6b7a10"
KEY = "st_pipelines"
PLACES = {"customer": ("crm", "customers"), "vendor": ("inventory", "vendors")}
BLOCK = 50  # the most ids or values that a list takes
_ATTEMPTS = 4
_EPOCH = "2000-01-01T00:00:00Z"


class ExternalItem(Record, kw_only=True):
    key: str
    value: str


class Contacts(Record, kw_only=True):
    phone: str = ""
    email: str = ""


class Row(Record, kw_only=True):
    """A customer or a vendor; ``contact_info`` is a vendor's."""

    id: int
    active: bool
    name: str
    address: party_models.Address
    modified_on: str = ""
    contact_info: Contacts | None = None
    tax_exempt: bool | None = None
    merged_to_id: int | None = None
    external_data: list[ExternalItem] | None = None

    @property
    def reference(self) -> str:
        """What our application has stored on it."""
        return next((one.value for one in self.external_data or () if one.key == KEY), "")


class _Contact(Record, kw_only=True):
    customer_id: int
    type: str
    value: str


class _Page(Record, kw_only=True):
    has_more: bool
    data: list[msgspec.Raw]
    total_count: int | None = None


def read_parties(client: ServiceTitan, role: str) -> Iterator[PartyRecord]:
    """Every party of a role, inactive and merged ones too."""
    rows = list(listed(client, role, []))
    contacts = _contacts(client, [("createdOnOrAfter", _EPOCH)]) if role == "customer" else {}
    for row in rows:
        yield as_record(client, role, row, contacts.get(row.id, ()))


def get_parties(client: ServiceTitan, role: str, references: Collection[str]) -> dict[str, PartyRecord]:
    """By reference, as they are now."""
    ids = sorted({int(reference.rsplit(":", 1)[1]) for reference in references})
    found: dict[str, PartyRecord] = {}
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        text = [str(one) for one in block]
        rows = list(
            listed(client, role, [("ids", one) for one in text] if role == "vendor" else [("ids", ",".join(text))])
        )
        strangers = {row.id for row in rows} - set(block)
        if strangers:
            raise _fault(client, role, f"asked for {len(block)} ids and got others, e.g. {min(strangers)}")
        contacts = _contacts(client, [("customerIds", ",".join(text))]) if role == "customer" else {}
        found |= {
            one.reference: one for row in rows for one in [as_record(client, role, row, contacts.get(row.id, ()))]
        }
    return found


def listed(client: ServiceTitan, role: str, params: Params) -> list[Row]:
    """All rows of a list, with our external data. Read again where rows moved meanwhile (X5)."""
    module, path = PLACES[role]
    asked = [("active", "Any"), ("externalDataApplicationGuid", APPLICATION), ("sort", "+Id"), *params]
    for _ in range(_ATTEMPTS):
        rows, total = _walk(client, module, path, asked, Row)
        ids = {row.id for row in rows}
        if total is None or len(ids) == total:
            return rows
    raise _fault(client, role, "its list keeps moving while it is read")


def as_record(client: ServiceTitan, role: str, row: Row, contacts: Sequence[tuple[str, str]]) -> PartyRecord:
    info, place = row.contact_info or Contacts(), row.address
    emails = [value for kind, value in contacts if kind == "Email"] + ([info.email] if info.email else [])
    phones = [value for kind, value in contacts if kind in ("Phone", "MobilePhone")] + (
        [info.phone] if info.phone else []
    )
    address = Address(*(getattr(place, name) or "" for name in Address.__struct_fields__))
    return PartyRecord(
        "servicetitan", role, str(row.id), f"ST:{client.tenant}:{role}:{row.id}", row.name, address,
        emails=tuple(emails), phones=tuple(phones), is_active=row.active,
        external_ids=(row.reference,) if row.reference else (), modified=row.modified_on,
    )  # fmt: skip


def _contacts(client: ServiceTitan, params: Params) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for one in _walk(client, "crm", "customers/contacts", params, _Contact)[0]:
        found[one.customer_id].append((one.type, one.value))
    return found


def _walk(client: ServiceTitan, module: str, path: str, params: Params, kind: Any) -> tuple[list[Any], int | None]:
    rows: list[Any] = []
    total: int | None = None
    size = str(client.reading.page_size)
    for number in range(1, 100_000):
        asked = [*params, ("page", str(number)), ("pageSize", size), ("includeTotal", "true")]
        reply = client.read(module, path, asked, entity=path, reference=f"page {number}", check=_decoded)
        page = _decoded(reply)
        rows += [msgspec.json.decode(raw, type=kind) for raw in page.data]
        total = page.total_count if number == 1 else total
        if not page.has_more:
            return rows, total
    raise _fault(client, path, "more than 100,000 pages")


def _decoded(reply: Any) -> _Page:
    return msgspec.json.decode(reply.content, type=_Page)


def _fault(client: ServiceTitan, entity: str, what: str) -> BadAnswer:
    return BadAnswer(what, connection=client.connection, entity=entity, cure="run it again")
