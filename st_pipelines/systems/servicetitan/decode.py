"""Decodes one page. Invariant: whatever it holds comes out as a record or as an unreadable with its reason; no page
is lost to one bad record (X9).

The whole page is decoded at once. Only if that fails is it taken apart record by record, and only then are amounts
accepted in the form that the published document does not name (a number for a text): the value is the same, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from st_pipelines.documents.frames import INSTANT
from st_pipelines.systems.http.exact_json import MalformedJson
from st_pipelines.systems.http.exact_json import decode as exact_json
from st_pipelines.systems.servicetitan.columns import Shape, UnfitValue, exact_instants, shape, tables
from st_pipelines.systems.servicetitan.entities import Entity
from st_pipelines.systems.servicetitan.fields import fields
from st_pipelines.systems.servicetitan.models import Record

UNREADABLE = pa.schema(
    [("id", pa.int64()), ("modified_on", pa.string()), ("modified_at", INSTANT), ("error", pa.string()),
     ("page_sha256", pa.string()), ("position", pa.int64())]
)  # fmt: skip


class BrokenPage(ValueError):
    """The answer is not a page: not JSON, or not the published envelope. Reading it again may help."""


@dataclass(frozen=True)
class Unreadable:
    """``id`` where the record has one; ``modified_on`` as received; ``position`` from 0 within the page."""

    id: int | None
    modified_on: str | None
    error: str
    position: int


@dataclass(frozen=True)
class Page:
    """``page_size``: what the server really used. ``total``: only where asked for."""

    records: Sequence[Any]
    has_more: bool
    page_size: int
    total: int | None
    unreadable: list[Unreadable] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.records) + len(self.unreadable)


def decode_page(entity: Entity, content: bytes) -> Page:
    """A page of the list envelope. Raises ``BrokenPage``."""
    try:
        envelope = _decoder(entity.model).decode(content)
    except msgspec.MsgspecError:
        return _one_by_one(entity, content)
    return Page(envelope.data, envelope.has_more, envelope.page_size, envelope.total_count)


def to_tables(entity: Entity, page: Page) -> dict[str, pa.Table]:
    """The typed tables of a page's records. A record whose values do not fit joins ``page.unreadable``."""
    return _fit(shape_of(entity.name, entity), page, list(page.records))


@cache
def _shape(name: str, model: type[Record], children: tuple[tuple[str, str], ...]) -> Shape:
    return shape(name, model, dict(children))


def shape_of(name: str, entity: Entity) -> Shape:
    return _shape(name, entity.model, tuple(entity.children.items()))


def unreadable_table(found: Sequence[Unreadable], page_sha256: str, otherwise: Any) -> pa.Table:
    """``otherwise``: the instant to file a record under that does not say when it was modified."""
    rows = [
        {"id": one.id, "modified_on": one.modified_on, "modified_at": _instant(one.modified_on) or otherwise,
         "error": one.error, "page_sha256": page_sha256, "position": one.position}
        for one in found
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=UNREADABLE)


def _fit(of: Shape, page: Page, records: list[Any]) -> dict[str, pa.Table]:
    """Halves the records until the unfit ones stand alone."""
    try:
        return tables(of, records)
    except UnfitValue as error:
        if len(records) > 1:
            middle = len(records) // 2
            parts = (_fit(of, page, records[:middle]), _fit(of, page, records[middle:]))
            return {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
        position = next(i for i, record in enumerate(page.records) if record is records[0])
        page.unreadable.append(
            Unreadable(records[0].id, getattr(records[0], "modified_on", None), str(error), position)
        )
        return tables(of, [])


class _Envelope(msgspec.Struct, rename="camel"):
    page_size: int
    has_more: bool
    total_count: int | None = None


@cache
def _decoder(model: type[Record]) -> msgspec.json.Decoder[Any]:
    data: Any = list[model]  # type: ignore[valid-type]
    envelope = msgspec.defstruct(f"{model.__name__}Page", [("data", data)], bases=(_Envelope,), kw_only=True)
    return msgspec.json.Decoder(envelope)


def _one_by_one(entity: Entity, content: bytes) -> Page:
    try:
        answer = exact_json(content)
        envelope = msgspec.convert(answer, _Envelope)
        data = answer["data"]
        if not isinstance(data, list):
            raise TypeError("data is not an array")
    except (MalformedJson, msgspec.ValidationError, KeyError, TypeError) as error:
        raise BrokenPage(f"{entity.name}: the answer is not a page of records ({error})") from error
    page = Page([], envelope.has_more, envelope.page_size, envelope.total_count)
    records = []
    for position, value in enumerate(data):
        try:
            records.append(msgspec.convert(_amounts_as_published(entity.model, value), entity.model))
        except (msgspec.ValidationError, OverflowError) as error:
            page.unreadable.append(Unreadable(_id(value), _modified_on(value), str(error), position))
    return Page(records, page.has_more, page.page_size, page.total, page.unreadable)


def _amounts_as_published(model: type[msgspec.Struct], value: Any) -> Any:
    """Where the document says text and a number came, its exact text. Everything else stays."""
    if not isinstance(value, dict):
        return value
    mended = dict(value)
    for known in fields(model):
        found = value.get(known.published)
        if known.kind == "text_amount" and isinstance(found, Decimal | int) and not isinstance(found, bool):
            mended[known.published] = format(found, "f") if abs(Decimal(found).adjusted()) < 40 else str(found)
        elif known.kind == "object" and known.model is not None:
            mended[known.published] = _amounts_as_published(known.model, found)
        elif known.kind == "list" and known.model is not None and isinstance(found, list):
            mended[known.published] = [_amounts_as_published(known.model, one) for one in found]
    return {name: mended[name] for name in value}


def _id(value: Any) -> int | None:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 2**63 else None


def _modified_on(value: Any) -> str | None:
    found = (value.get("modifiedOn") or value.get("createdOn")) if isinstance(value, dict) else None
    return found if isinstance(found, str) and found.isascii() else None


def _instant(text: str | None) -> Any:
    try:
        return pa.array(exact_instants(pa.array([text], pa.string()), "modifiedOn").cast(INSTANT, safe=False))[
            0
        ].as_py()
    except UnfitValue:
        return None
