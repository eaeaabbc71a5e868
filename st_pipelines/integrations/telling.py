"""How a source tells of changes, and what it is told of the books. Invariant: an event is a hint to read, never data;
only what was read back from the target is told.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from st_pipelines.integrations.registry import Integration
from st_pipelines.posting.target import Found

if TYPE_CHECKING:
    from st_pipelines.posting.write_back import Said
    from st_pipelines.store.files import Store

from st_pipelines.integrations.reading import ReadAgain, Tables


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
