"""Codes that a table row gives for the target (tax codes, credit terms), checked against the live reference.

Invariant: a code that the target does not have, or has retired, never leaves mapping.
"""

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, Findings
from st_pipelines.mapping.intake import is_blank
from st_pipelines.mapping.ledger_lines import Check, repeated
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.reference import Codes, Reference
from st_pipelines.mapping.tables import Mapping


def code_checks(lookup: RowLookup, column: str, rows: Ints, codes: Codes) -> list[Check]:
    """``<column>.unknown`` and ``<column>.inactive`` for the rows that were found."""
    states = [codes.get(code) for code in lookup.table.values(column)] + [True]
    unknown = np.array([state is None for state in states], dtype=np.bool_)
    inactive = np.array([state is False for state in states], dtype=np.bool_)
    values: Columns = {
        column: lambda places: lookup.take(column, rows[places]),
        f"{column}_at": lambda places: lookup.at(column, rows[places]),
    }
    return [(unknown[rows], f"{column}.unknown", values), (inactive[rows], f"{column}.inactive", values)]


class Terms:
    """The ``terms`` table for one role. Blank terms stay blank: the target then applies the party's own."""

    def __init__(self, role: str, mapping: Mapping, reference: Reference) -> None:
        self._role, self._codes = role, reference.credit_terms
        self._lookup = RowLookup(mapping["terms"])

    def map(self, names: pa.Array, days: Ints, findings: Findings) -> pa.Array:
        """Credit terms of the target, blank where none were named or found; reports the rest."""
        codes = self._lookup.codes({"role": repeated(self._role, len(names)), "name": names})
        rows = self._lookup.find(codes, days)
        named: Flags = ~is_blank(names)
        findings.on_documents(
            named & (rows < 0), "terms.no_row", {"role": repeated(self._role, len(names)), "terms": names}
        )
        for flags, code, values in code_checks(self._lookup, "credit_terms", rows, self._codes):
            findings.on_documents(flags, code, values)
        return self._lookup.take("credit_terms", rows)
