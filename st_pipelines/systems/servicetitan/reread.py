"""Reads single records again and everything they name. Invariant: what a document refers to is in the same partition,
so that the records of one event are mapped as a whole day would be.

Records are read in the order in which they name each other; a receipt and a location name their order and customer the
other way round, so these two are looked at first.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow.compute as pc

from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.extract import SOURCE, extract_ids
from st_pipelines.systems.servicetitan.landed import Extracted
from st_pipelines.systems.servicetitan.tenant import ServiceTitan

# Entity -> the entity that a record of it belongs to, and the column that names it.
_PARENTS: Mapping[str, tuple[str, str]] = {
    "receipts": ("purchase_orders", "purchase_order_id"),
    "locations": ("customers", "customer_id"),
}


def reread(
    client: ServiceTitan, store: Store, integration: str, partition: str, entities: Sequence[str],
    wanted: Mapping[str, Sequence[int]], feed_since: datetime,
) -> dict[str, Extracted]:  # fmt: skip
    """Fills one partition of layer ``source`` for each of ``entities``, empty where nothing is wanted of it.
    ``wanted``: the records' own ids by entity. Raises ``SystemFault``; run again, it reads all of them again."""
    own = {entity: set(ids) for entity, ids in wanted.items()}
    for entity, (parent, column) in _PARENTS.items():
        if own.get(entity) and parent in entities:
            extract_ids(client, store, integration, entity, partition, sorted(own[entity]), feed_since=feed_since)
            rows = store.read_table(integration, SOURCE, entity, partition, [column])
            own.setdefault(parent, set()).update(pc.unique(rows[column]).drop_null().to_pylist())
    read: dict[str, Extracted] = {}
    for entity in (name for name in DAILY if name in entities):
        named = own.get("purchase_orders", set()) if entity == "receipts" else set[int]()
        for naming in DAILY[entity].named_by:
            if naming.entity in read:
                rows = store.read_table(integration, SOURCE, naming.table, partition, [naming.column])
                named = named | set(pc.unique(rows[naming.column]).drop_null().to_pylist())
        read[entity] = extract_ids(
            client, store, integration, entity, partition, sorted(own.get(entity, ())), named=sorted(named),
            feed_since=feed_since,
        )  # fmt: skip
    return read
