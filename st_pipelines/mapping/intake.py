"""What every flow does first: documents and their lines in one order, blanks instead of nulls, days, currencies.

Invariant: each document is there once and each line has its document, else nothing is mapped at all; the order of the
input rows decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.money import NO_CURRENCY, InvalidAmount, minor_unit
from st_pipelines.mapping.amounts import PLACES
from st_pipelines.mapping.effective import Flags, Ints, days_of
from st_pipelines.mapping.options import MappingOptions

_FIRST, _LAST = (int(day) for day in days_of([date(1900, 1, 1), date(2999, 12, 31)]))


class BrokenFrames(ValueError):
    """The tables handed to mapping contradict each other: a defect of the reading side, not of a document."""


@dataclass(frozen=True)
class Intake:
    """``doc_of``: place of each line's document; ``bounds``: first line of each document, and the number of lines."""

    documents: pa.Table
    lines: pa.Table
    doc_of: Ints
    bounds: Ints

    def __len__(self) -> int:
        return int(self.documents.num_rows)

    def text(self, column: str) -> pa.Array:
        return self.documents[column].combine_chunks()

    def line_text(self, column: str) -> pa.Array:
        return self.lines[column].combine_chunks()

    def blank(self, column: str) -> Flags:
        return is_blank(self.text(column))


def take_in(
    documents: pa.Table,
    lines: pa.Table | None,
    options: MappingOptions,
    *,
    documents_as: pa.Schema,
    lines_as: pa.Schema,
) -> Intake:
    """Raises ``BrokenFrames``: missing columns, a document twice, a line without its document, another tenant's key."""
    documents = _sorted_by_key(_plain(documents, documents_as), options.source_tag + ":")
    lines = _plain(lines, lines_as) if lines is not None else lines_as.empty_table()
    doc_of = _index(lines["doc_key"], documents["doc_key"])
    if doc_of.size and doc_of.min() < 0:
        orphan = lines["doc_key"][int(np.argmin(doc_of))].as_py()
        raise BrokenFrames(f"a line of {orphan!r} came without its document")
    order = _line_order(lines, doc_of)
    if order is not None:
        lines, doc_of = lines.take(pa.array(order)), doc_of[order]
    bounds = np.searchsorted(doc_of, np.arange(documents.num_rows + 1)).astype(np.int64)
    return Intake(documents, lines, doc_of, bounds)


def is_blank(texts: pa.Array) -> Flags:
    return np.asarray(pc.equal(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False), dtype=np.bool_)


def readable_days(dates: pa.Array) -> tuple[Ints, Flags]:
    """Days since 1970 and which of them can be believed; 0 stands for an absent or impossible one."""
    days = np.asarray(pc.fill_null(dates.cast(pa.int32()), _FIRST - 1).to_numpy(zero_copy_only=False), dtype=np.int64)
    believable = (days >= _FIRST) & (days <= _LAST)
    return np.where(believable, days, 0), believable


@dataclass(frozen=True)
class Currencies:
    """``codes`` as written into the mapped document, ``known``: accepted by the options; ``unit``: 1e-8 in one."""

    codes: pa.Array
    known: Flags
    unit: Ints


def currencies(texts: pa.Array, options: MappingOptions) -> Currencies:
    encoded = pc.dictionary_encode(texts)
    distinct = [text or options.currency for text in encoded.dictionary.to_pylist()]
    codes, units = [], []
    for text in distinct:
        try:
            units.append(10 ** (PLACES - minor_unit(text)))
            codes.append(text)
        except InvalidAmount:
            units.append(10 ** (PLACES - minor_unit(NO_CURRENCY)))
            codes.append(NO_CURRENCY)
    which = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    known = np.array([text in options.accepted_currencies for text in distinct], dtype=np.bool_)
    return Currencies(
        pa.array(codes, pa.string()).take(pa.array(which)), known[which], np.array(units, dtype=np.int64)[which]
    )


def _plain(table: pa.Table, schema: pa.Schema) -> pa.Table:
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise BrokenFrames(f"the table lacks {', '.join(missing)}")
    table = table.select(schema.names).cast(schema)
    columns = []
    for field in schema:
        column = table[field.name].combine_chunks()
        if column.null_count and pa.types.is_string(field.type):
            column = pc.fill_null(column, "")
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def _sorted_by_key(documents: pa.Table, prefix: str) -> pa.Table:
    keys = documents["doc_key"]
    if len(keys) > 1 and not _rises(keys):
        documents = documents.sort_by("doc_key")
        keys = documents["doc_key"]
        if not _rises(keys):
            twice = pc.equal(keys[1:], keys[:-1])
            raise BrokenFrames(f"the document {keys[1:].filter(twice)[0].as_py()!r} is there twice")
    foreign = keys.filter(pc.invert(pc.starts_with(keys, prefix)))
    if len(foreign):
        raise BrokenFrames(f"{foreign[0].as_py()!r} is not a document of {prefix!r}; nothing is mapped")
    return documents


def _rises(keys: pa.ChunkedArray) -> bool:
    return bool(pc.all(pc.less(keys[:-1], keys[1:])).as_py())


def _index(texts: pa.ChunkedArray, among: pa.ChunkedArray) -> Ints:
    found = pc.index_in(texts.combine_chunks(), value_set=among.combine_chunks())
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _line_order(lines: pa.Table, doc_of: Ints) -> Ints | None:
    """By document, sequence and, where a sequence is there twice, all the rest of the line; None if already so."""
    sequence = np.asarray(pc.fill_null(lines["sequence"], 0).to_numpy(), dtype=np.int64)
    step = np.diff(doc_of)
    if bool(((step > 0) | ((step == 0) & (np.diff(sequence) > 0))).all()):
        return None
    order = np.lexsort((sequence, doc_of)).astype(np.int64)
    same = (np.diff(doc_of[order]) == 0) & (np.diff(sequence[order]) == 0)
    if not same.any():
        return order
    keys: Sequence[tuple[str, str]] = [(name, "ascending") for name in lines.column_names if name != "doc_key"]
    table = lines.append_column("_document", pa.array(doc_of))
    return np.asarray(pc.sort_indices(table, sort_keys=[("_document", "ascending"), *keys]), dtype=np.int64)
