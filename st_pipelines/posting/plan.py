"""Plans postings from mapped documents. Invariant: a version is recorded and acted upon in one transaction, once.

``plan_documents`` works in batches: one look at what is known (nothing new = nothing written), then one transaction for
what changed. Looking up is by set, never by document. The decisions are in ``decide``, the inserts in ``rows``.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, select, text

from st_pipelines.audit import trail
from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import document_version, posting
from st_pipelines.documents.mapped import DISPOSITIONS, Hold, MappedDocument
from st_pipelines.posting import canonical, moves, versions
from st_pipelines.posting.context import RunContext, ledger_faults_named, ledger_transaction
from st_pipelines.posting.decide import BY_A_PERSON, ChangeRule, Decision, Intent, Past, decide
from st_pipelines.posting.limits import LIMIT_CODE, RunTotals
from st_pipelines.posting.rows import NewPosting, insert_postings
from st_pipelines.posting.settings import RunLimits
from st_pipelines.posting.versions import Candidate, Latest

__all__ = ["PlanSummary", "RunContext", "RunLimits", "plan_documents"]

BATCH = 500
NO_LIMITS = RunLimits()


@dataclass
class PlanSummary:
    """What planning did. ``unchanged`` documents cost one look-up; ``held_codes`` counts new holds by code."""

    documents: int = 0
    unchanged: int = 0
    versions: int = 0
    planned: int = 0
    held: int = 0
    superseded: int = 0
    dispositions: Counter[str] = field(default_factory=Counter)
    ops: Counter[str] = field(default_factory=Counter)
    held_codes: Counter[str] = field(default_factory=Counter)


_past = select(
    posting.c.doc_key, posting.c.posting_id, posting.c.seq, posting.c.op, posting.c.state, posting.c.attempt,
    posting.c.version_id, posting.c.external_ref, posting.c.fence,
).where(
    posting.c.integration == bindparam("integration"), posting.c.doc_key.in_(bindparam("keys", expanding=True))
).order_by(posting.c.doc_key, posting.c.seq)  # fmt: skip


def plan_documents(
    engine: Engine, context: RunContext, documents: Iterable[MappedDocument], *, target: str, change: ChangeRule,
    limits: RunLimits = NO_LIMITS,
) -> PlanSummary:  # fmt: skip
    """Records new versions and plans what they mean. Sends nothing, asks no system anything.

    ``target`` names the target connection in the ledger's uniqueness rules; ``change`` is ``Target.change``. Planning
    the same documents again changes nothing. Raises ``LedgerUnavailable``.
    """
    summary, iterator = PlanSummary(), iter(documents)
    planner = _Planner(engine, context, target, change, RunTotals(context, limits), summary)
    for batch in _batches(iterator):
        summary.documents += len(batch)
        summary.dispositions.update(document.disposition for document in batch)
        planner.plan([Candidate(document, canonical.content_sha256(document)) for document in batch])
    return summary


def _batches(documents: Iterator[MappedDocument]) -> Iterator[list[MappedDocument]]:
    """Batches in which no key appears twice: the second version of a key must see what the first one did."""
    batch: dict[str, MappedDocument] = {}
    for document in documents:
        if document.disposition not in DISPOSITIONS:
            raise ValueError(f"{document.doc_key}: unknown disposition {document.disposition!r}")
        if document.doc_key in batch or len(batch) >= BATCH:
            yield list(batch.values())
            batch = {}
        batch[document.doc_key] = document
    if batch:
        yield list(batch.values())


class _Planner:
    def __init__(self, engine: Engine, context: RunContext, target: str, change: ChangeRule, totals: RunTotals,
                 summary: PlanSummary) -> None:  # fmt: skip
        self.engine, self.context, self.target, self.change = engine, context, target, change
        self.totals, self.summary = totals, summary

    def plan(self, batch: Sequence[Candidate]) -> None:
        with ledger_faults_named(), reading(self.engine) as connection:
            changed, _ = versions.changed(connection, self.context.integration, batch)
        self.summary.unchanged += len(batch) - len(changed)
        if not changed:
            return
        with ledger_transaction(self.engine) as connection:
            # Looked at again under the lock: another run may have planned the same documents meanwhile.
            still, known = versions.changed(connection, self.context.integration, changed)
            self.summary.unchanged += len(changed) - len(still)
            if still:
                self._write(connection, still, known)

    def _write(self, connection: Connection, batch: Sequence[Candidate], known: Mapping[str, Latest]) -> None:
        now = now_us(connection)
        batch = [_fitting(candidate) for candidate in batch]
        ids = versions.record(connection, self.context, batch, known, now)
        past, fences = self._history(connection, list(ids)) if known else ({}, {})
        standing = self._standing(connection, past)
        decisions = [
            (candidate, decide(candidate.document, past.get(candidate.document.doc_key, []), standing, self.change))
            for candidate in batch
        ]
        self._supersede(connection, decisions, fences, now)
        new = [row for candidate, decision in decisions
               for row in self._postings(candidate, decision, known, ids, past)]  # fmt: skip
        above = self.totals.add(connection, new)
        _, events = insert_postings(connection, self.context, new, now)
        trail.append_many(connection, [*self._only_recorded(decisions, known, ids), *events], now)
        self.totals.hold_earlier(connection, above, now)
        self._count(decisions, new)

    def plan_afresh(self, connection: Connection, keys: list[str], why: str, released: bool) -> list[int]:
        now, new = now_us(connection), list[NewPosting]()
        past, _ = self._history(connection, keys)
        rows = connection.execute(_latest_documents, {"integration": self.context.integration, "keys": keys}).all()
        standing = self._standing(connection, past)
        for row in rows:
            earlier = past.get(row.doc_key, [])
            if any(other.state in ("planned", "held", "sending", "unknown") for other in earlier):
                continue
            document = canonical.decode(row.document)
            detail = {"version": row.version, "content_sha256": row.content_sha256, "why": why}
            decision = decide(document, earlier, standing, self.change)
            for seq, intent in enumerate(decision.intents, earlier[-1].seq + 1 if earlier else 1):
                if released and intent.hold_code in BY_A_PERSON:
                    intent = replace(intent, hold_code="", hold_text="")
                new.append(self._posting(intent, document, seq, row.version_id, detail))
        ids, events = insert_postings(connection, self.context, new, now)
        trail.append_many(connection, events, now)
        return ids

    def _standing(self, connection: Connection, past: Mapping[str, Sequence[Past]]) -> dict[int, MappedDocument]:
        return versions.documents(connection, {
            row.version_id for rows in past.values() for row in rows
            if row.state not in ("superseded", "rejected") and not row.never_sent
        })  # fmt: skip

    def _history(self, connection: Connection, keys: list[str]) -> tuple[dict[str, list[Past]], dict[int, int]]:
        past: dict[str, list[Past]] = {}
        fences: dict[int, int] = {}
        for row in connection.execute(_past, {"integration": self.context.integration, "keys": keys}):
            past.setdefault(row.doc_key, []).append(
                Past(row.posting_id, row.seq, row.op, row.state, row.attempt, row.version_id, row.external_ref)
            )
            fences[row.posting_id] = row.fence
        return past, fences

    def _supersede(self, connection: Connection, decisions: Iterable[tuple[Candidate, Decision]],
                   fences: Mapping[int, int], now: int) -> None:  # fmt: skip
        outdated = [
            moves.Move(row.posting_id, candidate.document.doc_key, fences[row.posting_id], row.state, "superseded",
                       "superseded", content={"seq": row.seq, "op": row.op, "by_content": candidate.content_sha256})
            for candidate, decision in decisions for row in decision.supersede
        ]  # fmt: skip
        moves.apply(connection, self.context, outdated, now)
        self.summary.superseded += len(outdated)

    def _postings(self, candidate: Candidate, decision: Decision, known: Mapping[str, Latest],
                  ids: Mapping[str, int], past: Mapping[str, Sequence[Past]]) -> Iterator[NewPosting]:  # fmt: skip
        document, earlier = candidate.document, past.get(candidate.document.doc_key, ())
        version = versions.next_version(known, document.doc_key)
        detail = {"version": version, "content_sha256": candidate.content_sha256,
                  "version_sha256": candidate.row_sha256}  # fmt: skip
        first = earlier[-1].seq + 1 if earlier else 1
        for seq, intent in enumerate(decision.intents, first):
            yield self._posting(intent, document, seq, ids[document.doc_key], detail)

    def _posting(self, intent: Intent, document: MappedDocument, seq: int, version_id: int,
                 detail: dict[str, Any]) -> NewPosting:  # fmt: skip
        subject, void = intent.subject, intent.op == "void"
        return NewPosting(
            flow=document.flow, kind=subject.kind, doc_key=document.doc_key, seq=seq, op=intent.op,
            target=self.target, company=subject.company, external_ref=intent.external_ref, version_id=version_id,
            previous_version_id=intent.previous_version_id, currency=subject.currency,
            amount_minor=versions.amount(subject), business_date=subject.business_date.isoformat(),
            state=intent.state, reason_code=intent.hold_code, reason=versions.plain(intent.hold_text),
            needs=() if void else tuple(need for need in subject.needs if need != document.doc_key),
            control=() if void else subject.control, detail=detail,
        )  # fmt: skip

    def _only_recorded(
        self, decisions: Iterable[tuple[Candidate, Decision]], known: Mapping[str, Latest], ids: Mapping[str, int]
    ) -> Iterator[trail.Event]:
        """A version that plans nothing has an event of its own, so that nothing is left out silently (P1)."""
        common = self.context.audited()
        for candidate, decision in decisions:
            if decision.intents:
                continue
            document = candidate.document
            yield trail.Event("recorded", document.doc_key, None, {
                **common, "flow": document.flow, "kind": document.kind, "disposition": document.disposition,
                "reason": versions.reason(document), "company": document.company, "currency": document.currency,
                "amount_minor": versions.amount(document), "version": versions.next_version(known, document.doc_key),
                "content_sha256": candidate.content_sha256, "version_id": ids[document.doc_key],
                "version_sha256": candidate.row_sha256,
            })  # fmt: skip

    def _count(self, decisions: Sequence[tuple[Candidate, Decision]], new: Iterable[NewPosting]) -> None:
        self.summary.versions += len(decisions)
        for row in new:
            self.summary.ops[row.op] += 1
            if row.state == "held":
                self.summary.held += 1
                self.summary.held_codes[row.reason_code] += 1
            else:
                self.summary.planned += 1
        self.summary.held_codes[LIMIT_CODE] += self.totals.held_earlier
        self.summary.held += self.totals.held_earlier
        self.summary.planned -= self.totals.held_earlier
        self.totals.held_earlier = 0
        self.summary.held_codes += Counter()  # drops zeros


def _fitting(candidate: Candidate) -> Candidate:
    """A ready document whose amount has more decimals than its currency is held, not rounded ($5)."""
    document = candidate.document
    fault = versions.amount_fault(document) if document.disposition == "ready" else ""
    if not fault:
        return candidate
    hold = Hold("amount.not_in_minor_units", document.doc_key, fault, "Correct the rounding rule of the mapping.")
    return Candidate(msgspec.structs.replace(document, disposition="held", hold=hold), candidate.content_sha256)


_latest_documents = select(
    document_version.c.doc_key, document_version.c.version_id, document_version.c.version,
    document_version.c.content_sha256, document_version.c.document,
).where(
    document_version.c.integration == bindparam("integration"),
    document_version.c.doc_key.in_(bindparam("keys", expanding=True)),
    text("document_version.is_latest = 1"),
)  # fmt: skip


def plan_again(
    engine: Engine, context: RunContext, doc_keys: Collection[str], *, target: str, change: ChangeRule, why: str,
    released: bool = False,
) -> list[int]:  # fmt: skip
    """Plans the latest version of these documents afresh from their history: an update whose create was refused becomes
    a create (L10), a refused posting gets the next seq and the same reference (L14).

    A document with an open posting is left alone: that one goes first. ``released``: a person has decided, so a change
    is no reason to hold. Gives the new postings."""
    planner = _Planner(engine, context, target, change, RunTotals(context, NO_LIMITS), PlanSummary())
    with ledger_transaction(engine) as connection:
        return planner.plan_afresh(connection, list(doc_keys), why, released)


def give_up(
    engine: Engine, connection: Connection, context: RunContext, rows: Sequence[moves.Move], *, target: str,
    change: ChangeRule, why: str,
) -> list[int]:  # fmt: skip
    """Supersedes planned postings whose frozen bodies are outdated and plans their documents afresh, in the caller's
    ledger transaction, so that no document is ever without one. They were to be sent, so whatever a person had to
    decide about them is decided. Gives the new postings."""
    if not rows:
        return []
    moves.apply(connection, context, rows, now_us(connection))
    planner = _Planner(engine, context, target, change, RunTotals(context, NO_LIMITS), PlanSummary())
    return planner.plan_afresh(connection, [row.doc_key for row in rows], why, True)
