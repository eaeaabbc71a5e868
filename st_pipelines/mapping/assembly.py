"""The table of mapped documents from its columns. Invariant: every document that came in is there, once, in order."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.frames import MAPPED_DOCUMENT
from st_pipelines.mapping.dispositions import Dispositions, hold_columns
from st_pipelines.mapping.effective import Flags
from st_pipelines.mapping.findings import Findings
from st_pipelines.mapping.intake import Intake
from st_pipelines.mapping.ledger_lines import repeated


def documents_table(
    intake: Intake,
    dispositions: Dispositions,
    findings: Findings,
    flow: str,
    kind: str,
    columns: Mapping[str, pa.Array],
) -> pa.Table:
    """``columns`` are those of ``MAPPED_DOCUMENT`` that the flow knows; the others are blank, zero or null."""
    found: dict[str, pa.Array] = {
        "flow": repeated(flow, len(intake)),
        "kind": repeated(kind, len(intake)),
        "doc_key": intake.text("doc_key"),
        "modified_on": intake.text("modified_on"),
        "disposition": dispositions.names,
        "reason": dispositions.reasons,
        **hold_columns(findings.texts(), dispositions),
        **columns,
    }
    arrays = [
        found[field.name] if field.name in found else _absent(field.type, len(intake)) for field in MAPPED_DOCUMENT
    ]
    return pa.Table.from_arrays(arrays, schema=MAPPED_DOCUMENT)


def business_dates(dates: pa.Array, believable: Flags, modified_on: pa.Array) -> pa.Array:
    """The source's calendar dates. A document held for want of one is filed under the day it was modified (UTC)."""
    if believable.all():
        return dates
    return pc.if_else(pa.array(np.asarray(believable)), dates, modified_on.cast(pa.date32()))


def _absent(data_type: pa.DataType, size: int) -> pa.Array:
    if pa.types.is_string(data_type):
        return repeated("", size)
    if pa.types.is_int64(data_type):
        return pa.array(np.zeros(size, dtype=np.int64))
    return pa.nulls(size, data_type)
