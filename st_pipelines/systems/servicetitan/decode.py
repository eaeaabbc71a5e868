"""Decodes one page. Invariant: whatever it holds comes out as a record or as an unreadable with its reason; no page
is lost to one bad record (X9).

The whole page is decoded at once. Only if that fails is it taken apart record by record, and only then are amounts
accepted in the form that the published document does not name (a number for a text): the value is the same, exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from st_pipelines.systems.servicetitan.record import Record

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
    """``page_size``: what the server really used. ``total``: only where asked for. ``token``: of feeds only."""

    records: Sequence[Any]
    has_more: bool
    page_size: int
    total: int | None
    token: str = ""
    unreadable: Sequence[Unreadable] = ()


def decode_page(entity: Entity, content: bytes) -> Page:
    """A page of the list envelope. Raises ``BrokenPage``."""
    try:
        envelope = _decoder(entity.model).decode(content)
    except msgspec.MsgspecError:
        return _one_by_one(entity, content)
    return Page(envelope.data, envelope.has_more, envelope.page_size, envelope.total_count, envelope.continue_from)


def to_tables(of: Shape, page: Page) -> tuple[dict[str, pa.Table], Page]:
    """The typed tables of a page's records, and the page without those whose values do not fit: these are now among
    its ``unreadable``."""
    try:
        return tables(of, page.records), page
    except UnfitValue:
        unfit = dict(_unfit(of, page.records, 0))
    fit = [record for place, record in enumerate(page.records) if place not in unfit]
    taken = {one.position for one in page.unreadable}
    positions = [place for place in range(len(page.records) + len(taken)) if place not in taken]
    broken = [
        Unreadable(page.records[place].id, getattr(page.records[place], "modified_on", None), error, positions[place])
        for place, error in unfit.items()
    ]
    return tables(of, fit), replace(page, records=fit, unreadable=[*page.unreadable, *broken])


@cache
def _shape(name: str, model: type[Record], children: tuple[tuple[str, str], ...]) -> Shape:
    return shape(name, model, dict(children))


def shape_of(name: str, entity: Entity) -> Shape:
    return _shape(name, entity.model, tuple(entity.children.items()))


def unreadable_table(found: Sequence[Unreadable], page_sha256: str) -> pa.Table:
    """``modified_at`` is null where a record does not say when it was modified."""
    rows = [
        {"id": one.id, "modified_on": one.modified_on, "modified_at": _instant(one.modified_on),
         "error": one.error, "page_sha256": page_sha256, "position": one.position}
        for one in found
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=UNREADABLE)


def _unfit(of: Shape, records: Sequence[Any], first: int) -> Iterator[tuple[int, str]]:
    """Place and reason of each record that does not fit, found by halving."""
    try:
        tables(of, records)
    except UnfitValue as error:
        if len(records) == 1:
            yield first, str(error)
            return
        middle = len(records) // 2
        yield from _unfit(of, records[:middle], first)
        yield from _unfit(of, records[middle:], first + middle)


class _Envelope(msgspec.Struct, rename="camel", kw_only=True):
    """Of lists and of export feeds: the former have a page size, the latter ``continueFrom``."""

    has_more: bool
    page_size: int = 0
    total_count: int | None = None
    continue_from: str = ""


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
    records: list[Any] = []
    unreadable = []
    for position, value in enumerate(data):
        try:
            records.append(msgspec.convert(_amounts_as_published(entity.model, value), entity.model))
        except (msgspec.ValidationError, OverflowError) as error:
            unreadable.append(Unreadable(_id(value), _modified_on(value), str(error), position))
    return Page(
        records, envelope.has_more, envelope.page_size, envelope.total_count, envelope.continue_from, unreadable
    )


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
