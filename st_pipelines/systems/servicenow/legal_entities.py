"""The legal entities that an instance knows. Invariant: an entity that is not shown does not exist for mapping."""

import pyarrow as pa

from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.standing_records import every
from st_pipelines.systems.servicenow.values import flag

SCHEMA = pa.schema([("code", pa.string()), ("description", pa.string()), ("is_active", pa.bool_())])


def read_legal_entities(instance: Instance) -> pa.Table:
    """Raises ``Untrusted`` where some may not be read."""
    rows = [
        {"code": one["code"], "description": one["name"], "is_active": flag(one["active"])}
        for one in every(instance, "legal_entities") if one["code"]
    ]  # fmt: skip
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["code"])), SCHEMA)
