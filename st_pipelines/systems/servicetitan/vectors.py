"""Whole columns at a time: keys, blank texts, plain text out of HTML, reasons. Invariant: a null never becomes a value
that looks like one from ServiceTitan; it becomes a blank text or stays null."""

import html
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.keys import doc_key

TAG = "ST"

_HTML_TAG = r"</?[A-Za-z!][^>]*>"  # a lone "<" in "< 5 psi" is no tag
_BLANKS = r"[\s\x{00A0}]+"


def one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def constant(value: object, rows: int, data_type: pa.DataType | None = None) -> pa.Array:
    return pa.repeat(pa.scalar(value, data_type or pa.string()), rows)


def text(column: pa.ChunkedArray) -> pa.Array:
    """Text as received, blank where there is none."""
    return pc.fill_null(one_array(column), "")


def id_text(column: pa.ChunkedArray) -> pa.Array:
    """Ids as decimal text, blank where there is none."""
    return pc.fill_null(pc.cast(one_array(column), pa.string()), "")


def key(tenant: str, document_type: str, ids: pa.ChunkedArray) -> pa.Array:
    """``ST:<tenant>:<type>:<id>``, blank where there is no id."""
    prefix = doc_key(TAG, tenant, document_type, 0)[:-1]  # checks tenant and type
    made = pc.binary_join_element_wise(prefix, pc.cast(one_array(ids), pa.string()), "")
    return pc.fill_null(made, "")


def plain_text(column: pa.ChunkedArray) -> pa.Array:
    """HTML to one line of plain text: tags out, entities resolved, runs of blanks to one."""
    values = text(column)
    without_tags = pc.replace_substring_regex(values, _HTML_TAG, " ")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(_unescaped(without_tags), _BLANKS, " "))


def first_reason(rows: int, checks: Sequence[tuple[pa.Array, pa.Array | str]]) -> pa.Array:
    """For each row the text of the first check whose flag is true; blank where none is."""
    reasons = constant("", rows)
    for flags, reason in reversed(checks):
        reasons = pc.if_else(pc.fill_null(flags, False), reason, reasons)
    return reasons


def look_up(ids: pa.ChunkedArray, known: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.Array:
    """``values`` at the place where ``known`` holds the id; null where it does not."""
    return one_array(values).take(pc.index_in(one_array(ids), value_set=one_array(known)))


def numbered(parents: pa.ChunkedArray) -> pa.Array:
    """1, 2, 3 … within each run of equal parents: lines keep the order in which ServiceTitan gave them."""
    ids = one_array(parents).to_numpy()
    places = np.arange(len(ids))
    starts = np.concatenate(([True], ids[1:] != ids[:-1])) if len(ids) else np.zeros(0, bool)
    return pa.array(places - np.maximum.accumulate(np.where(starts, places, 0)) + 1 if len(ids) else places, pa.int64())


def _unescaped(values: pa.Array) -> pa.Array:
    if not pc.any(pc.match_substring(values, "&")).as_py():
        return values
    encoded = values.dictionary_encode()
    return pa.array([html.unescape(one) for one in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)
