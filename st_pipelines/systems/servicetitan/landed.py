"""What a reading left in the store, and whether reading the same days again would leave just that.

Invariant: days are taken as they stand only where the source was asked everything again that decides about them, every
answer was the same to the byte, and all that their manifests name is there and durable.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from st_pipelines.store.code import code_digest
from st_pipelines.store.files import Store
from st_pipelines.store.manifest import Manifest
from st_pipelines.store.pages import DamagedPage
from st_pipelines.systems.servicetitan.entities import Entity
from st_pipelines.systems.servicetitan.pages import Day, PageReader, instant_text
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.transcript import Asked, Transcript, Written
from st_pipelines.systems.servicetitan.walk import in_order

LAYER = "source"


@dataclass(frozen=True)
class Extracted:
    """``digest`` covers the typed content. ``max_modified_on`` as received, and the id beside it, of the window's last
    record (X3); empty for an empty window. ``missing``: ids that were asked for and do not exist."""

    pages: int
    records: int
    unreadable: int
    digest: str
    max_modified_on: str
    max_id: str
    seconds: float
    missing: tuple[int, ...] = ()


class Landed:
    """Some days of one entity, read together. ``readers`` by entity: that of the days and those that wake it."""

    def __init__(
        self, client: ServiceTitan, store: Store, integration: str, entity: Entity, days: Sequence[Day],
        readers: Mapping[str, PageReader], transcript: Transcript,
    ) -> None:  # fmt: skip
        self._client, self._store, self._days = client, store, days
        self._integration, self._entity, self._readers = integration, entity, readers
        self._transcript = transcript

    def as_before(self) -> dict[str, Extracted] | None:
        """The days as they stand, by key; ``None`` where they must be read. Raises ``SystemFault``."""
        began = time.monotonic()
        standing: dict[str, Manifest] = {}
        for day in self._days:
            found = self._store.standing(self._integration, LAYER, self._entity.name, day.key)
            if found is None:
                return None
            standing[day.key] = found
        named = {found.facts.get("transcript", "") for found in standing.values()}
        before = self._written(named.pop()) if len(named) == 1 else None
        if before is None or before.inputs != self._inputs() or not self._answered_as(before.asked):
            return None
        self._store.sync_pages()
        seconds = (time.monotonic() - began) / len(self._days)
        return {key: _extracted(found, seconds) for key, found in standing.items()}

    def remembered(self) -> dict[str, Any]:
        """For the facts of each day's manifest, once the reading is complete: the stored transcript's name."""
        asked = self._transcript.asked
        if not asked or any(one.entity not in self._readers for one in asked):
            return {}
        content = msgspec.json.encode(Written(self._inputs(), list(asked)))
        return {"transcript": self._store.write_page(self._integration, *self._place, content)}

    @property
    def _place(self) -> tuple[str, str]:
        return f"{self._entity.name}_transcript", self._days[0].key

    def _written(self, sha256: str) -> Written | None:
        if not sha256:
            return None
        try:
            return msgspec.json.decode(self._store.page(self._integration, *self._place, sha256), type=Written)
        except (FileNotFoundError, DamagedPage, msgspec.MsgspecError):
            return None  # it saves work and proves nothing: without it the days are read

    def _answered_as(self, asked: Sequence[Asked]) -> bool:
        def again(one: Asked) -> bool:
            return self._readers[one.entity].again(one) == one.sha256

        jobs = ((lambda one=one: again(one)) for one in asked)
        return all(in_order(jobs, self._client.reading.look_ahead))

    def _inputs(self) -> str:
        """Everything but the answers: a changed rule of ours reads again, whatever the source says."""
        given = [
            [day.key, instant_text(day.window.start), instant_text(day.window.end), sorted(day.referenced)]
            for day in self._days
        ]
        reading = self._client.reading
        parts = [code_digest(), self._client.tenant, self._entity.name, given, reading.page_size, reading.span_records]
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def facts(extracted: Extracted) -> dict[str, Any]:
    """What a manifest remembers of a reading, beside tables and pages."""
    return {
        "records": extracted.records, "unreadable": extracted.unreadable, "missing_ids": list(extracted.missing),
        "last": [extracted.max_modified_on, extracted.max_id],
    }  # fmt: skip


def _extracted(found: Manifest, seconds: float) -> Extracted:
    known = found.facts
    last, identity = known["last"]
    return Extracted(
        len(found.pages), known["records"], known["unreadable"], found.digest, last, identity, seconds,
        tuple(known["missing_ids"]),
    )  # fmt: skip
