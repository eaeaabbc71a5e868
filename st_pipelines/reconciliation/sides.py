"""The shape in which source, ledger and target are compared. Invariant: one row a document copy, lines in minor units.

Each side gives the same two tables. ``DOCUMENT``: what stands there, one row per document (the target may hold the
same document twice: one row per copy). ``LINE``: its control lines, debit positive and credit negative.
``stands`` says whether the document counts in the totals of that side: a held source document does (it should be in
the books), a voided one does not. ``state`` is the side's own word: a disposition, a posting state, live or voided.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

_S, _I, _D, _B = pa.string(), pa.int64(), pa.date32(), pa.bool_()

DOCUMENT = pa.schema(
    [
        ("doc_key", _S), ("reference", _S), ("copy_id", _S), ("kind", _S), ("flow", _S), ("company", _S),
        ("currency", _S), ("total_minor", _I), ("business_date", _D), ("stands", _B), ("state", _S), ("op", _S),
        ("code", _S), ("missing", _S), ("detail", _S), ("cure", _S), ("waiting_for", _S), ("number", _S),
        ("label", _S), ("url", _S),
    ]
)  # fmt: skip

LINE = pa.schema(
    [
        ("doc_key", _S), ("copy_id", _S), ("company", _S), ("business_unit", _S), ("gl_account", _S),
        ("cost_center", _S), ("currency", _S), ("business_date", _D), ("amount_minor", _I),
    ]
)  # fmt: skip

NOT_MAPPED = ""  # the account of a held document that has no account yet; shown as «not mapped»


@dataclass(frozen=True)
class Side:
    """One of the three sides: ``documents`` with schema ``DOCUMENT``, ``lines`` with schema ``LINE``."""

    documents: pa.Table
    lines: pa.Table


def side(documents: Iterable[Mapping[str, Any]], lines: Iterable[Mapping[str, Any]]) -> Side:
    """Builds a side from rows; absent text is empty text, an absent total or date is null."""
    return Side(_table(documents, DOCUMENT), _table(lines, LINE))


def _table(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    given, columns = list(rows), {}
    for field in schema:
        values = [row.get(field.name) for row in given]
        columns[field.name] = ["" if value is None else value for value in values] if field.type == _S else values
    return pa.table(columns, schema=schema)
