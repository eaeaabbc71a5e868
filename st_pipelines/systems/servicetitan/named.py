"""Ids that one day's records name of other entities. Invariant: what a document refers to is read whenever it was last
modified, so that no document waits for a master that nobody fetched."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.systems.servicetitan.entities import DAILY


def naming_columns(entity: str) -> dict[str, list[str]]:
    """The columns, by table, that ``named_ids`` looks at."""
    columns: dict[str, list[str]] = {}
    for naming in DAILY[entity].named_by:
        columns.setdefault(naming.table, []).append(naming.column)
    return columns


def named_ids(entity: str, tables: Mapping[str, pa.Table]) -> list[int]:
    """Distinct ids, ascending, for ``extract_day(..., referenced_ids=)``. ``tables``: those of the entities that
    ``entities.DAILY[entity].named_by`` lists. For receipts the ids are of purchase orders, for contacts and locations
    of customers: the ids that these lists can be asked by."""
    columns = [tables[naming.table][naming.column].cast(pa.int64()) for naming in DAILY[entity].named_by]
    if not columns:
        return []
    together = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.int64())
    found: list[int] = pc.unique(together.drop_null()).sort().to_pylist()
    return found
