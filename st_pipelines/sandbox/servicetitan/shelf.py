"""Records of one entity ready to be sent. Invariant: a row's bytes are made once and dropped when its record changes.

``Books`` hands out the same dictionary as long as a record is unchanged, so identity tells what must be made anew.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.servicetitan import stamps

Record = dict[str, Any]
encode = msgspec.json.Encoder(decimal_format="number").encode


class Row:
    """One record with its sort keys (ticks) and its serialised forms: one per set of omitted fields."""

    __slots__ = ("_bytes", "created", "id", "modified", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.id: int = record["id"]
        self.modified = stamps.parse(record["modifiedOn"] or record["createdOn"]) or 0
        self.created = stamps.parse(record["createdOn"]) or 0
        self._bytes: dict[frozenset[str], bytes] = {}

    def content(self, omitted: frozenset[str] = frozenset()) -> bytes:
        """The record as JSON: whole for feeds, without the fields that only the feed has for lists."""
        made = self._bytes.get(omitted)
        if made is None:
            kept = {name: value for name, value in self.record.items() if name not in omitted}
            made = self._bytes[omitted] = encode(kept)
        return made


class Shelf:
    """Rows of one entity in the order of ids, and of (modified, id)."""

    def __init__(self, books: Books, entity: str, derive: Callable[[Record], list[Record]] | None = None) -> None:
        self._books, self._entity, self._derive = books, entity, derive
        self._version = -1
        self._rows: dict[Any, tuple[Record, list[Row]]] = {}
        self._by_id: list[Row] = []
        self._by_modified: list[tuple[int, int, Row]] = []
        self._keyed: dict[int, Row] = {}

    @property
    def version(self) -> int:
        """Goes up with each change; cached answers are good while it stands."""
        self._refresh()
        return self._version

    def by_id(self) -> list[Row]:
        self._refresh()
        return self._by_id

    def by_modified(self) -> list[tuple[int, int, Row]]:
        self._refresh()
        return self._by_modified

    def get(self, identity: int) -> Row | None:
        self._refresh()
        return self._keyed.get(identity)

    def _refresh(self) -> None:
        version = self._books.version(self._entity)
        if version == self._version:
            return
        fresh: dict[Any, tuple[Record, list[Row]]] = {}
        for record in self._books.all(self._entity):
            kept = self._rows.get(record["id"])
            if kept is None or kept[0] is not record:
                made = self._derive(record) if self._derive else [record]
                kept = (record, [Row(one) for one in made])
            fresh[record["id"]] = kept
        self._rows = fresh
        rows = [row for _, several in fresh.values() for row in several]
        self._by_id = sorted(rows, key=lambda row: row.id)
        self._by_modified = sorted((row.modified, row.id, row) for row in rows)
        self._keyed = {row.id: row for row in rows}
        self._version = version
