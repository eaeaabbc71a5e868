"""What a run would write, without writing it. Invariant: the planner's own decisions, over the same ledger; neither
ledger nor target is changed.

The digest names everything that would be sent: new postings with the content of their documents, postings that are
planned already and would go out too, and the mapping version. ``apply`` sends only while it is still the same.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from st_pipelines.database.engine import reading
from st_pipelines.database.schema import posting
from st_pipelines.documents.bill import cover_key
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.integrations.align_parties import align, stopped_before
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting import canonical, needs, versions
from st_pipelines.posting.decide import Intent, Past, decide
from st_pipelines.posting.target import CannotRender, NotYet, Reference
from st_pipelines.posting.versions import Candidate
from st_pipelines.reconciliation.source_side import latest_versions

_BATCH = 400


@dataclass(frozen=True)
class Planned:
    """One write that a run would plan. ``payload``: the exact body where it can be built now; else ``payload_fault``
    says why (it names a document that is not posted yet). ``differences``: an update against what the target holds."""

    flow: str
    kind: str
    doc_key: str
    op: str
    external_ref: str
    company: str
    currency: str
    amount_minor: int
    business_date: str
    state: str
    reason: str
    content_sha256: str
    label: str
    payload: str | None = None
    payload_fault: str = ""
    differences: tuple[str, ...] = ()


@dataclass
class DryRun:
    """``queued``: (document, op, reference) of postings that are planned already. ``control``: change of the control
    totals in minor units by (business unit, GL account, currency, business date), debit positive."""

    mapping_version: str
    unchanged: int = 0
    planned: list[Planned] = field(default_factory=list)
    queued: list[tuple[str, str, str]] = field(default_factory=list)
    control: dict[tuple[str, str, str, date], int] = field(default_factory=lambda: defaultdict(int))

    @property
    def digest(self) -> str:
        writes = sorted([p.doc_key, p.op, p.external_ref, p.content_sha256, p.state] for p in self.planned)
        said = json.dumps([self.mapping_version, writes, sorted(self.queued)], separators=(",", ":"))
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True)
class _Write:
    """An intent with what rendering it needs, gathered in one reading of the ledger."""

    candidate: Candidate
    intent: Intent
    references: Mapping[str, Reference]
    waits_for: tuple[str, ...]
    target_id: str
    previous: MappedDocument | None


def dry_run(session: Session, flows: Sequence[Flow], days: Sequence[date], *, payloads: bool = False) -> DryRun:
    """Over the mapped documents of these days in the store. With ``payloads`` the target may be read, never written."""
    found, writes = DryRun(session.mapping.version), list[_Write]()
    keys = [day.isoformat() for day in days]
    documents: list[MappedDocument] = []
    for flow in flows:
        newest = latest_versions(stored_documents(session, flow, keys))
        documents += align(session, flow, [*stopped_before(session, flow), *newest.values()], None, set())
    with reading(session.engine) as connection:
        for start in range(0, len(documents), _BATCH):
            writes += _intents(connection, session, documents[start : start + _BATCH], found)
        found.queued = _queued(connection, session, flows)
    # The target is asked after the ledger's transaction has ended (C3).
    found.planned = [_planned(session, write, payloads) for write in writes]
    found.control = {place: minor for place, minor in found.control.items() if minor}
    return found


def _intents(
    connection: Connection, session: Session, batch: Sequence[MappedDocument], found: DryRun
) -> Iterator[_Write]:
    name = session.integration.name
    candidates = [Candidate(document, canonical.content_sha256(document)) for document in batch]
    changed, _ = versions.changed(connection, name, candidates)
    found.unchanged += len(candidates) - len(changed)
    past = _history(connection, name, [one.document.doc_key for one in changed])
    stood = versions.documents(connection, {row.version_id for rows in past.values() for row, _ in rows})
    every = {need for one in changed for need in one.document.needs}
    references, met = _references(connection, name, every), needs.met(connection, name, every)
    for one in changed:
        history = past.get(one.document.doc_key, [])
        target_id = next(
            (row.target_id for past, row in reversed(history) if past.op == "create" and row.target_id), ""
        )
        for intent in decide(one.document, [row for row, _ in history], stood, session.target.change).intents:
            wanted = () if intent.op == "void" else intent.subject.needs
            if not intent.hold_code:
                _add_control(found, intent, stood)
            yield _Write(
                one, intent, {need: references[need] for need in wanted if need in references},
                # Whether goods cover it is asked of the target when the payload is built.
                tuple(need for need in wanted if need not in met
                      and need not in (one.document.doc_key, cover_key(one.document.doc_key))), target_id,
                stood.get(intent.previous_version_id) if intent.previous_version_id else None,
            )  # fmt: skip


def _planned(session: Session, write: _Write, payloads: bool) -> Planned:
    intent, document = write.intent, write.candidate.document
    payload, fault, differences = None, "", tuple[str, ...]()
    if payloads and not intent.hold_code:
        payload, fault, differences = _payload(session, write)
    subject = intent.subject
    return Planned(
        document.flow, subject.kind, document.doc_key, intent.op, intent.external_ref, subject.company,
        subject.currency, versions.amount(subject), subject.business_date.isoformat(), intent.state,
        ": ".join(part for part in (intent.hold_code, intent.hold_text) if part), write.candidate.content_sha256,
        document.label, payload, fault, differences,
    )  # fmt: skip


def _payload(session: Session, write: _Write) -> tuple[str | None, str, tuple[str, ...]]:
    intent, target = write.intent, session.target
    if write.waits_for:
        return None, f"waits for {' '.join(write.waits_for)}", ()
    document = versions.as_void(intent.subject) if intent.op == "void" else intent.subject
    try:
        body = target.render(
            document, intent.op, intent.external_ref, write.references, write.previous, write.target_id
        )
    except (CannotRender, NotYet) as error:
        return None, str(error), ()
    differences: tuple[str, ...] = ()
    if intent.op == "update":
        held = target.find(document.kind, document.company, [intent.external_ref]).get(intent.external_ref, [])
        differences = tuple(text for one in held for text in target.differences(document, one))
    return body.decode("utf-8", "backslashreplace"), "", differences


def _add_control(found: DryRun, intent: Intent, stood: Mapping[int, MappedDocument]) -> None:
    before = stood.get(intent.previous_version_id) if intent.previous_version_id else None
    for document, sign in ((before, -1), (None if intent.op == "void" else intent.subject, 1)):
        if document is not None:
            for line in document.control:
                place = (line.business_unit, line.gl_account, document.currency, document.business_date)
                found.control[place] = found.control.get(place, 0) + sign * line.amount_minor


def _history(connection: Connection, integration: str, keys: Sequence[str]) -> dict[str, list[tuple[Past, Any]]]:
    history: dict[str, list[tuple[Past, Any]]] = defaultdict(list)
    query = select(posting).where(posting.c.integration == integration, posting.c.doc_key.in_(keys))
    for row in connection.execute(query.order_by(posting.c.doc_key, posting.c.seq)):
        past = Past(row.posting_id, row.seq, row.op, row.state, row.attempt, row.version_id, row.external_ref)
        history[row.doc_key].append((past, row))
    return history


def _references(connection: Connection, integration: str, wanted: Iterable[str]) -> dict[str, Reference]:
    found: dict[str, Reference] = {}
    query = select(posting).where(
        posting.c.integration == integration, posting.c.doc_key.in_(list(wanted)), posting.c.state == "posted"
    )
    for row in connection.execute(query.order_by(posting.c.doc_key, posting.c.seq)):
        if row.op == "create":
            found[row.doc_key] = Reference(row.doc_key, row.target_id, row.target_number, row.kind)
        elif row.op in ("void", "delete"):
            found.pop(row.doc_key, None)
    return found


def _queued(connection: Connection, session: Session, flows: Sequence[Flow]) -> list[tuple[str, str, str]]:
    query = select(posting.c.doc_key, posting.c.op, posting.c.external_ref).where(
        posting.c.integration == session.integration.name, posting.c.flow.in_([flow.name for flow in flows]),
        posting.c.state == "planned",
    )  # fmt: skip
    return [(key, op, reference) for key, op, reference in connection.execute(query.order_by(posting.c.posting_id))]


def control_rows(found: DryRun) -> Iterator[tuple[str, str, str, date, int]]:
    """Change of the control totals, ordered."""
    for (unit, account, currency, day), minor in sorted(found.control.items()):
        yield unit, account, currency, day, minor
