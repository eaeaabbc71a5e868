"""Does the instance send out what was imported? Invariant: a fault is claimed only where a row shows it: its own
subflows put a record that carries our ERP source and an ERP number into an outbound staging table.

Such a row is what an ERP integrator would load into QAD as a new order. The tables' columns are not published, their
labels are, so they are looked up by label.
"""

from collections.abc import Iterator

from st_pipelines.systems.http.check import Check
from st_pipelines.systems.servicenow.dictionary import MetadataHidden
from st_pipelines.systems.servicenow.needs import Needs
from st_pipelines.systems.servicenow.probes import look
from st_pipelines.systems.servicenow.profile import Profile
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.query import Columns, all_of, equals, is_not_empty
from st_pipelines.systems.servicenow.values import stored

_SOURCE, _NUMBER = "erp source", "erp number"


def checks(proof: Proof, profile: Profile, needs: Needs) -> Iterator[Check]:
    for name, table in profile.onboarding.echoes.items():
        if name in needs.stages and profile.erp_source:
            yield _echo(proof, profile.erp_source, name, table)


def _echo(proof: Proof, source: str, name: str, table: str) -> Check:
    where = f"echo {name}"
    try:
        info = proof.dictionary.table(table)
    except MetadataHidden as hidden:
        return Check(where, None, hidden.what, hidden.cure)
    if info is None:
        return Check(where, True, f"there is no table {table}")
    labels = {column.label.casefold(): column.name for column in info.columns.values()}
    if _SOURCE not in labels or _NUMBER not in labels:
        return Check(where, None, f"{table} has no columns labelled ERP source and ERP number",
                     f"name the outbound table of {name} in the profile (onboarding.echoes)")  # fmt: skip
    columns = Columns(table, [labels[_SOURCE], labels[_NUMBER]])
    asked = all_of(equals(columns[labels[_SOURCE]], source), is_not_empty(columns[labels[_NUMBER]]))
    found = look(proof.client, columns, asked, ["sys_id", labels[_SOURCE], labels[_NUMBER]], limit=1)
    ours = [stored(row.get(labels[_NUMBER])) for row in found.rows if stored(row.get(labels[_SOURCE])) == source]
    if ours:
        count = f"{found.total} rows" if found.total else "rows"
        return Check(where, False, f"{table} holds {count} of what was imported from {source} (such as {ours[0]!r}): "
                     "they would go back as new ones", f"switch off the subflow that fills {table}")  # fmt: skip
    if found.why:
        return Check(where, None, found.why, f"give the integration user the right to read {table}")
    return Check(where, True, table)
