"""The table of contents of one partition. Invariant: it is written last, and only what it names exists for a reader.

Several tables of one partition (invoices and their items) become visible together because one file names them all. The
folder of a child table holds one file, written once, that says whose part it is.
"""

import base64
from typing import Any

import msgspec
import pyarrow as pa
from upath import UPath

from st_pipelines.store import durable

FILE, PART_OF = "manifest.json", "part_of.txt"


class TableEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``files`` hold the rows one after the other; none where there are no rows, so that an empty day costs one file.
    ``schema``: Arrow IPC, base64."""

    rows: int
    schema: str
    files: list[str] = []
    sha256: str = ""

    def arrow_schema(self) -> pa.Schema:
        return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(self.schema)))


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``digest`` covers the content of all tables. ``pages``: raw pages that the rows came from, in the order read,
    kept with the partition ``pages_in`` (empty: with this one). ``facts``: what the writer wants remembered, JSON
    values only."""

    tables: dict[str, TableEntry] = {}
    pages: list[str] = []
    pages_in: str = ""
    digest: str = ""
    facts: dict[str, Any] = {}


def schema_text(schema: pa.Schema) -> str:
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def read(folder: UPath) -> Manifest | None:
    try:
        content = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(content, type=Manifest)


def write(folder: UPath, manifest: Manifest) -> None:
    durable.put(folder / FILE, msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1))


def parent_of(child: UPath) -> str:
    """The table that a child table's partitions are kept with; empty for a table that has its own."""
    try:
        return (child / PART_OF).read_text()
    except FileNotFoundError:
        return ""


def make_child(child: UPath, parent: str) -> None:
    if parent_of(child) != parent:
        durable.make_folder(child)
        durable.put(child / PART_OF, parent.encode())
