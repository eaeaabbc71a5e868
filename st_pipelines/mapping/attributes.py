"""Codes of the target that depend on the role and type of a party. Invariant: a party type that no row speaks of stops
the party, once the table speaks of its role at all."""

import numpy as np
import pyarrow as pa

from st_pipelines.documents.frames import PARTY
from st_pipelines.mapping.effective import Ints
from st_pipelines.mapping.findings import Findings
from st_pipelines.mapping.ledger_lines import repeated
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.tables import MappingTable


def party_attributes(table: MappingTable, role: str, party_types: pa.Array, days: Ints, findings: Findings) -> pa.Array:
    """One map of attribute to value for each party: the row of its own type before the row of any type."""
    lookup = RowLookup(table)
    names = sorted({row["attribute"] for row in table.rows if row["role"] == role})
    size = len(party_types)
    rows = np.full((size, len(names)), -1, dtype=np.int64)
    for place, name in enumerate(names):
        texts = {"role": repeated(role, size), "party_type": party_types, "attribute": repeated(name, size)}
        rows[:, place] = lookup.find(lookup.codes(texts), days)
    found = rows >= 0
    if names:
        findings.on_documents(np.asarray(~found.any(axis=1), dtype=np.bool_), "party_type.no_row")
    offsets = np.concatenate(([0], np.cumsum(found.sum(axis=1)))).astype(np.int32)
    which = np.broadcast_to(np.arange(len(names)), rows.shape)[found]
    return pa.MapArray.from_arrays(
        pa.array(offsets), pa.array(names, pa.string()).take(pa.array(which)), lookup.take("value", rows[found]),
        type=PARTY.field("attributes").type,
    )  # fmt: skip
