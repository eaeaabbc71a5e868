"""What rounding leaves, on the account named for it. Invariant: never spread over other lines, never dropped."""

import numpy as np

from st_pipelines.mapping.analysis import judge_named
from st_pipelines.mapping.effective import Ints
from st_pipelines.mapping.findings import constant
from st_pipelines.mapping.header import Header
from st_pipelines.mapping.ledger_lines import LineSet, account_checks, judged_columns, repeated
from st_pipelines.mapping.options import MappingOptions
from st_pipelines.mapping.reference import Reference


def rounding_lines(residual_minor: Ints, header: Header, options: MappingOptions, reference: Reference) -> LineSet:
    """One line for each document with a residual; an unusable rounding account stops these documents only."""
    size, left = len(residual_minor), residual_minor != 0
    units, rows = header.units.lookup, header.unit_rows
    judged = judge_named(options.rounding_account, units, rows, reference)
    unit_ids = header.columns["business_unit"]
    for flags, code, values in account_checks(
        judged, constant("integration.yaml, rounding.account"), units, rows, unit_ids, left
    ):
        header.findings.on_documents(flags, code, values)
    columns = {
        "business_unit": unit_ids,
        "description": repeated("Rounding difference", size),
        **judged_columns(judged),
    }
    return LineSet(np.arange(size), repeated("rounding", size), residual_minor, columns).of(left)
