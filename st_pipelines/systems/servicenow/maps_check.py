"""Staging tables and their transform maps. Invariant: a map that does not coalesce on the key is named, because each
row would then make another record.
"""

from collections.abc import Iterator

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.probes import look
from st_pipelines.systems.servicenow.profile import Profile, ProfileFault, Staging
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import Columns, all_of, equals
from st_pipelines.systems.servicenow.values import stored

_MAPS, _ENTRIES = Columns("sys_transform_map", ["source_table"]), Columns("sys_transform_entry", ["map"])
_MULTIPLE, _SOURCE = "sys_rest_insert_multiple", "source table"  # its columns are not published; the label is assumed


def staging(proof: Proof, profile: Profile, name: str) -> Iterator[Check]:
    """Columns, the active map that reaches the target, what it coalesces on, and how many rows at once are taken."""
    where = f"staging {name}"
    try:
        table = profile.into(name)
    except ProfileFault as fault:
        yield Check(where, False, str(fault), "add it to the profile")
        return
    try:
        info = proof.dictionary.table(table.table)
    except MetadataHidden as hidden:
        yield Check(where, None, hidden.what, hidden.cure)
    else:
        if info is None:
            yield Check(where, False, f"there is no table {table.table}",
                        "install and license its application, or correct the profile")  # fmt: skip
            return
        labels = {column.label.casefold(): column.name for column in info.columns.values()}
        missing = [(ours, column) for ours, column in table.columns.items() if column not in info.columns]
        for ours, column in missing:
            guess = " (an assumed name)" if ours in table.assumed else ""
            near = labels.get(ours.replace("_", " ").casefold(), "")
            hint = f"; {near} has that label" if near else ""
            yield Check(where, False if info.whole else None,
                        f"{table.table} has no {column}{guess}, which is our {ours}{hint}: what is sent in it would "
                        "be lost silently", "correct the column in the profile")  # fmt: skip
        if not missing:
            yield Check(where, True, table.table)
    yield _map(proof, profile, name, table)
    if table.insert_multiple == "names":
        yield _multiple(proof, name, table)


def _map(proof: Proof, profile: Profile, name: str, table: Staging) -> Check:
    where, target = f"transform map {name}", profile.table(table.lands_in).table
    found = look(proof.client, _MAPS, all_of(equals(_MAPS["source_table"], table.table)),
                 ["sys_id", "source_table", "target_table", "active"])  # fmt: skip
    if found.why:
        return Check(where, None, found.why, "give the integration user the right to read sys_transform_map")
    maps = [row for row in found.rows if stored(row.get("target_table")) == target
            and stored(row.get("active")) != "false"]  # fmt: skip
    if not maps:
        return Check(where, False, f"no active transform map leads from {table.table} to {target}",
                     "activate the map, or correct lands_in in the profile")  # fmt: skip
    entries = look(proof.client, _ENTRIES, all_of(equals(_ENTRIES["map"], stored(maps[0].get("sys_id")))),
                   ["map", "source_field", "target_field", "coalesce"])  # fmt: skip
    if entries.why or not entries.rows:
        why = entries.why or "sys_transform_entry shows no field of the map"
        return Check(where, None, why, "give the integration user the right to read sys_transform_entry")
    coalesced = {field for row in entries.rows if stored(row.get("coalesce")) == "true"
                 for field in stored(row.get("source_field")).split(",")}  # fmt: skip
    keys = {table.column(key) for key in table.key}
    if keys & coalesced and not keys <= coalesced:
        left = ", ".join(sorted(keys - coalesced))
        return Check(where, None, f"the map of {table.table} does not coalesce on {left} as well",
                     "see that no two records share what it coalesces on")  # fmt: skip
    if not keys & coalesced:
        return Check(where, False, f"the map of {table.table} does not coalesce on {', '.join(sorted(keys))}: each "
                     "row would make another record", "let the map coalesce on the key")  # fmt: skip
    return Check(where, True, f"coalesces on {', '.join(sorted(coalesced))}")


def _multiple(proof: Proof, name: str, table: Staging) -> Check:
    """Without a record there the instance takes column labels: names would be unknown to it and lost silently."""
    where = f"insertMultiple {name}"
    cure = (
        f"make a record of {_MULTIPLE} for {table.table} with column mapping «Column name», or set insert_multiple off"
    )
    try:
        info = proof.dictionary.table(_MULTIPLE)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    column = next((one.name for one in info.columns.values() if one.label.casefold() == _SOURCE), "") if info else ""
    if not column:
        return Check(where, None, f"whether {table.table} takes column names cannot be told", cure)
    columns = Columns(_MULTIPLE, [column])
    found = look(proof.client, columns, all_of(equals(columns[column], table.table)), ["sys_id", column], limit=1)
    if found.why:
        return Check(where, None, found.why, f"give the integration user the right to read {_MULTIPLE}")
    if not any(stored(row.get(column)) == table.table for row in found.rows):
        return Check(where, False, f"{table.table} takes column labels, and column names are sent", cure)
    return Check(where, True, table.table)
