"""Sales tax of invoices: the tax zone gives the target's tax code and the liability account. Invariant: tax without a
mapped zone stops the document; a named zone must be mapped even where its tax is zero."""

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.analysis import judge_pairs
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.header import Header
from st_pipelines.mapping.intake import Intake
from st_pipelines.mapping.ledger_lines import LineSet, account_checks, judged_columns, repeated
from st_pipelines.mapping.named_rows import NamedLookup
from st_pipelines.mapping.reference import Reference
from st_pipelines.mapping.tables import Mapping
from st_pipelines.mapping.target_codes import code_checks


class InvoiceTax:
    """Looks up and reports when made. ``codes``: the target's tax code of each document, blank without a zone."""

    def __init__(self, intake: Intake, header: Header, taxed: Flags, mapping: Mapping, reference: Reference) -> None:
        zones = NamedLookup("tax_zone", mapping["tax_zones"], reference)
        found = zones.find(intake.text("tax_zone"), header.days)
        found.report(header.findings, needed=taxed)
        units, unit_rows = header.units.lookup, header.unit_rows
        judged = judge_pairs(zones.lookup, np.where(taxed, found.rows, -1), units, unit_rows, reference)
        unit_ids = intake.text("business_unit")
        checks = [
            *code_checks(zones.lookup, "tax_code", found.rows, reference.tax_codes),
            *account_checks(
                judged,
                lambda places: zones.lookup.at("gl_account", found.rows[places]),
                units,
                unit_rows,
                unit_ids,
                taxed,
            ),
        ]
        for flags, code, values in checks:
            header.findings.on_documents(flags, code, values)
        self.codes: pa.Array = zones.lookup.take("tax_code", found.rows)
        self._columns = {"business_unit": unit_ids, "tax_code": self.codes, **judged_columns(judged)}

    def lines(self, tax_minor: Ints) -> LineSet:
        """One tax line for each document whose tax is not zero."""
        size = len(tax_minor)
        columns = self._columns | {"description": repeated("Sales tax", size)}
        return LineSet(np.arange(size), repeated("tax", size), tax_minor, columns).of(tax_minor != 0)
