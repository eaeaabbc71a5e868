"""How records of a source are read: days, single records, what lies in the store. Invariant: ids are text as the source
writes them, and instants are text as received.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.vault import Connection
from st_pipelines.integrations.registry import Integration

if TYPE_CHECKING:
    from st_pipelines.store.files import Store


Tables = Mapping[str, pa.Table]


Windows = Mapping[str, tuple[datetime, datetime]]  # partition key -> instants [start, end)


@dataclass(frozen=True)
class Opened:
    """A connection taken from the vault, with what a client needs to share tokens and limits with other processes."""

    integration: Integration
    connection: Connection
    engine: Engine
    keyring: Keyring


@dataclass(frozen=True)
class Finding:
    """One thing that an onboarding check did not find in order. ``cure``: what the administrator must do. ``certain``:
    false where the system does not show it to us: then nothing is claimed and nothing stops."""

    what: str
    cure: str = ""
    certain: bool = True

    def __str__(self) -> str:
        return f"{self.what}. To do: {self.cure}" if self.cure else self.what


class ExtractedDay(Protocol):
    """What one reading of one window gave. Instants are text as received."""

    @property
    def pages(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def unreadable(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def max_modified_on(self) -> str: ...
    @property
    def max_id(self) -> str: ...


@dataclass(frozen=True)
class SourceEntity:
    """One kind of record, extracted by day of modification. ``named_by``: entities whose day names ids of this one, so
    that a master last modified long ago is read when a document refers to it. ``tables``: all typed tables it fills."""

    name: str
    description: str
    tables: tuple[str, ...]
    named_by: tuple[str, ...] = ()


class ReadAgain(Protocol):
    """What reading single records gave; ``missing``: own ids that do not exist."""

    @property
    def pages(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def missing(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Reread:
    """The same as a value, for a source that has ids of another type than text."""

    pages: int
    records: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawRecords:
    """How a stored page of a source is read again: the list of records in it, and which member is a record's own id.
    ``ids``: (store, integration, partition, the id in a document's key) -> the own ids of its records there.
    ``find``: (store, integration, entity, partition, page, document key) -> its record, for a source whose records
    have no id of their own."""

    records: str = "data"
    own_id: str = "id"
    ids: Callable[["Store", str, str, str], Collection[str]] = lambda store, integration, partition, one: (one,)
    find: Callable[["Store", str, str, str, Mapping[str, Any], str], Mapping[str, Any] | None] | None = None


def last_part(doc_key: str) -> str:
    """The source's own id, where a key ends with it."""
    return doc_key.rpartition(":")[2]


AS_LISTED = RawRecords()  # the id of a record is the last part of its document's key
