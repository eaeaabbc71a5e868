"""Tax, freight and other charges of bills on their accounts. Invariant: a charge without a row stops the bill."""

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.analysis import judge_pairs
from st_pipelines.mapping.columns import CHARGES
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import constant
from st_pipelines.mapping.header import Header
from st_pipelines.mapping.ledger_lines import LineSet, account_checks, judged_columns, repeated
from st_pipelines.mapping.lookup import RowLookup
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping


class BillCharges:
    """Looks up and reports when made. ``charged``: per charge of ``CHARGES``, which documents have it."""

    def __init__(
        self, unit_ids: pa.Array, header: Header, charged: tuple[Flags, ...], mapping: Mapping, reference: Reference
    ) -> None:
        self._unit_ids = unit_ids
        self._accounts: list[dict[str, pa.Array]] = []
        lookup, size = RowLookup(mapping["charge_accounts"]), len(unit_ids)
        units, unit_rows = header.units.lookup, header.unit_rows
        for charge, has in zip(CHARGES, charged, strict=True):
            texts = {"business_unit_id": unit_ids, "charge": repeated(charge, size)}
            rows = np.where(has, lookup.find(lookup.codes(texts), header.days), -1)
            header.findings.on_documents(has & (rows < 0), "charge.no_row", {"charge": constant(charge)})
            judged = judge_pairs(lookup, rows, units, unit_rows, reference)
            at = lookup.at("gl_account", rows)
            for flags, code, values in account_checks(judged, at, units, unit_rows, unit_ids, has):
                header.findings.on_documents(flags, code, values)
            self._accounts.append(judged_columns(judged))

    def lines(self, minor: tuple[Ints, ...]) -> list[LineSet]:
        """One line for each document and charge that is not zero, in the order of ``CHARGES``."""
        sets = []
        for charge, amounts, columns in zip(CHARGES, minor, self._accounts, strict=True):
            size = len(amounts)
            described = columns | {
                "business_unit": self._unit_ids,
                "description": repeated(f"Purchase {charge}" if charge == "tax" else charge.capitalize(), size),
            }
            sets.append(LineSet(np.arange(size), repeated(charge, size), amounts, described).of(amounts != 0))
        return sets
