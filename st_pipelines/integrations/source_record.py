"""The source's own record of a document, from the raw page that it came in. Invariant: as received, amounts exact; the
page is named by its digest, so that anybody can look at the bytes themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from st_pipelines.integrations.reading import RawRecords
from st_pipelines.integrations.road import Road
from st_pipelines.store.files import NotStored, Store

LAYER = "source"
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


@dataclass(frozen=True)
class SourceRecord:
    """``page``: SHA-256 of the stored page; ``partition``: the partition that names it."""

    entity: str
    partition: str
    page: str
    record: Mapping[str, Any]


def source_record(store: Store, road: Road, integration: str, flow: str, doc_key: str, day: str) -> SourceRecord | None:
    """The newest record with the document's number among what was read of ``day``; None where its pages are no longer
    kept, and for what is no flow's (codes are read whole and keep no pages). ``doc_key``:
    ``<system>:<tenant>:<kind>:<number>[:…]``."""
    reads = next((one.reads for one in road.flows if one.name == flow), ())
    for entity in reads:
        for partition in _partitions(store, integration, entity, day):
            found = _in_partition(store, road.source.raw, integration, entity, partition, doc_key)
            if found is not None:
                return found
    return None


def _partitions(store: Store, integration: str, entity: str, day: str) -> list[str]:
    """The day itself, and what was read one by one on it and on the day after (events), the newest first."""
    try:
        next_day = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
    except ValueError:
        return []
    wanted = lambda key: key[:10] in (day, next_day)  # noqa: E731
    return sorted(store.partitions(integration, LAYER, entity, wanted), reverse=True)


def _in_partition(
    store: Store, raw: RawRecords, integration: str, entity: str, partition: str, doc_key: str
) -> SourceRecord | None:
    try:
        manifest = store.manifest(integration, LAYER, entity, partition)
        ids = () if raw.find else raw.ids(store, integration, partition, doc_key.split(":")[3])
    except NotStored:
        return None
    found = None
    for page in manifest.pages:
        content = store.page(integration, entity, manifest.pages_in or partition, page)
        if raw.find is not None:
            one = raw.find(store, integration, entity, partition, _decode(content), doc_key)
            found = SourceRecord(entity, partition, page, one) if one is not None else found
            continue
        if not any(one.encode() in content for one in ids):
            continue
        answer = _decode(content)
        records = answer.get(raw.records, ()) if isinstance(answer, dict) else ()
        for record in records:
            if isinstance(record, dict) and str(record.get(raw.own_id)) in ids:
                found = SourceRecord(entity, partition, page, record)  # a later page holds the newer reading
    return found
