"""Lines on their accounts: the checks every kind of line passes, and the table they become. Invariant: lines stand in
document order, numbered from 1; a line is only written for a document that posts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from st_pipelines.documents.frames import MAPPED_LINE
from st_pipelines.mapping.analysis import PROBLEMS, Judged
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Columns, Supply
from st_pipelines.mapping.lookup import RowLookup

Check = tuple[Flags, str, Columns | None]


@dataclass(frozen=True)
class LineSet:
    """Lines of one origin (items, tax, rounding …). Every column is as long as ``doc_of``; absent ones are blank."""

    doc_of: Ints
    kind: pa.Array
    amount_minor: Ints
    columns: dict[str, pa.Array]

    def of(self, chosen: Flags) -> "LineSet":
        places = np.flatnonzero(chosen)
        if len(places) == len(self.doc_of):
            return self
        take = pa.array(places)
        columns = {name: column.take(take) for name, column in self.columns.items()}
        return LineSet(self.doc_of[places], self.kind.take(take), self.amount_minor[places], columns)


def account_checks(
    judged: Judged, account_at: Supply, units: RowLookup, unit_rows: Ints, unit_ids: Supply, needed: Flags
) -> list[Check]:
    """What is wrong with accounts and analysis of lines that were found in the tables, for ``Findings``."""
    values: Columns = {
        "gl_account": lambda places: judged.texts(places, lambda verdict: verdict.gl_account),
        "cost_center": lambda places: judged.texts(places, lambda verdict: verdict.cost_center),
        "sub_account": lambda places: judged.texts(places, lambda verdict: verdict.sub_account),
        "analysis": lambda places: judged.texts(places, lambda verdict: verdict.detail),
        "gl_account_at": account_at,
        "cost_center_at": lambda places: units.at("cost_center", unit_rows[places]),
        "sub_account_at": lambda places: units.at("sub_account", unit_rows[places]),
        "business_unit_id": unit_ids,
    }
    return [(judged.has(problem) & needed, problem, values) for problem in PROBLEMS if judged.knows(problem)]


def judged_columns(judged: Judged) -> dict[str, pa.Array]:
    """Account, cost centre and sub-account as the line will carry them."""
    every = np.arange(len(judged.which))
    return {
        "gl_account": judged.texts(every, lambda verdict: verdict.gl_account),
        "cost_center": judged.texts(every, lambda verdict: verdict.cost_center),
        "sub_account": judged.texts(every, lambda verdict: verdict.sub_account),
    }


def lines_table(sets: Sequence[LineSet], doc_keys: pa.Array, posts: Flags) -> pa.Table:
    """All lines of the documents that post, in the order of ``sets`` within each document."""
    chosen = [one.of(posts[one.doc_of]) for one in sets]
    doc_of = np.concatenate([one.doc_of for one in chosen])
    order = np.argsort(doc_of, kind="stable")
    take = pa.array(order)
    sorted_docs = doc_of[order]
    number = np.arange(len(order))
    starts = np.searchsorted(sorted_docs, sorted_docs, side="left")
    columns = {
        "doc_key": doc_keys.take(pa.array(sorted_docs)),
        "sequence": pa.array(number - starts + 1, pa.int64()),
        "kind": pa.concat_arrays([one.kind for one in chosen]).take(take),
        "amount_minor": pa.array(np.concatenate([one.amount_minor for one in chosen])[order], pa.int64()),
    }
    for name, data_type in zip(MAPPED_LINE.names, MAPPED_LINE.types, strict=True):
        if name not in columns:
            parts = [one.columns.get(name, _absent(len(one.doc_of), data_type)) for one in chosen]
            columns[name] = pa.concat_arrays(parts).take(take)
    return pa.Table.from_arrays([columns[name] for name in MAPPED_LINE.names], schema=MAPPED_LINE)


def _absent(size: int, data_type: pa.DataType) -> pa.Array:
    return blanks(size) if data_type == pa.string() else pa.nulls(size, data_type)


def blanks(size: int) -> pa.Array:
    return repeated("", size)


def repeated(text: str, size: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), size)
