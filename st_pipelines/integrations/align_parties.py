"""Matches a flow's parties with those of the target before they are planned. Invariant: the target's parties are read
only when a party without a link is about to be made, or when one with a link has changed; a quiet day asks nothing.

What the systems and the link table say is gathered here; the decisions are in ``alignment``.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import msgspec

from st_pipelines.alignment import ledger, links
from st_pipelines.alignment.align import CONFLICT, AsLinked, Known, Linked, aligned, record_of
from st_pipelines.alignment.fields import SOURCE, Owner, Owners, Settled, at_one, at_rest, moved, settle
from st_pipelines.alignment.link_rows import CREATED, CREATED_BACK, PROPOSED, Link
from st_pipelines.alignment.matching import Findings, match
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import FIELDS, Party
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.integrations.masters import PartySide
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import NotReady, Session
from st_pipelines.posting.context import RunContext


def aligns(session: Session, flow: Flow) -> bool:
    """Whether this flow's documents pass through here before they are planned."""
    return session.integration.parties is not None and flow.aligns is not None


def align(
    session: Session, flow: Flow, documents: Iterable[MappedDocument], context: RunContext | None, keys: set[str]
) -> Iterable[MappedDocument]:
    """The documents with what alignment says of them, the last of each key. ``keys`` takes the references of the
    parties. Without a section ``parties`` in integration.yaml: as they were. Without a context (a dry run) nothing is
    recorded."""
    rules = session.integration.parties
    if rules is None or flow.aligns is None:
        return documents
    role, _ = flow.aligns
    owners = owners_of(session, role)
    given = {document.doc_key: document for document in documents}
    records = {party.doc_key: record_of(party) for document in given.values() if (party := to_align(document))}
    keys.update(records)
    known = _known(session, flow, records, owners, _target(session), context)
    known.creates = rules.of(role).create
    as_linked = linked_in(session)
    return [aligned(document, known, owners, as_linked) for document in given.values()]


def linked_in(session: Session) -> AsLinked:
    """How this integration's target wants the document of a record that is there."""
    side, as_linked = _target(session), session.road.target.as_linked
    return lambda document, reference: as_linked(document, side.target_id(reference)) if as_linked else document


def stopped_before(session: Session, flow: Flow) -> Sequence[MappedDocument]:
    """What alignment has held and no newer version has replaced, as it was before it was held: to be aligned again with
    every run, because a decision or a change in the target may have freed it. Nothing of a flow that does not align."""
    if not aligns(session, flow):
        return ()
    held = ledger.held_for_alignment(session.engine, session.integration.name, flow.name)
    return [msgspec.structs.replace(document, disposition="ready", hold=None) for document in held]


def record_aligned(session: Session, flow: Flow, context: RunContext, keys: Collection[str]) -> None:
    """After posting: links what was made, and remembers what both sides of these parties have now."""
    rules = session.integration.parties
    if rules is None or flow.aligns is None:
        return
    role, kind = flow.aligns
    book, side = session.integration.link_book, _target(session)
    made = ledger.made_without_link(session.engine, session.integration.name, kind, book, role)
    if made:
        pairs = [(key, side.reference(session.target_client, role, target_id)) for key, target_id in made.items()]
        links.record_created(session.engine, context, book, role, pairs)
    owners = owners_of(session, role)
    if keys and "last_change" in owners.values():
        _remember(session, role, kind, keys, owners, context)


def _known(session: Session, flow: Flow, records: dict[str, PartyRecord], owners: Owners, side: PartySide,
           context: RunContext | None) -> Known:  # fmt: skip
    role, kind = flow.aligns or ("", "")
    name, book = session.integration.name, session.integration.link_book
    live = links.live(session.engine, book, role, records)
    in_hand = ledger.in_hand(session.engine, name, records)
    loose = {key for key in records if key not in live and key in in_hand}
    unlinked = {row.source_id for row in links.every(session.engine, book, role, ("ended",))
                if row.how != PROPOSED} if loose else set()  # fmt: skip
    ended = loose & unlinked
    new = [record for key, record in records.items() if key not in live and key not in in_hand and record.is_active]
    known = Known(ended=ended)
    if new:
        found = _matched(session, role, kind, new, side, context)
        known.doubtful, known.missing = found.doubtful, {record.reference for record in found.missing}
        certain = {one.source.reference for one in found.certain}
        live |= (
            {one.source.reference: links.unrecorded(role, one) for one in found.certain}
            if context is None
            else (links.live(session.engine, book, role, certain))
        )
    known.linked = _settled(session, role, records, live, owners, side)
    return known


def _matched(session: Session, role: str, kind: str, new: Sequence[PartyRecord], side: PartySide,
             context: RunContext | None) -> Findings:  # fmt: skip
    """Matches with all that the target has, and records what came of it."""
    from st_pipelines.alignment.scoring import scores

    book, known = session.integration.link_book, _everybody(session, role, kind, side)
    every = links.every(session.engine, book, role, ("linked", "separate"))
    found = match(
        new, known.sources.values(), known.targets,
        linked={row.source_id: row.target_id for row in every if row.state == "linked"},
        separate={(row.source_id, row.target_id) for row in every if row.state == "separate"}, score=scores,
    )  # fmt: skip
    known.sources.update({record.reference: record for record in new})
    doubtful = [one for matches in found.doubtful.values() for one in matches]
    if context is not None and (found.certain or doubtful):
        links.record_found(session.engine, context, book, role, found.certain, doubtful)
    return found


@dataclass
class _Everybody:
    """All parties of a role, read once a session: a backfill of a year meets new ones on each of its days. Those that
    the session makes itself are found by their source record."""

    sources: dict[str, PartyRecord]
    targets: list[PartyRecord]


_known_by: WeakKeyDictionary[Session, dict[str, _Everybody]] = WeakKeyDictionary()


def _everybody(session: Session, role: str, kind: str, side: PartySide) -> _Everybody:
    of_roles = _known_by.setdefault(session, {})
    if role not in of_roles:
        parties = ledger.known_parties(session.engine, session.integration.name, kind)
        of_roles[role] = _Everybody(
            {party.doc_key: record_of(party) for party in parties}, list(side.read(session.target_client, role))
        )
    return of_roles[role]


def _settled(session: Session, role: str, records: dict[str, PartyRecord], live: dict[str, Link], owners: Owners,
             side: PartySide) -> dict[str, Linked]:  # fmt: skip
    """What may be written of each linked party. Only those that moved are read in the target."""
    changed = {key: link for key, link in live.items() if (link.agreed or link.was_there)
               and moved(records[key], SOURCE, link.agreed, owners)}  # fmt: skip
    held = side.get(session.target_client, role, [link.target_id for link in changed.values()]) if changed else {}
    settled: dict[str, Linked] = {}
    for key, link in live.items():
        target = held.get(link.target_id)
        quiet = Settled(at_rest(owners))
        settled[key] = Linked(link, settle(owners, records[key], target, link.agreed) if target else quiet)
    return settled


def _remember(session: Session, role: str, kind: str, keys: Collection[str], owners: Owners,
              context: RunContext) -> None:  # fmt: skip
    """What both sides have, once the ledger says that all of it arrived."""
    side, book = _target(session), session.integration.link_book
    live = links.live(session.engine, book, role, keys)
    parties = ledger.known_parties(session.engine, session.integration.name, kind, live)
    records = {party.doc_key: record_of(party) for party in parties}
    kept = {party.doc_key: party.keeps for party in parties}
    live = {key: link for key, link in live.items() if key in records}
    waiting = ledger.unsettled(session.engine, session.integration.name, live)
    fresh = {
        key: link for key, link in live.items()
        if key not in waiting and (not link.agreed or moved(records[key], SOURCE, link.agreed, owners))
    }  # fmt: skip
    held = side.get(session.target_client, role, [link.target_id for link in fresh.values()]) if fresh else {}
    agreed: dict[int, dict[str, str]] = {}
    for key, link in fresh.items():
        if link.target_id in held:
            written = FIELDS if not link.agreed and not link.was_there else set(FIELDS) - set(kept[key])
            agreed[link.link_id] = at_one(records[key], held[link.target_id], written)
    links.record_agreed(session.engine, context, agreed)


def owners_of(session: Session, role: str) -> Owners:
    rules = session.integration.parties
    owners: dict[str, Owner] = {}
    for field, owner in rules.of(role).fields.items() if rules else ():
        owners[field] = owner
    return owners


def to_align(document: MappedDocument) -> Party | None:
    """The party that this document is about, if alignment has anything to say of it."""
    party = document.payload
    return party if isinstance(party, Party) and document.disposition in ("ready", "void") else None


def _target(session: Session) -> PartySide:
    side = session.road.target.parties
    if side is None:
        raise NotReady(f"{session.integration.name}: {session.road.target.system} cannot show its parties; take "
                       "`parties` out of integration.yaml")  # fmt: skip
    return side


@dataclass(frozen=True)
class Standing:
    """Where the parties of a role stand now. ``linked`` counts those that were in both systems before us; ``proposed``
    are rows for people; ``conflicts``: references of parties that wait because both sides changed a field."""

    linked: int
    created: int
    created_in_source: int
    separate: int
    proposed: list[dict[str, str]]
    conflicts: set[str]


def standing(session: Session, role: str) -> Standing:
    """From the links and the ledger; asks no system."""
    every = links.every(session.engine, session.integration.link_book, role, ("linked", "proposed", "separate"))
    how = Counter(one.how for one in every if one.state == "linked")
    flow = next((flow.name for flow in session.road.flows if flow.aligns and flow.aligns[0] == role), "")
    held = ledger.held_for_alignment(session.engine, session.integration.name, flow)
    made = how.pop(CREATED, 0), how.pop(CREATED_BACK, 0)
    return Standing(
        how.total(), *made, sum(one.state == "separate" for one in every),
        [_waiting(one) for one in every if one.state == "proposed"],
        {one.payload.doc_key for one in held
         if one.hold and one.hold.code == CONFLICT and isinstance(one.payload, Party)},
    )  # fmt: skip


def _waiting(one: Link) -> dict[str, str]:
    seen = one.evidence
    because = [f"same {kind}" for kind in seen.get("by", ())] + [
        f"different {kind}" for kind in seen.get("against", ())
    ]
    return {
        "source": one.source_id, "source_name": str(seen.get("source", {}).get("name", "")), "other": one.target_id,
        "other_name": str(seen.get("target", {}).get("name", "")), "because": ", ".join(because) or "looks alike",
    }  # fmt: skip
