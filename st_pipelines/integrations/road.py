"""An integration's two sides and its flows as plain data. Invariant: everything that differs by system is named here,
so that extracting, mapping, posting and reconciling are written once.

``SourceSide`` and ``TargetSide`` are written once per system (``integrations/<system>.py``); a ``Road`` joins one of
each with the flows between them (``integrations/<source>_<target>.py``).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from st_pipelines.documents.goods import Goods, OrderLineKey
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.integrations.masters import CodeSide, PartyReturn, PartySide
from st_pipelines.integrations.reading import (
    AS_LISTED,
    ExtractedDay,
    Finding,
    Opened,
    RawRecords,
    SourceEntity,
    Tables,
    Windows,
    last_part,
)
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.telling import EventSide, JournalTelling, Marking
from st_pipelines.posting.target import Target

if TYPE_CHECKING:
    from st_pipelines.mapping.frames import MappedFrames
    from st_pipelines.mapping.reference import Reference
    from st_pipelines.mapping.tables import Mapping as MappingTables
    from st_pipelines.reconciliation.second_witness import Journal
    from st_pipelines.store.files import Store


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
    raw: RawRecords = AS_LISTED


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
