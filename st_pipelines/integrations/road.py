"""An integration's two sides and its flows as plain data. Invariant: everything that differs by system is named here,
so that extracting, mapping, posting and reconciling are written once.

``SourceSide`` and ``TargetSide`` are written once per system (``integrations/<system>.py``); a ``Road`` joins one of
each with the flows between them (``integrations/<source>_<target>.py``).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
from sqlalchemy import Engine

from st_pipelines.credentials.keyring import Keyring
from st_pipelines.credentials.vault import Connection
from st_pipelines.documents.codes import CodeRecord
from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations.registry import Integration
from st_pipelines.posting.target import Found, Target

if TYPE_CHECKING:
    from st_pipelines.mapping.frames import MappedFrames
    from st_pipelines.mapping.reference import Reference
    from st_pipelines.mapping.tables import Mapping as MappingTables
    from st_pipelines.posting.write_back import Said
    from st_pipelines.reconciliation.second_witness import Journal
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
class EventHint:
    """What an event asks to look at; without an ``entity`` there is a ``reason`` why nothing."""

    event: str
    entity: str = ""
    record_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class EventSide:
    """How a source tells of changes. An event is a hint to read, never data (W7)."""

    hint: Callable[[str, bytes, Mapping[str, str]], EventHint]  # (event type, body, the company's own names)
    # (client, store, integration, partition, entities to fill, own ids by entity, where a feed is begun at most)
    reread: Callable[
        [Any, "Store", Integration, str, Sequence[str], Mapping[str, Sequence[str]], datetime], Mapping[str, ReadAgain]
    ]
    document_key: Callable[[Integration, str, str], str]  # (…, entity, id); empty for what is no document of its own


@dataclass(frozen=True)
class Mark:
    """One document that the source is to mark as exported. ``external_id``: what the books call it. ``told``: every
    external id that the source may have been told for it before. ``values``: what else it is told, by names that the
    side understands (``Marking.values``)."""

    doc_key: str
    external_id: str
    told: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Note:
    """One document that is not in the books: ``waiting``, ``held`` or ``refused``, and why, for people there."""

    doc_key: str
    state: str
    reason: str


class Marked(Protocol):
    """What the source says to one mark. ``unknown``: only asking again can tell. ``reason`` in its own words."""

    @property
    def state(self) -> "Said": ...
    @property
    def reason(self) -> str: ...


@dataclass(frozen=True)
class Marking:
    """How a source is told that its documents are in the books. Asking twice changes nothing.

    ``send``: (client, entity, marks) -> one result for each, in order; raises ``SystemFault`` where nothing was sent.
    ``not_marked``: (entity, its tables of one day, integration) -> keys of documents that it shows as not exported.
    ``values``: what the source is told of a document as the target holds it now; None: its number alone. ``note``:
    (client, entity, notes) -> as ``send``, for what is not in the books (``options.tell_holds``)."""

    send: Callable[[Any, str, Sequence[Mark]], Sequence[Marked]]
    not_marked: Callable[[str, Tables, Integration], Sequence[str]]
    values: Callable[[Found], Mapping[str, str]] | None = None
    note: Callable[[Any, str, Sequence[Note]], Sequence[Marked]] | None = None


@dataclass(frozen=True)
class PartySide:
    """How a system's customers and vendors are compared. ``read``: all of a role; ``get``: some by reference, as they
    are now; ``target_id`` and ``reference``: from a reference to the ledger's id of the record, and back."""

    read: Callable[[Any, str], Iterable[PartyRecord]]
    get: Callable[[Any, str, Collection[str]], Mapping[str, PartyRecord]]
    target_id: Callable[[str], str]
    reference: Callable[[Any, str, str], str]  # (client, role, id)


@dataclass(frozen=True)
class PartyReturn:
    """How a source takes parties that only the target has. ``kinds``: role to the kind that its target knows;
    ``changeable``: by role, the fields that it lets others change."""

    as_target: Callable[[Any], Target]
    kinds: Mapping[str, str]
    changeable: Mapping[str, Collection[str]]


@dataclass(frozen=True)
class CodeSide:
    """How a system's lists of codes are read and written. ``read``: (client, kind) -> the whole list as it is now;
    ``key``: the ledger's key of a code that is known by this system; ``lists``: those it has, by their names in
    integration.yaml; ``takes``: those that others may write to."""

    read: Callable[[Any, str], Sequence[CodeRecord]]
    key: Callable[[Integration, str, str], str]
    as_target: Callable[[Any], Target]
    lists: Collection[str]
    takes: Collection[str]


@dataclass(frozen=True)
class JournalTelling:
    """How the entries of a source's own journal are told whether their documents are in the books. An entry is the
    source's own value, with ``id``, ``number`` and ``version_id``.

    ``documents``: (client, entry, kinds that are carried) -> document keys, and types of transactions that are none of
    these kinds. ``is_settled``: nothing is to be said about it. ``says``: (entry, in the books, message) -> whether it
    says so already. ``tell`` gives ``state`` (told, known, moved, refused, unknown, not_sent), ``reason`` and, where it
    moved, the ``entry`` as it is now."""

    entries: Callable[[Any, date, date], Iterable[Any]]
    documents: Callable[[Any, Any, Collection[str]], tuple[Sequence[str], Sequence[str]]]
    modified_on: Callable[[Any], datetime]
    is_settled: Callable[[Any], bool]
    says: Callable[[Any, bool, str], bool]
    tell: Callable[[Any, Any, bool, str], Any]


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


@dataclass(frozen=True)
class SourceSide:
    """``pins``: the settings under ``source`` that name the tenant and its books, all of them needed. Ids are text as
    the source writes them; ``id_of``: the id by which a document of this key is read again; ``still``: the id by which
    the newest day only looks whether a document that is not settled is still to be posted. ``longest_id``:
    characters that the last part of its documents' keys may have."""

    system: str
    daily: tuple[SourceEntity, ...]
    reference: Mapping[str, str]  # entity -> description
    connect: Callable[["Opened"], Any]
    # (client, store, integration, entity, windows, ids to read as well by partition key) -> partitions as they are done
    extract_days: Callable[
        [Any, "Store", Integration, str, Windows, Mapping[str, Sequence[str]]], Iterator[Mapping[str, ExtractedDay]]
    ]
    extract_reference: Callable[[Any, "Store", Integration, str], int]
    naming_columns: Callable[[str], Mapping[str, Sequence[str]]]  # entity -> by table, what ``named_ids`` looks at
    named_ids: Callable[[str, Tables], Sequence[str]]  # (entity, tables of the naming entities) -> ids to read as well
    ping: Callable[[Any, Integration], list[Finding]]  # what the flows that are switched on lack; reads only
    # (opens the client, integration, reference tables) -> the source's own journal, where it keeps one
    journal: Callable[[Callable[[], Any], Integration, Tables], "Journal"] | None = None
    marking: Marking | None = None
    journal_telling: JournalTelling | None = None
    events: EventSide | None = None  # where it sends webhooks
    parties: PartySide | None = None
    takes_parties: PartyReturn | None = None
    codes: CodeSide | None = None
    # (client, first day) -> its purchase order lines of orders from that day on, as they are now
    order_lines: Callable[[Any, date], Iterable[OrderLineStanding]] | None = None
    pins: tuple[str, ...] = ("tenant",)
    id_of: Callable[[str], str] = last_part
    still: Callable[[str], str] | None = None
    longest_id: int = 20
    raw: RawRecords = RawRecords()


@dataclass(frozen=True)
class TargetSide:
    """``pins``: the settings under ``target`` beside ``companies``, all of them needed."""

    system: str
    reference: Mapping[str, str]
    connect: Callable[["Opened"], Any]
    read_reference: Callable[[Any, str], pa.Table]
    as_target: Callable[[Any], Target]
    mapping_reference: Callable[[Tables, Tables], "Reference"]  # (its own reference tables, the source's)
    ping: Callable[[Any, Integration], list[Finding]]
    contradictions: Callable[[Integration], list[str]]  # between its profile and integration.yaml; asks no system
    parties: PartySide | None = None
    codes: CodeSide | None = None
    # (a party's document, the linked record's id) -> the document as this target wants it for a record that is there
    as_linked: Callable[[MappedDocument, str], MappedDocument] | None = None
    # (client, company, order lines) -> what its books know of each of them, in few requests; None: it keeps no receipts
    goods: Callable[[Any, str, Collection[OrderLineKey]], Mapping[OrderLineKey, Goods]] | None = None
    order_lines: Callable[[Any, date], Iterable[OrderLineStanding]] | None = None  # as of the source
    pins: tuple[str, ...] = ("profile",)


@dataclass(frozen=True)
class SourceDay:
    """All that mapping one flow's day needs."""

    integration: Integration
    tables: Tables
    mapping: "MappingTables"
    reference: "Reference"


@dataclass(frozen=True)
class Fact:
    key: str
    is_true: bool
    detail: str


@dataclass(frozen=True)
class Flow:
    """The road of one kind of document. ``reads``: daily entities; ``joins``: reference entities, ``<side>_<entity>``.
    ``after``: flows that are posted first in a run (the ledger's needs decide all
    the same). ``facts``: what the day's records prove to have happened, for documents that wait for it. ``marks``: the
    daily entity whose records the source marks as exported; empty where it takes no marks for this kind. ``aligns``:
    the role whose parties are matched with the target's before they are posted, and the kind that names them there.
    ``takes_goods``: its documents take received goods of order lines; they wait until the target's books cover them.
    ``codes``: lists of codes that its documents name."""

    name: str
    description: str
    reads: tuple[str, ...]
    joins: tuple[str, ...]
    map: Callable[[SourceDay], "MappedFrames"]
    kinds: tuple[str, ...]
    after: tuple[str, ...] = ()
    reconciled_kinds: tuple[str, ...] = ()
    facts: Callable[[SourceDay], Sequence[Fact]] | None = None
    marks: str = ""
    aligns: tuple[str, str] | None = None
    codes: tuple[str, ...] = ()
    takes_goods: bool = False


@dataclass(frozen=True)
class Road:
    """``tables``: the mapping tables that its flows join with. ``options``: those of ``integration.yaml`` that it reads
    beside the ones that every road reads; ``needs``: of these the ones that must be given (``outer.inner``: one within
    another). ``coverage``: what of the tables the reference data does not know any more. ``order_measures``: what it
    carries of ordered, received and invoiced, so that both sides' order lines must agree on it."""

    source: SourceSide
    target: TargetSide
    flows: tuple[Flow, ...]
    tables: tuple[str, ...]
    options: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    coverage: Callable[["MappingTables", "Reference"], Sequence[object]] | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    order_measures: tuple[str, ...] = ()

    def flow(self, name: str) -> Flow:
        for flow in self.flows:
            if flow.name == name:
                return flow
        raise KeyError(f"no flow named {name!r}; known: {', '.join(flow.name for flow in self.flows)}")

    def entity(self, name: str) -> SourceEntity:
        for entity in self.source.daily:
            if entity.name == name:
                return entity
        raise KeyError(
            f"no daily entity named {name!r}; known: {', '.join(entity.name for entity in self.source.daily)}"
        )
