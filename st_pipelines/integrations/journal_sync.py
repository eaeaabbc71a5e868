"""Tells the source, entry by entry of its own journal, whether the documents behind an entry are in the books.

Invariant: an entry is called synced only when every document in it was posted and read back (or has nothing to post),
and only as far as the source was read: what changed since the last day without a gap may be another document than the
one in the books. An entry with a held or rejected document gets our reason; about every other one nothing is said. The
entry itself keeps what it was told, so nothing is said twice, and nothing is kept here but an audit event before and
after each word.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from st_pipelines.audit import trail
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import days_of, stored_documents, stored_partitions
from st_pipelines.integrations.telling import JournalTelling
from st_pipelines.integrations.witness import span
from st_pipelines.posting.canonical import content_sha256
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.readback import DIFFERS
from st_pipelines.posting.standing import Standing, standing
from st_pipelines.reconciliation.source_side import latest_versions
from st_pipelines.systems.http.errors import SystemFault

LONGEST_MESSAGE = 500
ATTEMPTS = 3  # how often an entry is judged whose version moves meanwhile


@dataclass(frozen=True)
class EntryTold:
    """``outcome``: synced, error or known (it says so already); refused, unknown or moved (not told); open (documents
    on their way) or left_alone (transactions that nobody carries here)."""

    number: int
    outcome: str
    documents: int
    message: str = ""


@dataclass
class JournalTold:
    month: date
    entries: list[EntryTold] = field(default_factory=list)
    stopped: str = ""

    @property
    def counts(self) -> Counter[str]:
        return Counter(entry.outcome for entry in self.entries)

    @property
    def failed(self) -> list[EntryTold]:
        """What ought to have been told and was not."""
        return [entry for entry in self.entries if entry.outcome in ("refused", "unknown", "moved")]


@dataclass(frozen=True)
class _Known:
    """What was read of the source: kinds of documents, until when without a gap, the newest version of each."""

    kinds: frozenset[str]
    until: datetime
    newest: Mapping[str, MappedDocument]


@dataclass(frozen=True)
class _Verdict:
    """What to say about an entry; ``outcome`` instead, where nothing is to be said."""

    documents: int
    in_books: bool = False
    message: str = ""
    outcome: str = ""


def tell_journal(session: Session, month: date, run_id: str, actor: str) -> JournalTold:
    """Every entry of the month. Raises ``SystemFault`` where the journal cannot be read, and ``LedgerRestored``."""
    telling = session.road.source.journal_telling
    if telling is None:
        raise ValueError(f"{session.integration.name}: its source keeps no journal that could be told anything")
    session.mark.require(session.engine)
    context, told, known = session.context(run_id, actor, month.isoformat()), JournalTold(month), _known(session)
    last = month.replace(day=monthrange(month.year, month.month)[1])
    for entry in telling.entries(session.source, month.replace(day=1), last):
        if told.stopped:
            break
        told.entries.append(_tell(session, telling, context, entry, known, told))
    return told


def _known(session: Session) -> _Known:
    flows = [flow for flow in session.road.flows if flow.name in session.integration.flows and flow.reconciled_kinds]
    stored = {flow.name: stored_partitions(session, flow) for flow in flows}
    days = {name: days_of(keys) for name, keys in stored.items()}
    if not flows or not all(days.values()):
        return _Known(frozenset(), datetime.fromtimestamp(0, UTC), {})
    until = min(span(of_flow, session.integration.zone, datetime.now(UTC))[1] for of_flow in days.values())
    newest = latest_versions(one for flow in flows for one in stored_documents(session, flow, stored[flow.name]))
    return _Known(frozenset(kind for flow in flows for kind in flow.reconciled_kinds), until, newest)


def _tell(
    session: Session, telling: JournalTelling, context: RunContext, entry: Any, known: _Known, told: JournalTold
) -> EntryTold:  # fmt: skip
    for _ in range(ATTEMPTS):
        if telling.is_settled(entry):
            return EntryTold(entry.number, "known", 0)
        verdict = _verdict(session, telling, entry, known)
        if verdict.outcome:
            return EntryTold(entry.number, verdict.outcome, verdict.documents, verdict.message)
        if telling.says(entry, verdict.in_books, verdict.message):
            return EntryTold(entry.number, "known", verdict.documents, verdict.message)
        said = _said(session, telling, context, entry, verdict)
        if said.state == "not_sent":
            told.stopped = said.reason
        if said.state != "moved" or said.entry is None:
            outcome = "synced" if verdict.in_books else "error"
            return EntryTold(
                entry.number, {"told": outcome}.get(said.state, said.state), verdict.documents,
                said.reason or verdict.message,
            )  # fmt: skip
        entry = said.entry
    return EntryTold(entry.number, "moved", 0, "its version moved each time it was judged; the next run looks again")


def _verdict(session: Session, telling: JournalTelling, entry: Any, known: _Known) -> _Verdict:
    if telling.modified_on(entry) >= known.until:
        return _Verdict(0, outcome="open", message="it changed after the last day that was read without a gap")
    documents, others = telling.documents(session.source, entry, known.kinds)
    if others:
        return _Verdict(len(documents), outcome="left_alone", message=f"holds {', '.join(others)}")
    target, count = session.integration.target.system, len(documents)
    stands = standing(session.engine, session.integration.name, documents)
    stopped = [one for one in stands.values() if one.state in ("held", "rejected") or one.code == DIFFERS]
    if stopped:
        return _Verdict(count, False, _reasons(target, count, stopped))
    newest = {key: content_sha256(known.newest[key]) for key in documents if key in known.newest}
    settled = [one for one in stands.values() if one.content_sha256 == newest.get(one.doc_key)
               if one.state == "nothing_to_post" or (one.state == "posted" and one.read_back)]  # fmt: skip
    if not documents or len(settled) < count:
        return _Verdict(count, outcome="open")
    return _Verdict(count, True, f"{count} documents are in {target}")


def _reasons(target: str, documents: int, stopped: Sequence[Standing]) -> str:
    """One sentence a document, as many as fit."""
    head = f"{len(stopped)} of {documents} documents are not in {target}: "
    told = [f"{one.label or one.doc_key} ({one.state}): {one.reason or one.code}" for one in stopped]
    for count in range(len(told), 0, -1):
        rest = f" … and {len(told) - count} more" if count < len(told) else ""
        message = head + "; ".join(told[:count]) + rest
        if len(message) <= LONGEST_MESSAGE:
            return message
    return (head + told[0])[: LONGEST_MESSAGE - 1] + "…"


def _said(session: Session, telling: JournalTelling, context: RunContext, entry: Any, verdict: _Verdict) -> Any:
    about = {"entry": entry.id, "number": entry.number, "version": entry.version_id, "in_books": verdict.in_books,
             "message": verdict.message}  # fmt: skip
    _audit(session, context, "journal_asked", about)
    try:
        said = telling.tell(session.source, entry, verdict.in_books, verdict.message)
    except SystemFault as fault:
        _audit(session, context, "journal_answer", {**about, "state": "unknown", "reason": str(fault)})
        raise
    _audit(session, context, "journal_answer", {**about, "state": said.state, "reason": said.reason})
    return said


def _audit(session: Session, context: RunContext, event: str, content: dict[str, Any]) -> None:
    with ledger_transaction(session.engine) as connection:
        trail.append(connection, event, **{**context.audited(), **content})


def rows(told: Sequence[JournalTold]) -> list[dict[str, str]]:
    """Entries that say anything but that all is well, for a screen."""
    return [
        {"entry": str(entry.number), "outcome": entry.outcome, "documents": str(entry.documents),
         "message": entry.message}
        for month in told for entry in month.entries if entry.outcome not in ("synced", "known")
    ]  # fmt: skip
