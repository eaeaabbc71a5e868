"""Finds the row of a mapping table for every line at once. Invariant: exact matches only; the most specific row
wins, and the loader has made sure that there is only one.

Texts become places in a vocabulary once per column; all the rest is integer arithmetic.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.mapping.effective import EffectiveIndex, Ints, days_of
from st_pipelines.mapping.tables import MappingTable


class Vocabulary:
    """The distinct texts of one key column. Blank and unknown texts have the code -1."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._values = pa.array(sorted({text for text in texts if text}), pa.string())

    def __len__(self) -> int:
        return len(self._values)

    def codes(self, texts: pa.Array) -> Ints:
        found = pc.index_in(texts, value_set=self._values)
        return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


class RowLookup:
    """Rows of one table by key columns and day. Blank key cells of ``blank_is_any`` columns match everything."""

    def __init__(self, table: MappingTable) -> None:
        self.table = table
        self.columns = tuple(column.name for column in table.format.keys)
        self._vocabularies = {name: Vocabulary(table.values(name)) for name in self.columns}
        patterns: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(table.rows):
            patterns.setdefault(tuple(name for name in self.columns if row[name]), []).append(place)
        most_specific_first = sorted(patterns, key=lambda filled: (-len(filled), filled))
        self._levels = [(filled, *self._index(filled, patterns[filled])) for filled in most_specific_first]
        self._texts: dict[str, pa.Array] = {}

    def codes(self, texts: Mapping[str, pa.Array]) -> dict[str, Ints]:
        """Vocabulary codes of the questions, per key column. Columns that no row fills are not asked for."""
        needed = {name for filled, _, _ in self._levels for name in filled}
        return {name: self._vocabularies[name].codes(texts[name]) for name in self.columns if name in needed}

    def find(self, codes: Mapping[str, Ints], days: Ints) -> Ints:
        """The most specific row for each question, as a place in ``table.rows``; -1 where there is none."""
        found = np.full(days.shape, -1, dtype=np.int64)
        for filled, index, rows in self._levels:
            open_ = np.flatnonzero(found < 0)
            if not open_.size:
                break
            key = self._combined(filled, {name: codes[name][open_] for name in filled}, open_.size)
            place = index.find(key, days[open_])
            hit = place >= 0
            found[open_[hit]] = rows[place[hit]]
        return found

    def take(self, column: str, rows: Ints) -> pa.Array:
        """Cells of one column for found rows; blank where the row is -1."""
        texts = self._texts.get(column)
        if texts is None:  # one blank at the end: the place of "no row"
            texts = self._texts[column] = pa.array([*self.table.values(column), ""], pa.string())
        return texts.take(pa.array(np.where(rows < 0, len(texts) - 1, rows)))

    def at(self, column: str, rows: Ints) -> pa.Array:
        """Where a person finds the cell: file, line and column."""
        places = [f"{self.table.file}, line {row.line}, column {column}" for row in self.table.rows]
        return pa.array([*places, self.table.file], pa.string()).take(pa.array(np.where(rows < 0, len(places), rows)))

    def _index(self, filled: tuple[str, ...], places: list[int]) -> tuple[EffectiveIndex, Ints]:
        rows = [self.table.rows[place] for place in places]
        codes = {name: self._vocabularies[name].codes(pa.array([row[name] for row in rows])) for name in filled}
        keys = self._combined(filled, codes, len(rows))
        first, last = days_of([row.first for row in rows]), days_of([row.last for row in rows])
        return EffectiveIndex(keys, first, last), np.array(places, dtype=np.int64)

    def _combined(self, filled: tuple[str, ...], codes: Mapping[str, Ints], size: int) -> Ints:
        """One number per combination of codes; -1 where one of them is unknown."""
        combinations = 1
        for name in filled:
            combinations *= len(self._vocabularies[name])
        if combinations >= 1 << 40:
            raise ValueError(f"{self.table.file}: too many combinations of key values to be searched exactly")
        key, known = np.zeros(size, dtype=np.int64), np.ones(size, dtype=np.bool_)
        for name in filled:
            key = key * len(self._vocabularies[name]) + codes[name]
            known &= codes[name] >= 0
        return np.where(known, key, -1)
