"""ServiceNow's codes as tables for the reference assets. Invariant: complete lists, each code once.

Every table has ``code``, ``description``, ``is_active``; a retired code is there and inactive, not absent.
"""

from datetime import UTC, date, datetime
from itertools import pairwise

import pyarrow as pa

from st_pipelines.systems.servicenow.answers import Untrusted
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.fields import Fields
from st_pipelines.systems.servicenow.procurement import Entity
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.proof import Proof

# Our name of the reference table to the columns of the profile that give code and description.
ENTITIES = {"cost_centers": ("code", "name"), "gl_accounts": ("number", "name"), "suppliers": ("number", "name")}
SCHEMA = pa.schema({"code": pa.string(), "description": pa.string(), "is_active": pa.bool_(), "sys_id": pa.string()})


def read_reference(client: ServiceNow, profile: Profile, entity: str, *, today: date | None = None) -> pa.Table:
    """One of ``ENTITIES`` as a table. Raises ``Untrusted`` for a code that two records have or a record that cannot be
    read; never gives half a list."""
    if entity not in ENTITIES:
        raise ValueError(f"ServiceNow has no reference {entity!r}; known: {', '.join(ENTITIES)}")
    code, name = ENTITIES[entity]
    day = today or datetime.now(UTC).date()

    def row(fields: Fields) -> dict[str, object]:
        return {"code": fields.text(code, needed=True), "description": fields.text(name),
                "is_active": _is_active(fields, day), "sys_id": fields.sys_id}  # fmt: skip

    kind: Entity[dict[str, object]] = Entity(Proof(client), profile, entity, row)
    found: dict[str, dict[str, object]] = {}
    for batch in kind.whole():
        if batch.unreadable:
            raise client.fault(Untrusted, str(batch.unreadable[0]), kind.table.table,
                               cure="correct the record, or grant the integration user the column")  # fmt: skip
        for made in batch.records:
            found[str(made["sys_id"])] = made  # of a record that came twice, the later one
    rows = sorted(found.values(), key=lambda made: (str(made["code"]), str(made["sys_id"])))
    doubled = next((str(one["code"]) for one, other in pairwise(rows) if one["code"] == other["code"]), None)
    if doubled is not None:
        raise client.fault(Untrusted, f"two records have the code {doubled!r}", kind.table.table,
                           cure="give one of them another code, or retire it under another code")  # fmt: skip
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _is_active(fields: Fields, day: date) -> bool:
    """By the flag that the profile names (``active``, or ``inactive``), and by the days of validity."""
    if fields.has("inactive") and fields.flag("inactive"):
        return False
    begins, ends = fields.optional_day("valid_from"), fields.optional_day("valid_to")
    return fields.flag("active") and (begins is None or begins <= day) and (ends is None or day <= ends)
