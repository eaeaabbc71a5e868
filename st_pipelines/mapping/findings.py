"""Collects why documents stop. Invariant: a document has one finding, the first: header first, then lines in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.holds import CATALOGUE, fields_of

# A column to take values from, or a function that makes the values of the asked places (only few are ever asked for).
Supply: TypeAlias = "pa.Array | Callable[[Ints], pa.Array]"
Columns = Mapping[str, Supply]


@dataclass(frozen=True)
class HoldTexts:
    """Four columns of ``MAPPED_DOCUMENT``; blank where there is no finding."""

    code: pa.Array
    key: pa.Array
    detail: pa.Array
    cure: pa.Array


@dataclass(frozen=True)
class _Report:
    code: str
    values: Columns
    on_line: bool


class Findings:
    """For one batch of documents; ``doc_of`` is the place of each line's document, rising. ``documents`` and ``lines``
    supply the values that the hold texts name; a report's own values come before them, a line's before a document's."""

    def __init__(self, size: int, doc_of: Ints, documents: Columns, lines: Columns) -> None:
        self._report = np.full(size, -1, dtype=np.int64)
        self._line = np.full(size, -1, dtype=np.int64)
        self._doc_of = doc_of
        self._documents, self._lines = documents, lines
        self._reports: list[_Report] = []

    @property
    def any(self) -> Flags:
        """Which documents have a finding."""
        return np.asarray(self._report >= 0, dtype=np.bool_)

    def on_documents(self, flags: Flags, code: str, values: Columns | None = None) -> None:
        """``values``: columns as long as the documents."""
        new = flags & (self._report < 0)
        if new.any():
            self._report[new] = self._add(code, values, on_line=False)

    def on_lines(self, checks: Sequence[tuple[Flags, str, Columns | None]]) -> None:
        """``checks`` in order of precedence within one line; of a document the first faulty line counts."""
        reports = np.full(len(self._doc_of), -1, dtype=np.int64)
        for flags, code, values in checks:
            new = flags & (reports < 0)
            if new.any():
                reports[new] = self._add(code, values, on_line=True)
        faulty = np.flatnonzero(reports >= 0)
        if not faulty.size:
            return
        documents = self._doc_of[faulty]
        is_first = np.concatenate(([True], documents[1:] != documents[:-1]))
        documents, faulty = documents[is_first], faulty[is_first]
        unset = self._report[documents] < 0
        self._report[documents[unset]] = reports[faulty[unset]]
        self._line[documents[unset]] = faulty[unset]

    def texts(self) -> HoldTexts:
        """The catalogue's sentences for every finding."""
        found = np.flatnonzero(self._report >= 0)
        rendered: dict[int, tuple[str, str, str, str]] = {}
        for number in np.unique(self._report[found]).tolist():
            documents = found[self._report[found] == number]
            sentences = self._render(self._reports[number], documents)
            rendered.update(zip(documents.tolist(), sentences, strict=True))
        ordered = [rendered[document] for document in found.tolist()] + [("", "", "", "")]
        where = np.full(len(self._report), len(found), dtype=np.int64)
        where[found] = np.arange(len(found))
        places = pa.array(where)
        columns = (pa.array([texts[part] for texts in ordered], pa.string()).take(places) for part in range(4))
        return HoldTexts(*columns)

    def _add(self, code: str, values: Columns | None, on_line: bool) -> int:
        self._reports.append(_Report(code, values or {}, on_line))
        return len(self._reports) - 1

    def _render(self, report: _Report, documents: Ints) -> list[tuple[str, str, str, str]]:
        template = CATALOGUE[report.code]
        lines = self._line[documents]
        columns: dict[str, list[object]] = {}
        for name in fields_of(template):
            if name in report.values:
                columns[name] = _take(report.values[name], lines if report.on_line else documents)
            elif report.on_line and name in self._lines:
                columns[name] = _take(self._lines[name], lines)
            else:
                columns[name] = _take(self._documents[name], documents)
        rows = zip(*columns.values(), strict=True) if columns else ((),) * len(documents)
        return [(report.code, *template.fill(dict(zip(columns, row, strict=True)))) for row in rows]


def _take(supply: Supply, places: Ints) -> list[object]:
    taken = supply(places) if callable(supply) else supply.take(pa.array(places))
    found: list[object] = taken.to_pylist()
    return found


def constant(text: str) -> Supply:
    """The same value for every document or line."""
    return lambda places: pa.array([text] * len(places), pa.string())
