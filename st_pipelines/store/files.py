"""Where raw pages and typed tables live: a folder or any fsspec URL. Invariant: a partition is replaced whole or not.

Layout below the root, each part checked by ``names``::

    <integration>/raw/<entity>/<partition>/<sha256>.json.zst
    <integration>/<layer>/<table>/<partition>/manifest.json + <table>.<digest>.parquet
    <integration>/<layer>/<child table>/part_of.txt
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from st_pipelines.store import durable, manifest, names, pages
from st_pipelines.store.manifest import Manifest
from st_pipelines.store.writer import TableWriter

_RAW = "raw"
_READ_ATTEMPTS = 5
_WORTH_THREADS = 10_000  # rows
_MOST_KNOWN = 20_000  # folders whose checked paths are remembered


class NotStored(LookupError):
    """A table that was never written; the text names integration, layer, table and partition."""


class Store:
    """``root``: a path or URL such as ``s3://bucket/prefix``. Safe to use from several threads and processes."""

    def __init__(self, root: str) -> None:
        self._root = UPath(root)
        self._unsynced: set[UPath] = set()
        self._known: dict[tuple[str, ...], UPath] = {}
        self._parents: dict[UPath, str] = {}
        self._lock = threading.Lock()

    # Raw pages

    def write_page(self, integration: str, entity: str, partition: str, content: bytes) -> str:
        """Stores a page as received and gives the SHA-256 that names it."""
        folder = self._folder(integration, _RAW, entity, partition)
        sha = pages.write(folder, content)
        with self._lock:
            self._unsynced.add(folder)
        return sha

    def page(self, integration: str, entity: str, partition: str, sha: str) -> bytes:
        return pages.read(self._folder(integration, _RAW, entity, partition), sha)

    def pages(self, integration: str, entity: str, partition: str, layer: str = "source") -> Iterator[bytes]:
        """The pages of the last complete reading in their order, wherever they are kept; of a partition that was never
        completed, all there are. Pages that several partitions share hold rows of all of them."""
        known = manifest.read(self._folder(integration, layer, entity, partition))
        folder = self._folder(integration, _RAW, entity, (known and known.pages_in) or partition)
        return pages.read_all(folder, known.pages if known and known.pages else pages.stored(folder))

    # Typed tables

    def table_writer(
        self, integration: str, layer: str, entity: str, partition: str, schemas: Mapping[str, pa.Schema]
    ) -> TableWriter:
        """Streams the tables of one partition: ``entity`` itself and its children, all seen together or not at all."""
        children = [self._table(integration, layer, table) for table in schemas if table != entity]
        folder = self._folder(integration, layer, entity, partition)
        return TableWriter(folder, entity, children, schemas, self.sync_pages)

    def write_table(self, integration: str, layer: str, entity: str, partition: str, table: pa.Table) -> str:
        """Replaces a partition by one table. Gives the digest of its content."""
        with self.table_writer(integration, layer, entity, partition, {entity: table.schema}) as writer:
            writer.write(entity, table)
        return writer.digest

    def read_table(
        self, integration: str, layer: str, table: str, partition: str, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """One table of one partition. Raises ``NotStored``."""
        for attempt in range(_READ_ATTEMPTS):
            folder, found = self._find(integration, layer, table, partition)
            entry = found.tables[table]
            if not entry.files:
                empty = entry.arrow_schema().empty_table()
                return empty if columns is None else empty.select(list(columns))
            try:
                return pa.concat_tables([_read(folder / file, columns) for file in entry.files])
            except FileNotFoundError:
                # Somebody replaced the partition between our two reads: its manifest names the new files.
                if attempt == _READ_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def read_partitions(
        self,
        integration: str,
        layer: str,
        table: str,
        partitions: Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Many partitions as one table, oldest first; all that exist where none are named. Raises ``NotStored`` for a
        named one that is missing, and where there is none at all."""
        chosen = self.partitions(integration, layer, table) if partitions is None else sorted(partitions)
        if not chosen:
            raise NotStored(f"{integration}/{layer}/{table}: no partition was ever written")
        return pa.concat_tables([self.read_table(integration, layer, table, key, columns) for key in chosen])

    def has_table(self, integration: str, layer: str, table: str, partition: str) -> bool:
        try:
            self._find(integration, layer, table, partition)
        except NotStored:
            return False
        return True

    def partitions(
        self, integration: str, layer: str, table: str, which: Callable[[str], bool] = lambda _key: True
    ) -> list[str]:
        """Keys of the partitions that hold this table, ascending; of those that ``which`` wants."""
        folder = self._table(integration, layer, table)
        folder = self._table(integration, layer, manifest.parent_of(folder) or table)
        if not folder.is_dir():
            return []
        keys = sorted(path.name for path in folder.iterdir() if path.name != manifest.PART_OF)
        return [key for key in keys if which(key) and self.has_table(integration, layer, table, key)]

    def remove(self, integration: str, layer: str, entity: str, partition: str) -> None:
        """Takes a partition away, with its children and its raw pages; does nothing where there is none. First the
        manifest goes, so that a reader sees the whole partition or nothing."""
        folder = self._folder(integration, layer, entity, partition)
        if (folder / manifest.FILE).exists():
            (folder / manifest.FILE).unlink(missing_ok=True)
            durable.sync(folder)
        for gone in (folder, self._folder(integration, _RAW, entity, partition)):
            durable.remove_folder(gone)

    def manifest(self, integration: str, layer: str, entity: str, partition: str) -> Manifest:
        """Rows, digests, raw pages and facts of a partition. Raises ``NotStored``."""
        return self._find(integration, layer, entity, partition)[1]

    def standing(self, integration: str, layer: str, entity: str, partition: str) -> Manifest | None:
        """The manifest of a partition if everything that it names is there; its names are durable then. For those who
        would write the same again: what somebody deleted by hand is not there, and is written."""
        folder = self._folder(integration, layer, entity, partition)
        found = manifest.read(folder)
        if found is None or not all((folder / file).exists() for one in found.tables.values() for file in one.files):
            return None
        raw = self._folder(integration, _RAW, entity, found.pages_in or partition)
        if not all(pages.is_stored(raw, sha) for sha in set(found.pages)):
            return None
        durable.sync(folder)  # whoever wrote it may have been killed before it did this
        return found

    def _find(self, integration: str, layer: str, table: str, partition: str) -> tuple[UPath, Manifest]:
        parent = self._parent(self._table(integration, layer, table)) or table
        folder = self._folder(integration, layer, parent, partition)
        found = manifest.read(folder)
        if found is None or table not in found.tables:
            raise NotStored(
                f"{integration}/{layer}/{table}/{partition} was never written; run its extraction or mapping"
            )
        return folder, found

    def _parent(self, child: UPath) -> str:
        """A child's parent is written once and never changes, so it is read once."""
        known = self._parents.get(child)
        if known is None:
            known = manifest.parent_of(child)
            if known:
                self._parents[child] = known
        return known

    def _table(self, integration: str, layer: str, table: str) -> UPath:
        return self._known_path(
            (integration, layer, table),
            lambda: self._root / names.name(integration) / names.name(layer) / names.name(table),
        )

    def _folder(self, integration: str, layer: str, table: str, partition: str) -> UPath:
        return self._known_path(
            (integration, layer, table, partition),
            lambda: self._table(integration, layer, table) / names.partition(partition),
        )

    def _known_path(self, parts: tuple[str, ...], make: Callable[[], UPath]) -> UPath:
        """Paths are costly to make and asked for again and again."""
        found = self._known.get(parts)
        if found is None:
            found = make()
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[parts] = found
        return found

    def sync_pages(self) -> None:
        """Makes the names of all pages durable that this store wrote or met. Under the lock, so that nobody refers to a
        page while another thread still syncs it."""
        with self._lock:
            for folder in self._unsynced:
                durable.sync(folder)
            self._unsynced.clear()


def _read(file: UPath, columns: Sequence[str] | None) -> pa.Table:
    with file.open("rb") as opened:
        parquet = pq.ParquetFile(opened, pre_buffer=False)
        many = parquet.metadata.num_rows > _WORTH_THREADS  # with few rows, handing out columns is most of the work
        return parquet.read(columns=None if columns is None else list(columns), use_threads=many)
