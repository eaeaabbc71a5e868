"""Asks for one page: stores it raw, then decodes it. Invariant: nothing is decoded that is not stored (X9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from st_pipelines.store.files import Store
from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicetitan.columns import Shape, tables
from st_pipelines.systems.servicetitan.decode import Page, decode_page, to_tables
from st_pipelines.systems.servicetitan.entities import Entity
from st_pipelines.systems.servicetitan.tenant import ServiceTitan

Params = list[tuple[str, str]]


class Drift(Exception):
    """The rows moved while their pages were read: what was read is thrown away and read again (X5)."""


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
class Read:
    """One page as read. ``page.records`` are the rows of ``tables``; ``ids`` are theirs, then the unreadable ones'."""

    sha256: str
    page: Page
    tables: dict[str, pa.Table]
    ids: Sequence[int]

    @property
    def rows(self) -> int:
        return len(self.page.records) + len(self.page.unreadable)

    def reduced(self, shape: Shape, kept: Sequence[int]) -> "Read":
        """Only the records at these places; what is unreadable stays."""
        if len(kept) == len(self.page.records):
            return self
        page = replace(self.page, records=[self.page.records[place] for place in kept])
        return Read(self.sha256, page, tables(shape, page.records), identities(page))


class PageReader:
    """Reads pages of one partition of one entity. Thread-safe."""

    def __init__(
        self, client: ServiceTitan, store: Store, integration: str, entity: Entity, partition: str, shape: Shape
    ) -> None:
        self.client, self.entity, self.shape = client, entity, shape
        self._place = (store, integration, entity.name, partition)

    def page(self, number: int, size: int, params: Params, *, with_total: bool = False) -> Read:
        """One page of the list. Raises ``SystemFault``."""
        asked = [*self.entity.filters, *params]
        if self.entity.sorted_by_id:
            asked.append(("sort", "+Id"))
        asked += [("page", str(number)), ("pageSize", str(size))]
        if with_total:
            asked.append(("includeTotal", "true"))
        return self.ask(self.entity.path, asked, f"page {number}")

    def ask(self, path: str, params: Params, reference: str) -> Read:
        """Any page of this entity's records, from its list or its feed."""
        store, integration, entity, partition = self._place
        found: list[tuple[str, Page]] = []

        def keep_and_decode(reply: Reply) -> None:
            sha256 = store.write_page(integration, entity, partition, reply.content)
            found.append((sha256, decode_page(self.entity, reply.content)))

        self.client.read(self.entity.module, path, params, entity=entity, reference=reference, check=keep_and_decode)
        sha256, page = found[-1]
        made, page = to_tables(self.shape, page)
        return Read(sha256, page, made, identities(page))

    def fault(self, kind: type[BadAnswer], what: str, cure: str) -> BadAnswer:
        return kind(what, connection=self.client.connection, entity=self.entity.name, cure=cure)


def identities(page: Page) -> list[int]:
    return [*(record.id for record in page.records), *(one.id for one in page.unreadable if one.id is not None)]


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
