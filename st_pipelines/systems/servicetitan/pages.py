"""Asks for one page: stores it raw, then decodes it. Invariant: nothing is decoded that is not stored (X9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from st_pipelines.store.files import Store
from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicetitan.columns import Shape, tables
from st_pipelines.systems.servicetitan.decode import BrokenPage, Page, decode_page, to_tables
from st_pipelines.systems.servicetitan.entities import Entity, Ids
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.transcript import Asked, Transcript

Params = list[tuple[str, str]]


class Drift(Exception):
    """The rows moved while their pages were read: what was read is thrown away and read again (X5)."""


class Unsorted(Drift):
    """The list did not come in the order asked for (known of some lists): it is read again without relying on it."""


class SourceKeepsMoving(BadAnswer):
    """A window whose rows moved during every attempt to read it."""


class FilterIgnored(BadAnswer):
    """The answer holds what was not asked for: the server did not honour the filter."""


@dataclass(frozen=True)
class Window:
    """Instants of modification [start, end)."""

    start: datetime
    end: datetime

    def params(self) -> Params:
        # A date without a time would be ignored and everything would come back.
        return [("modifiedOnOrAfter", instant_text(self.start)), ("modifiedBefore", instant_text(self.end))]


@dataclass(frozen=True)
class Day:
    """One partition. ``window`` begins before the day by the overlap; ``referenced``: ids wanted whatever their age."""

    key: str
    window: Window
    referenced: frozenset[int]


@dataclass(frozen=True)
class Request:
    """``reference`` names it in errors."""

    path: str
    params: Params
    reference: str


@dataclass(frozen=True)
class Fetched:
    """A page that is stored, as received."""

    request: Request
    sha256: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Read:
    """One page as read. ``page.records`` are the rows of ``tables``; ``ids`` also of those that are unreadable."""

    sha256: str
    page: Page
    tables: dict[str, pa.Table]
    ids: Sequence[int]

    @property
    def rows(self) -> int:
        return len(self.page.records) + len(self.page.unreadable)

    def reduced(self, shape: Shape, kept: Mapping[int, int]) -> "Read":
        """Of each id only so many records as ``kept`` says, the first ones; what is unreadable stays."""
        left, records = dict(kept), []
        for record in self.page.records:
            if left.get(record.id, 0) > 0:
                left[record.id] -= 1
                records.append(record)
        page = replace(self.page, records=records)
        return Read(self.sha256, page, tables(shape, records), identities(page))


class PageReader:
    """Reads pages of one partition of one entity. Thread-safe. ``ordered``: ids are trusted to ascend."""

    def __init__(
        self, client: ServiceTitan, store: Store, integration: str, entity: Entity, partition: str, shape: Shape,
        transcript: Transcript,
    ) -> None:  # fmt: skip
        self.client, self.entity, self.shape = client, entity, shape
        self.ordered = entity.sorted_by_id
        self._place = (store, integration, entity.name, partition)
        self.transcript = transcript

    def asked_by(self, ids: Ids) -> "PageReader":
        """The same list, asked for records in another way."""
        store, integration, _, partition = self._place
        return PageReader(
            self.client, store, integration, replace(self.entity, ids=ids), partition, self.shape, self.transcript
        )

    def page(self, number: int, size: int, params: Params, *, with_total: bool = False) -> Read:
        """One page of the list. Raises ``SystemFault``."""
        return self.decoded(self.fetch(number, size, params, with_total=with_total))

    def fetch(self, number: int, size: int, params: Params, *, with_total: bool = False) -> Fetched:
        """One page of the list, stored and not decoded: for threads that run ahead."""
        asked = [*self.entity.filters, *params]
        if self.entity.sorted_by_id:
            asked.append(("sort", "+Id"))
        asked += [("page", str(number)), ("pageSize", str(size))]
        if with_total:
            asked.append(("includeTotal", "true"))
        return self._fetch(Request(self.entity.path, asked, f"page {number}"), None)

    def feed(self, token: str) -> Read:
        """One page of the entity's export feed."""
        asked = [("from", token), ("includeRecentChanges", "true")]
        return self.decoded(self._fetch(Request(self.entity.feed, asked, f"from {token[:24]}"), None))

    def again(self, asked: Asked) -> str:
        """Asks once more what was asked before; gives the digest of the stored answer."""
        return self._fetch(Request(asked.path, [*asked.params], asked.reference), None).sha256

    def decoded(self, fetched: Fetched) -> Read:
        """What a stored page holds. One that is no page at all is asked for again, like a lost answer."""
        try:
            page = decode_page(self.entity, fetched.content)
        except BrokenPage:
            fetched = self._fetch(fetched.request, lambda reply: decode_page(self.entity, reply.content))
            page = decode_page(self.entity, fetched.content)
        made, page = to_tables(self.shape, page)
        return Read(fetched.sha256, page, made, identities(page))

    def _fetch(self, request: Request, check: Callable[[Reply], object] | None) -> Fetched:
        store, integration, entity, partition = self._place
        stored: list[str] = []

        def keep(reply: Reply) -> None:
            stored.append(store.write_page(integration, entity, partition, reply.content))
            if check is not None:
                check(reply)

        reply = self.client.read(
            self.entity.module, request.path, request.params, entity=entity, reference=request.reference, check=keep
        )
        self.transcript.note(Asked(entity, request.path, request.params, request.reference, stored[-1]))
        return Fetched(request, stored[-1], reply.content)

    def fault(self, kind: type[BadAnswer], what: str, cure: str) -> BadAnswer:
        return kind(what, connection=self.client.connection, entity=self.entity.name, cure=cure)


def identities(page: Page) -> list[int]:
    """The ids of a page in its own order, also of what is unreadable where that has one."""
    ids = [record.id for record in page.records]
    for one in sorted(page.unreadable, key=lambda one: one.position):
        ids.insert(one.position, one.id)
    return [one for one in ids if one is not None]


def instant_text(instant: datetime) -> str:
    """``2026-10-01T05:00:00Z``, with microseconds where there are any. A naive datetime is refused (T1)."""
    if instant.tzinfo is None:
        raise ValueError(f"an instant without a zone: {instant}")
    utc = instant.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S") + (f".{utc.microsecond:06d}" if utc.microsecond else "") + "Z"


def day_before(instant: datetime) -> str:
    """A calendar date that lies before the instant in every time zone of the world."""
    return (instant.astimezone(UTC) - timedelta(days=1)).date().isoformat()


def values(table: pa.Table, column: str) -> list[Any]:
    found: list[Any] = table[column].to_pylist()
    return found
