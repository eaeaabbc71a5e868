"""Tells ServiceTitan whether one of its journal entries is in the books. Invariant: an entry is told only about the
version whose lines were judged, and what it says already is not said again.

``versionId`` is ServiceTitan's guard against a lost update: it must be the version that was synced, is required for
Synced and not looked at otherwise. So an entry is read just before it is told anything, and one whose version moved
meanwhile is given back to be judged again.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec

from st_pipelines.documents.keys import doc_key
from st_pipelines.systems.http.errors import Forbidden, NotExecuted, NotFound, OutcomeUnknown, Refused
from st_pipelines.systems.http.reply import Reply
from st_pipelines.systems.servicetitan.journal import DOCUMENTS, ENTITY, MODULE, PATH, lines_of
from st_pipelines.systems.servicetitan.journal_models import JournalEntry
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines.systems.servicetitan.vectors import TAG

WRITE_SCOPE = "tn.acc.journalentries:w"
LEFT_ALONE = ("InProgress", "Excluded")  # another program is at it, or a person said that it is nobody's

State = Literal["told", "known", "moved", "refused", "unknown", "not_sent"]


@dataclass(frozen=True)
class Told:
    """``known``: it says so already. ``moved``: its version is another one now, judge ``entry`` again (None: gone)."""

    state: State
    reason: str = ""
    entry: JournalEntry | None = None


def is_settled(entry: JournalEntry) -> bool:
    """Whether nothing is to be said about the entry whatever stands behind it: it is synced in its present version,
    another program is at it, or a person excluded it."""
    return entry.sync_status in LEFT_ALONE or says(entry, "Synced", "")


def says(entry: JournalEntry, status: str, message: str) -> bool:
    """Whether the entry says exactly this already, about its present version."""
    if status == "Synced":
        return entry.sync_status == "Synced" and entry.last_sync_version_id == entry.version_id
    return entry.sync_status == status and (entry.message or "") == message


def document_keys(client: ServiceTitan, entry: JournalEntry, carried: Collection[str]) -> tuple[list[str], list[str]]:
    """Keys of the documents that stand behind an entry, and the types of its transactions that are of no kind in
    ``carried``. Raises ``SystemFault``."""
    keys: dict[str, None] = {}
    others: dict[str, None] = {}
    for line in lines_of(client, entry):
        kind = line.transaction.type if line.transaction else "Unspecified"
        if line.transaction and kind in DOCUMENTS and DOCUMENTS[kind][1] in carried:
            keys[doc_key(TAG, client.tenant, DOCUMENTS[kind][0], line.transaction.id)] = None
        else:
            others[kind] = None
    return list(keys), list(others)


def tell_entry(client: ServiceTitan, entry: JournalEntry, status: str, message: str) -> Told:
    """``entry``: as it was when its lines were judged. Raises ``SystemFault`` where it cannot be read; nothing was sent
    then."""
    now = _read(client, entry)
    if now.version_id != entry.version_id:
        return Told("moved", entry=now)
    if says(now, status, message):
        return Told("known")
    body: dict[str, Any] = {"syncStatus": status, "message": message}
    if status == "Synced":
        body["versionId"] = entry.version_id
    reference = f"entry {entry.number}"
    try:
        reply = client.write(MODULE, f"{PATH}/{entry.id}/sync", msgspec.json.encode(body), entity=ENTITY,
                             reference=reference, method="PATCH")  # fmt: skip
        answered = _decoder().decode(reply.content)
    except (NotExecuted, Forbidden) as fault:
        return Told("not_sent", str(fault))
    except NotFound:
        return Told("moved", "it is gone")
    except Refused as fault:
        now = _read(client, entry)  # which status says that the version moved is not published: the entry itself does
        return Told("moved", entry=now) if now.version_id != entry.version_id else Told("refused", str(fault))
    except OutcomeUnknown as fault:
        return Told("unknown", str(fault))
    except msgspec.MsgspecError:
        return Told("unknown", "the answer is not the published one")
    if answered.id != entry.id or not says(answered, status, message):
        return Told("unknown", f"it answered with syncStatus {answered.sync_status}")
    return Told("told")


def ask_to_tell_nothing(client: ServiceTitan) -> None:
    """Shows whether the app may tell entries at all: none has the id 0, so nothing is changed. Raises ``Forbidden``
    where it may not, and what else a write raises but that the entry is not there."""
    with suppress(NotFound):
        client.write(MODULE, f"{PATH}/0/sync", b'{"syncStatus":"Pending"}', entity=ENTITY, reference="ping",
                     method="PATCH", asking=True)  # fmt: skip


def _read(client: ServiceTitan, entry: JournalEntry) -> JournalEntry:
    found: list[JournalEntry] = []

    def decode(reply: Reply) -> None:
        found.append(_decoder().decode(reply.content))

    client.read(MODULE, f"{PATH}/{entry.id}", (), entity=ENTITY, reference=f"entry {entry.number}", check=decode)
    return found[-1]


@cache
def _decoder() -> msgspec.json.Decoder[JournalEntry]:
    return msgspec.json.Decoder(JournalEntry)
