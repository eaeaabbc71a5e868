"""One table on its way into Parquet files. Invariant: the same rows give the same bytes (and digest) however they came,
and memory does not grow with their number.

Rows are gathered into row groups of a fixed size, row groups into files of a fixed number of rows: a Parquet file keeps
an account of all its row groups in memory until it is closed.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from st_pipelines.store import durable, manifest
from st_pipelines.store.manifest import TableEntry

ROW_GROUP = 2048
ROW_GROUPS_PER_FILE = 32
_PARQUET_PAGE = 128 * 1024  # bytes; each column holds one in memory


class Stream:
    """A file is opened with its first full row group and closed with its last."""

    def __init__(self, table: str, schema: pa.Schema, folder: UPath) -> None:
        self.rows = 0
        self._table, self._schema, self._folder = table, schema, folder
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._open: _ParquetFile | None = None
        self._closed: list[_ParquetFile] = []

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
        """Gives every file its name. They are visible to readers once a manifest names them."""
        if self._waiting_rows:
            self._flush(self._waiting_rows)
        self._close_file()
        digests = [file.sha256 for file in self._closed]
        names = [file.move_in(self._folder, f"{self._table}.{file.sha256[:16]}.parquet") for file in self._closed]
        whole = hashlib.sha256("".join(digests).encode()).hexdigest() if digests else ""
        return TableEntry(rows=self.rows, schema=manifest.schema_text(self._schema), files=names, sha256=whole)

    def discard(self) -> None:
        self._close_file()
        for file in self._closed:
            file.temporary.unlink(missing_ok=True)

    def _flush(self, rows: int) -> None:
        gathered = pa.concat_tables(self._waiting)
        group, rest = gathered.slice(0, rows), gathered.slice(rows)
        self._waiting, self._waiting_rows = ([rest] if rest.num_rows else []), rest.num_rows
        if self._open is None:
            beside = durable.local(self._folder / f"{self._table}.parquet")
            place = beside or Path(tempfile.gettempdir()) / f"{self._table}.parquet"
            self._open = _ParquetFile(durable.temporary_beside(place), self._schema)
        self._open.write(group)
        if self._open.row_groups == ROW_GROUPS_PER_FILE:
            self._close_file()

    def _close_file(self) -> None:
        if self._open is not None:
            self._open.close()
            self._closed.append(self._open)
            self._open = None


class _ParquetFile:
    """A temporary file on this machine's disk. ``sha256`` of its bytes once it is closed."""

    def __init__(self, temporary: Path, schema: pa.Schema) -> None:
        self.temporary, self.row_groups, self.sha256 = temporary, 0, ""
        self._file = _HashingFile(os.fdopen(durable.open_new(temporary), "wb"))
        self._parquet = pq.ParquetWriter(
            pa.PythonFile(self._file, mode="w"), schema, compression="snappy", use_dictionary=False,
            data_page_size=_PARQUET_PAGE, write_statistics=False,
        )  # fmt: skip

    def write(self, group: pa.Table) -> None:
        self._parquet.write_table(group, row_group_size=group.num_rows)
        self.row_groups += 1

    def close(self) -> None:
        self._parquet.close()
        self.sha256 = self._file.close()
        del self._parquet, self._file  # they hold the account of all row groups

    def move_in(self, folder: UPath, name: str) -> str:
        if (folder / name).exists():  # the same content is there already, and durable: nothing to wait for
            self.temporary.unlink()
        else:
            durable.sync_file(self.temporary)
            durable.move_in(self.temporary, folder / name)
        return name


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

    def close(self) -> str:
        self._file.close()
        self.closed = True
        return self._sha.hexdigest()
