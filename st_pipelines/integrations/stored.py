"""Mapped documents as the store has them. Invariant: what is given is what the partition's manifest names now.

A run reads the same days to plan, to reconcile the days and to close the month: what was read is kept while its digest
is the partition's, up to a number of documents, the last used ones first.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from weakref import WeakKeyDictionary

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.map_day import DOCUMENTS, LAYER, LINES, part
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.mapping.frames import MappedFrames
from st_pipelines.mapping.rows import mapped_documents
from st_pipelines.store.files import Store
from st_pipelines.store.names import events_read_at

_MOST = 20_000  # documents kept: a few ten MiB


def stored_documents(session: Session, flow: Flow, keys: Sequence[str]) -> Iterator[MappedDocument]:
    """The mapped documents of some days, in the order of ``keys``. Raises ``NotStored``."""
    if session not in _by_session:
        _by_session[session] = _StoredDocuments(session.store, session.integration.name)
    return _by_session[session].of(flow, keys)


def stored_partitions(session: Session, flow: Flow) -> list[str]:
    """Keys of the mapped partitions, those of single records (events) first: of two mappings of one version the last
    counts, and only a day's is made again when the mapping tables change."""
    keys = session.store.partitions(session.integration.name, LAYER, part(flow, DOCUMENTS))
    return sorted(keys, key=lambda key: (events_read_at(key) is None, key))


def days_of(keys: Sequence[str]) -> list[str]:
    """Without the partitions of single records: what was read as a whole day."""
    return [key for key in keys if events_read_at(key) is None]


class _StoredDocuments:
    """Of one integration. Safe to use from several threads."""

    def __init__(self, store: Store, integration: str) -> None:
        self._store, self._integration = store, integration
        self._kept: OrderedDict[tuple[str, str], tuple[str, tuple[MappedDocument, ...]]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def of(self, flow: Flow, keys: Sequence[str]) -> Iterator[MappedDocument]:
        for key in keys:
            if events_read_at(key) is not None and not self._store.has_table(self._integration, LAYER, flow.name, key):
                continue  # covered by a day and removed since somebody listed it
            digest = self._store.manifest(self._integration, LAYER, flow.name, key).digest
            with self._lock:
                known = self._kept.get((flow.name, key))
                if known is not None and known[0] == digest:
                    self._kept.move_to_end((flow.name, key))
            if known is None or known[0] != digest:
                known = (digest, tuple(mapped_documents(self._frames(flow, key))))
                self._keep(flow, key, *known)
            yield from known[1]

    def _frames(self, flow: Flow, key: str) -> MappedFrames:
        return MappedFrames(
            self._store.read_table(self._integration, LAYER, part(flow, DOCUMENTS), key),
            self._store.read_table(self._integration, LAYER, part(flow, LINES), key),
        )

    def _keep(self, flow: Flow, key: str, digest: str, documents: tuple[MappedDocument, ...]) -> None:
        with self._lock:
            self._forget((flow.name, key))
            if self._store.manifest(self._integration, LAYER, flow.name, key).digest != digest:
                return  # mapped again while it was read: which of the two this is cannot be said
            self._kept[flow.name, key] = (digest, documents)
            self._count += len(documents)
            while self._count > _MOST:
                self._forget(next(iter(self._kept)))

    def _forget(self, place: tuple[str, str]) -> None:
        if place in self._kept:
            self._count -= len(self._kept.pop(place)[1])


_by_session: WeakKeyDictionary[Session, _StoredDocuments] = WeakKeyDictionary()
