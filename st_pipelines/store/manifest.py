"""The table of contents of one partition. Invariant: it is written last, and only what it names exists for a reader.

Several tables of one partition (invoices and their items) become visible together because one file names them all. A
child table has a manifest of its own that only says whose part it is.
"""

import base64
from typing import Any

import msgspec
import pyarrow as pa
from upath import UPath

from st_pipelines.store import durable

FILE = "manifest.json"


class TableEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``file`` is empty where the table has no rows: an empty day costs one file. ``schema``: Arrow IPC, base64."""

    rows: int
    schema: str
    file: str = ""
    sha256: str = ""

    def arrow_schema(self) -> pa.Schema:
        return pa.ipc.read_schema(pa.BufferReader(base64.b64decode(self.schema)))


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``digest`` covers the content of all tables. ``facts``: what the writer wants remembered, JSON values only."""

    tables: dict[str, TableEntry] = {}
    part_of: str = ""
    pages: list[str] = []
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
