"""Writes the tables of one partition in a stream. Invariant: memory does not grow with rows, and nothing is visible
before all tables are durable and the manifest names them.

Rows are gathered into row groups of a fixed size, so the same rows give the same bytes (and digest) however they came.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from st_pipelines.store import durable, manifest
from st_pipelines.store.manifest import Manifest, TableEntry

ROW_GROUP = 4096
_PARQUET_PAGE = 128 * 1024  # bytes; each column holds one in memory


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
        self._streams = {table: _Stream(table, schema, folder) for table, schema in schemas.items()}
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
        if any(entry.file for entry in entries.values()):
            durable.sync(self._folder)
        before = manifest.read(self._folder)
        now = Manifest(entries, self._pages, self._pages_in, self.digest, self._facts)
        if now == before:
            durable.sync(self._folder)  # whoever wrote it may have been killed before it did this
            return
        manifest.write(self._folder, now)
        kept = {entry.file for entry in entries.values()}
        for entry in before.tables.values() if before else ():
            if entry.file and entry.file not in kept:
                (self._folder / entry.file).unlink(missing_ok=True)


class _Stream:
    """One Parquet file in the making. The file is opened with its first full row group."""

    def __init__(self, table: str, schema: pa.Schema, folder: UPath) -> None:
        self.rows = 0
        self._table, self._schema, self._folder = table, schema, folder
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._temporary: Path | None = None
        self._file: _HashingFile | None = None
        self._parquet: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table) -> None:
        if rows.schema != self._schema:
            raise ValueError(f"{self._table}: rows do not have the schema that was announced")
        if rows.num_rows == 0:
            return
        self.rows += rows.num_rows
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        while self._waiting_rows >= ROW_GROUP:
            self._flush(ROW_GROUP)

    def finish(self) -> TableEntry:
        if self._waiting_rows:
            self._flush(self._waiting_rows)
        schema = manifest.schema_text(self._schema)
        if self._parquet is None or self._file is None or self._temporary is None:
            return TableEntry(rows=0, schema=schema)
        self._parquet.close()
        sha = self._file.hexdigest()
        name = f"{self._table}.{sha[:16]}.parquet"
        if (self._folder / name).exists():  # the same content is there already, and durable: nothing to wait for
            self._file.close()
            self._temporary.unlink()
        else:
            self._file.make_durable()
            durable.move_in(self._temporary, self._folder / name)
        return TableEntry(rows=self.rows, schema=schema, file=name, sha256=sha)

    def discard(self) -> None:
        if self._parquet is not None and self._file is not None and self._temporary is not None:
            self._parquet.close()
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _flush(self, rows: int) -> None:
        gathered = pa.concat_tables(self._waiting)
        group, rest = gathered.slice(0, rows), gathered.slice(rows)
        self._waiting, self._waiting_rows = ([rest] if rest.num_rows else []), rest.num_rows
        if self._parquet is None:
            self._temporary = self._new_file()
            self._file = _HashingFile(os.fdopen(durable.open_new(self._temporary), "wb"))
            self._parquet = pq.ParquetWriter(
                pa.PythonFile(self._file, mode="w"), self._schema, compression="snappy", use_dictionary=False,
                data_page_size=_PARQUET_PAGE, write_statistics=False,
            )  # fmt: skip
        self._parquet.write_table(group, row_group_size=rows)
        pa.default_memory_pool().release_unused()

    def _new_file(self) -> Path:
        beside = durable.local(self._folder / f"{self._table}.parquet")
        return durable.temporary_beside(beside or Path(tempfile.gettempdir()) / f"{self._table}.parquet")


class _HashingFile:
    """A file that knows the SHA-256 of what went through it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sha = file, hashlib.sha256()
        self.closed = False

    def write(self, data: bytes) -> int:
        self._sha.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def hexdigest(self) -> str:
        return self._sha.hexdigest()

    def make_durable(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        self._file.close()
