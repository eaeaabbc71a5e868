"""Writes the tables of one partition in a stream. Invariant: nothing is visible before all tables are durable and the
manifest names them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from upath import UPath

from st_pipelines.store import durable, manifest
from st_pipelines.store.manifest import Manifest
from st_pipelines.store.stream import Stream


class TableWriter:
    """Context manager: leaving it without an exception commits, with one leaves the partition as it was."""

    def __init__(
        self,
        folder: UPath,
        entity: str,
        children: Sequence[UPath],
        schemas: Mapping[str, pa.Schema],
        sync_pages: Callable[[], None],
    ) -> None:
        """``sync_pages`` makes the names of all raw pages durable, before the manifest refers to them."""
        self._folder, self._entity, self._children, self._sync_pages = folder, entity, children, sync_pages
        self._streams = {table: Stream(table, schema, folder) for table, schema in schemas.items()}
        self._facts: dict[str, Any] = {}
        self._pages: list[str] = []
        self._pages_in = ""
        self.digest = ""

    def write(self, table: str, rows: pa.Table) -> None:
        """Adds rows; the table must have been named with exactly this schema."""
        self._streams[table].add(rows)

    def remember(self, *, pages: list[str], pages_in: str = "", **facts: Any) -> None:
        """What the manifest should say beside the tables: the raw pages in the order read, the partition that they are
        kept with (empty: this one), and JSON values."""
        self._pages, self._pages_in, self._facts = pages, pages_in, facts

    def rows(self, table: str) -> int:
        return self._streams[table].rows

    def __enter__(self) -> Self:
        durable.make_folder(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._commit()
        else:
            for stream in self._streams.values():
                stream.discard()

    def _commit(self) -> None:
        entries = {table: stream.finish() for table, stream in self._streams.items()}
        whole = hashlib.sha256("".join(f"{t}:{e.sha256 or e.schema}\n" for t, e in sorted(entries.items())).encode())
        self.digest = whole.hexdigest()
        for child in self._children:
            manifest.make_child(child, self._entity)
        self._sync_pages()
        if any(entry.files for entry in entries.values()):
            durable.sync(self._folder)
        before = manifest.read(self._folder)
        now = Manifest(entries, self._pages, self._pages_in, self.digest, self._facts)
        if now == before:
            durable.sync(self._folder)  # whoever wrote it may have been killed before it did this
            return
        manifest.write(self._folder, now)
        kept = {file for entry in entries.values() for file in entry.files}
        for entry in before.tables.values() if before else ():
            for file in entry.files:
                if file not in kept:
                    (self._folder / file).unlink(missing_ok=True)
