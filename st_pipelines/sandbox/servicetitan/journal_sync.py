"""Sync state and version of journal entries. Invariant: a version goes up when an entry's lines change, and only then.

The published document says of ``PATCH journal-entries/{id}/sync``: ``versionId`` must be the version that was synced,
is required for Synced and not used otherwise. Inferred: another version is a 400; a synced entry whose lines change is
OutOfSync; whoever syncs becomes ``exportedBy`` at ``exportedOn``, and ``modifiedOn`` stays that of the lines.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.servicetitan import stamps
from st_pipelines.sandbox.servicetitan.errors import ApiError, bad_value

Record = dict[str, Any]
_ENTITY = "journal_entries"


class SyncOrder(msgspec.Struct):
    """``JournalEntrySyncUpdateRequest``; unknown fields are ignored, as everywhere."""

    syncStatus: Literal["NotSynced", "InProgress", "Synced", "OutOfSync", "Error", "Excluded"]
    versionId: int | None = None
    message: str | None = None
    customFields: dict[str, str | None] | None = None


class JournalSync:
    def __init__(self, books: Books, clock: Clock) -> None:
        self._books, self._clock = books, clock

    def notice(self, entries: Mapping[str, tuple[Iterable[object], str]]) -> None:
        """Compares each entry's lines with those of its version. ``entries``: lines, and when the newest of their
        documents was modified: so was the entry, if its lines are others now; that a document was exported is none."""
        for identity, (lines, modified) in entries.items():
            digest = hashlib.sha256("\n".join(map(repr, lines)).encode()).hexdigest()
            held = self._books.get(_ENTITY, identity)
            if held is None:
                self._put(identity, {"id": identity, "digest": digest, "versionId": 1, "syncStatus": "NotSynced",
                                     "lastSyncVersionId": None, "message": None, "exportedOn": None,
                                     "exportedBy": None, "modifiedOn": modified})  # fmt: skip
            elif held["digest"] != digest:
                status = "OutOfSync" if held["syncStatus"] == "Synced" else held["syncStatus"]
                changes = {"digest": digest, "versionId": held["versionId"] + 1, "syncStatus": status}
                self._put(identity, {**held, **changes, "modifiedOn": modified})

    def of(self, identity: str) -> Record:
        """What an entry shows about it."""
        held = self._books.get(_ENTITY, identity) or {}
        return {name: value for name, value in held.items() if name not in ("id", "digest")}

    def change(self, identity: str, content: bytes) -> None:
        try:
            order = msgspec.json.decode(content, type=SyncOrder)
        except msgspec.DecodeError as error:
            raise ApiError(400, "One or more validation errors occurred.", {"request": [str(error)]}) from None
        if order.customFields is not None and len(order.customFields) > 5:
            raise bad_value("customFields", str(len(order.customFields)))
        held = self._books.get(_ENTITY, identity) or {}
        changes: Record = {"syncStatus": order.syncStatus, "message": order.message}
        if order.syncStatus == "Synced":
            if order.versionId != held["versionId"]:
                raise bad_value("versionId", str(order.versionId))
            by, stamp = {"id": 40_000_099, "name": "Integration"}, stamps.now_text(self._clock, self._books)
            changes |= {"lastSyncVersionId": order.versionId, "exportedOn": stamp, "exportedBy": by}
        self._put(identity, {**held, **changes})

    def _put(self, identity: str, record: Record) -> None:
        self._books.put(_ENTITY, identity, record)
