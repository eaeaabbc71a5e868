"""Fingerprint of the source fields that matter to the books. Invariant: equal fields give equal digests, whatever the
mapping says and in whatever order the rows came.

It tells a changed document from a changed mapping; names of parties and the time of modification are left out.
"""

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.mapping.intake import Intake

_UNIT, _RECORD = "\x1f", "\x1e"  # ASCII's own separators


def source_digests(intake: Intake, document: Sequence[str], line: Sequence[str] = ()) -> pa.Array:
    """SHA-256 per document over the named columns of the document and of its lines, in line order."""
    texts = _joined(intake.documents, document)
    if line:
        bounds = pa.array(intake.bounds, pa.int32())
        lines = pa.ListArray.from_arrays(bounds, _joined(intake.lines, line))
        texts = pc.binary_join_element_wise(texts, pc.binary_join(lines, _RECORD), _RECORD)
    return pa.array([hashlib.sha256(text).hexdigest() for text in texts.cast(pa.binary()).to_pylist()], pa.string())


def _joined(table: pa.Table, columns: Sequence[str]) -> pa.Array:
    parts = [_text(table[name].combine_chunks()) for name in columns]
    return pc.binary_join_element_wise(*parts, _UNIT)


def _text(column: pa.Array) -> pa.Array:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return pc.fill_null(column.cast(pa.string()), "-")
