"""The legal entities that an instance knows, and whether what an integration sends has a place there. Invariant: an
entity that is not shown does not exist for mapping."""

from collections.abc import Sequence

import pyarrow as pa

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.http.errors import SystemFault
from st_pipelines.systems.servicenow.profile import ProfileFault
from st_pipelines.systems.servicenow.side import Instance
from st_pipelines.systems.servicenow.staging_rows import ENTITY
from st_pipelines.systems.servicenow.standing_records import columns_of, every
from st_pipelines.systems.servicenow.values import flag

SCHEMA = pa.schema([("code", pa.string()), ("description", pa.string()), ("is_active", pa.bool_())])


def read_legal_entities(instance: Instance) -> pa.Table:
    """Raises ``Untrusted`` where some may not be read."""
    rows = [
        {"code": one["code"], "description": one["name"], "is_active": flag(one["active"])}
        for one in every(instance, "legal_entities") if one["code"]
    ]  # fmt: skip
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["code"])), SCHEMA)


def faults(instance: Instance, companies: Sequence[str]) -> list[str]:
    """What stands in the way, each with what to do; asks for every table and column that is written or read back."""
    found = []
    try:
        for company in companies:
            instance.check(company)
        for entity in ENTITY.values():
            staging = instance.profile.into(entity)
            lands_in = instance.profile.table(staging.lands_in)
            own = [column for column in columns_of(instance, entity).values() if "." not in column]
            for table, columns in ((staging.table, list(staging.columns.values())), (lands_in.table, own)):
                try:
                    instance.proof.columns(table, columns)
                except SystemFault as fault:
                    found.append(str(fault))
    except (WrongCompany, ProfileFault) as error:
        found.append(str(error))
    return found
