"""Parties of the target that the source lacks or holds otherwise, sent to the source through the same ledger.
Invariant: what the source itself wrote in the target is no news there: a quiet pair of systems writes nothing (L13).

Parties have no business date, so there is no day: all of the target's are read, and the ledger compares content (L11).
The ledger keeps these documents under a name of their own (``Integration.back``): the other direction's target is
never asked for them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256

import msgspec

from st_pipelines.alignment import ledger, links
from st_pipelines.alignment.align import Known, Linked, aligned
from st_pipelines.alignment.fields import TARGET, Conflict, Owner, Settled, at_one, settle
from st_pipelines.alignment.link_rows import CREATED_BACK, Link
from st_pipelines.alignment.matching import Findings, Match, match
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import FIELDS, Party
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations.masters import PartyReturn, PartySide
from st_pipelines.integrations.post_days import pace
from st_pipelines.integrations.session import NotReady, Session
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import RunLimits

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Returned:
    """What one pass did. ``in_step``: linked parties of which nothing is to be written; ``conflicts``: fields that both
    sides changed."""

    role: str
    read: int = 0
    linked: int = 0
    in_step: int = 0
    planned: int = 0
    proposed: int = 0
    sent: int = 0
    held: int = 0
    stopped: str = ""
    conflicts: list[tuple[str, Conflict]] = field(default_factory=list)


def send_back(session: Session, role: str, run_id: str, actor: str) -> Returned:
    """One pass over all parties of a role. Raises ``NotReady`` where integration.yaml does not ask for it."""
    back, mine, theirs = _ends(session)
    context = RunContext(session.integration.back, run_id, actor, session.mapping.version)
    target = back.as_target(session.source)
    here = {record.reference: record for record in mine.read(session.target_client, role)}
    live = links.live_of_targets(session.engine, session.integration.link_book, role, here)
    done = Returned(role, read=len(here), linked=len(live))
    there = theirs.get(session.source, role, [link.source_id for link in live.values()]) if live else {}
    known = _known(session, role, here, live, there, context, done)
    stopped = {one.doc_key for one in ledger.held_for_alignment(session.engine, context.integration, _flow(role))}
    documents = [document for record in here.values()
                 if (document := _document(session, back, role, record, known, stopped, done)) is not None]  # fmt: skip
    limits = session.integration.options.run_limits
    planned = plan_documents(
        session.engine, context, documents, target=session.integration.source.connection, change=target.change,
        limits=RunLimits(limits.documents, limits.amount),
    )  # fmt: skip
    summary = post(session.engine, target, context.integration, [_flow(role)], context,
                   mark=session.mark,
                   pinned=[session.integration.source.company], settings=pace(target))  # fmt: skip
    done.planned, done.held, done.sent, done.stopped = planned.planned, planned.held, summary.sent, summary.stopped
    _record(session, back, role, here, theirs, context)
    return done


def _known(session: Session, role: str, here: Mapping[str, PartyRecord], live: Mapping[str, Link],
           there: Mapping[str, PartyRecord], context: RunContext, done: Returned) -> Known:  # fmt: skip
    """What may be written of linked parties, and what becomes of those without a link."""
    rules, known = session.integration.parties, Known()
    owners = _owners(session, role)
    fixed = set(FIELDS) - set(_ends(session)[0].changeable[role])
    in_hand = ledger.in_hand(session.engine, context.integration, here)
    settled: dict[str, Linked] = {}
    for reference, link in live.items():
        other = there.get(link.source_id)
        if other is None:  # it is not in the source any more: nothing is written, and nothing is made again
            settled[reference] = Linked(link, Settled(FIELDS))
            continue
        decided = settle(owners, here[reference], other, link.agreed, TARGET)
        keeps = tuple(name for name in FIELDS if name in fixed or name in decided.keeps)
        conflicts = [one for one in decided.conflicts if one.field not in fixed]
        done.conflicts += [(reference, one) for one in conflicts]
        settled[reference] = Linked(link, Settled(keeps, conflicts))
    known.linked = settled
    new = [record for reference, record in here.items()
           if reference not in live and reference not in in_hand and record.is_active]  # fmt: skip
    if new:
        found = _matched(session, role, new, context)
        known.doubtful, known.missing = found.doubtful, {record.reference for record in found.missing}
        known.creates = bool(rules and rules.of(role).create_in_source)
        done.proposed = len(found.doubtful)
    return known


def _matched(session: Session, role: str, new: Sequence[PartyRecord], context: RunContext) -> Findings:
    """Matches against all that the source has; the links are written as the book has its sides."""
    from st_pipelines.alignment.scoring import scores

    book, theirs = session.integration.link_book, _ends(session)[2]
    every = links.every(session.engine, book, role, ("linked", "separate"))
    found = match(
        new, new, list(theirs.read(session.source, role)),
        linked={row.target_id: row.source_id for row in every if row.state == "linked"},
        separate={(row.target_id, row.source_id) for row in every if row.state == "separate"}, score=scores,
    )  # fmt: skip
    doubtful = [_turned(one) for matches in found.doubtful.values() for one in matches]
    links.record_found(session.engine, context, book, role, [_turned(one) for one in found.certain], doubtful)
    return found


def _turned(one: Match) -> Match:
    return Match(one.target, one.source, one.by, one.against, one.score, one.linked_to)


def _document(session: Session, back: PartyReturn, role: str, record: PartyRecord, known: Known,
              stopped: Collection[str], done: Returned) -> MappedDocument | None:  # fmt: skip
    """The document of one party; None where there is nothing to send, to hold or to take out of a hold."""
    reference, linked = record.reference, known.linked.get(record.reference)
    if linked is None and reference not in known.doubtful and not (reference in known.missing and known.creates):
        return None  # certain ones are linked now and looked at by the next pass; inactive ones are not made
    if linked is not None and not linked.settled.conflicts and set(linked.settled.keeps) >= set(FIELDS):
        done.in_step += 1
        if reference not in stopped:
            return None
    party = Party(
        role, reference, record.name, record.address, session.integration.options.currency, record.is_active,
        next(iter(record.emails), ""), next(iter(record.phones), ""),
    )  # fmt: skip
    plain = MappedDocument(
        flow=_flow(role), kind=back.kinds[role], doc_key=reference, company=session.integration.source.company,
        business_date=session.integration.first_day, currency=session.integration.options.currency, total=Decimal(0),
        disposition="ready", source_sha256=sha256(msgspec.json.encode(party)).hexdigest(), modified_on=_NO_TIME,
        payload=party, label=record.name,
    )  # fmt: skip
    if linked is None:
        return aligned(plain, known, {}, _unchanged)
    return _linked(plain, party, linked, _ends(session)[2])


def _linked(plain: MappedDocument, party: Party, linked: Linked, theirs: PartySide) -> MappedDocument:
    known = Known(linked={party.doc_key: Linked(linked.link, linked.settled)})
    begins = theirs.target_id(linked.link.source_id) if linked.link.was_there_before else ""

    def begin(document: MappedDocument, _: str) -> MappedDocument:
        if not isinstance(document.payload, Party):
            return document
        return msgspec.structs.replace(document, payload=msgspec.structs.replace(document.payload, begins_from=begins))

    return begin(aligned(plain, known, {}, begin), "")


def _unchanged(document: MappedDocument, _: str) -> MappedDocument:
    return document


def _record(session: Session, back: PartyReturn, role: str, here: Mapping[str, PartyRecord], theirs: PartySide,
            context: RunContext) -> None:  # fmt: skip
    """Links what was made, and remembers what both sides have now."""
    book, kind = session.integration.link_book, back.kinds[role]
    made = ledger.made_without_link(session.engine, context.integration, kind, book, role)
    pairs = [(theirs.reference(session.source, role, identity), key) for key, identity in made.items()]
    if pairs:
        links.record_created(session.engine, context, book, role, pairs, CREATED_BACK)
    live = links.live_of_targets(session.engine, book, role, here)
    waiting = ledger.unsettled(session.engine, context.integration, live)
    there = theirs.get(session.source, role, [link.source_id for link in live.values()]) if live else {}
    links.record_agreed(session.engine, context, {
        link.link_id: at_one(there[link.source_id], here[reference])
        for reference, link in live.items() if reference not in waiting and link.source_id in there
    })  # fmt: skip


def _owners(session: Session, role: str) -> dict[str, Owner]:
    """In this direction the codes of terms and tax are never the other's to know."""
    owners: dict[str, Owner] = {"terms": "source", "tax": "source"}
    for name, owner in session.integration.parties.of(role).fields.items() if session.integration.parties else ():
        owners[name] = owner if name not in ("terms", "tax") else "source"
    return owners


def _ends(session: Session) -> tuple[PartyReturn, PartySide, PartySide]:
    """How the source takes parties, the target's side, the source's side."""
    road, rules = session.road, session.integration.parties
    if rules is None or not rules.both_ways:
        raise NotReady(f"{session.integration.name}: integration.yaml does not ask for parties in both directions; "
                       "set parties.both_ways: true")  # fmt: skip
    if road.source.takes_parties is None or road.source.parties is None or road.target.parties is None:
        raise NotReady(f"{session.integration.name}: {road.source.system} takes no parties of {road.target.system}")
    return road.source.takes_parties, road.target.parties, road.source.parties


def _flow(role: str) -> str:
    return f"{role}s"
