"""Mapped parties with what alignment says of them. Invariant: a party goes out as a new record only where nothing on
the other side comes near it; a doubtful one is held with both records side by side.

Pure over what it is given; ``integrations/align_parties.py`` reads the systems and the link table for it.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from st_pipelines.alignment.fields import Conflict, Owners, Settled, at_rest
from st_pipelines.alignment.keys import TITLES
from st_pipelines.alignment.link_rows import Link
from st_pipelines.alignment.matching import Match
from st_pipelines.documents.mapped import Hold, MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.documents.party_record import PartyRecord

DOUBTFUL, CONFLICT, ENDED, NOT_MADE = "party.doubtful", "party.conflict", "party.link_ended", "party.not_made_here"


@dataclass(frozen=True)
class Linked:
    """What is known of a linked party. ``target``: read now where the source moved, else nothing."""

    link: Link
    settled: Settled


@dataclass
class Known:
    """By reference of the source party. ``creates``: whether this direction makes missing records."""

    linked: Mapping[str, Linked] = field(default_factory=dict)
    doubtful: Mapping[str, Sequence[Match]] = field(default_factory=dict)
    ended: Collection[str] = ()
    missing: Collection[str] = ()
    creates: bool = True


# (document, the linked record's reference) -> the document as this target wants it for a record that is there
AsLinked = Callable[[MappedDocument, str], MappedDocument]


def record_of(party: Party, *, modified: str = "") -> PartyRecord:
    """The source's record as mapping has it."""
    return PartyRecord(
        party.doc_key.split(":", 1)[0], party.role, party.doc_key.rsplit(":", 1)[-1], party.doc_key, party.name,
        party.address, emails=(party.email,) if party.email else (), phones=(party.phone,) if party.phone else (),
        is_active=party.is_active, modified=modified, terms=party.terms, tax=party.tax_code,
    )  # fmt: skip


def aligned(document: MappedDocument, known: Known, owners: Owners, as_linked: AsLinked) -> MappedDocument:
    """One document of a party: changed, held, or as it was."""
    party = document.payload
    if not isinstance(party, Party) or document.disposition not in ("ready", "void"):
        return document
    reference = party.doc_key
    if reference in known.linked:
        return _linked(document, party, known.linked[reference], owners, as_linked)
    if document.disposition == "void":
        return document
    if reference in known.doubtful:
        return _held(document, _doubt(party, known.doubtful[reference]))
    if reference in known.ended:
        return _held(document, _after_unlink(party))
    if reference in known.missing and not known.creates:
        return _held(document, _not_made(party))
    return _with(document, msgspec.structs.replace(party, keeps=at_rest(owners)), "")


def _linked(document: MappedDocument, party: Party, linked: Linked, owners: Owners, as_linked: AsLinked
            ) -> MappedDocument:  # fmt: skip
    if linked.settled.conflicts:
        return _held(document, _conflict(party, linked.link, linked.settled.conflicts))
    party = msgspec.structs.replace(party, keeps=linked.settled.keeps)
    if document.disposition == "void":  # retired in the source: its record is made inactive, and may come back
        document = msgspec.structs.replace(document, disposition="ready")
        party = msgspec.structs.replace(party, is_active=False)
    if not linked.link.was_there:
        return _with(document, party, "")
    return as_linked(_with(document, party, linked.link.target_id), linked.link.target_id)


def _with(document: MappedDocument, party: Party, target_id: str) -> MappedDocument:
    """What alignment says counts as a change of the source: it is no change of the mapping tables."""
    said = f"{target_id}|{','.join(party.keeps)}"
    if said == "|":
        return msgspec.structs.replace(document, payload=party)
    source = hashlib.sha256(f"{document.source_sha256}|{said}".encode()).hexdigest()
    return msgspec.structs.replace(document, payload=party, source_sha256=source)


def _held(document: MappedDocument, hold: Hold) -> MappedDocument:
    return msgspec.structs.replace(document, disposition="held", hold=hold)


def _doubt(party: Party, matches: Sequence[Match]) -> Hold:
    command = "st-pipelines parties"
    first, others = matches[0], ", ".join(match.target.reference for match in matches)
    where = "in the target" if first.target.system != first.source.system else "in the source"
    said = "; ".join(_side(match) for match in matches[:5])
    more = f" and {len(matches) - 5} more" if len(matches) > 5 else ""
    cure = (
        f"Compare them (st-pipelines parties show {party.doc_key}); then {command} link {party.doc_key} "
        f"{first.target.reference}, or {command} separate {party.doc_key} {first.target.reference} for each that is "
        "not the same, both with --by and --reason; the next run goes on."
    )
    detail = f"{_said(first.source)} may be there already {where}: {said}{more}."
    return Hold(DOUBTFUL, others[:180], detail, cure)


def _side(match: Match) -> str:
    why = [f"same {TITLES[kind]}" for kind in match.by] + [f"different {TITLES[kind]}" for kind in match.against]
    if not match.target.is_active:
        why.append("inactive")
    if match.linked_to:
        why.append(f"linked to {match.linked_to}")
    if match.score >= 0 and not match.by:
        why.append(f"looks alike, {match.score // 10}.{match.score % 10} %")
    return f"{_said(match.target)} ({', '.join(why)})"


def _said(record: PartyRecord) -> str:
    address = record.address
    parts = [record.name, address.street, address.unit, address.city, address.zip, *record.emails, *record.phones]
    return f"{record.reference} «{', '.join(part for part in parts if part)}»"


def _conflict(party: Party, link: Link, conflicts: Sequence[Conflict]) -> Hold:
    said = "; ".join(f"{one.field}: {one.source!r} in the source, {one.target!r} in the target" for one in conflicts)
    return Hold(
        CONFLICT, f"{party.doc_key} {', '.join(one.field for one in conflicts)}",
        f"{party.name} ({party.doc_key}) and {link.target_id} were both changed: {said}",
        "Enter the right value in both systems; the next run goes on.",
    )  # fmt: skip


def _after_unlink(party: Party) -> Hold:
    return Hold(
        ENDED, party.doc_key, f"the link of {party.name} ({party.doc_key}) was ended after it had been posted",
        f"Link it to the right record: st-pipelines parties link {party.doc_key} … --by … --reason …",
    )  # fmt: skip


def _not_made(party: Party) -> Hold:
    return Hold(
        NOT_MADE, party.doc_key, f"{party.name} ({party.doc_key}) is not in the target, and parties are not made there",
        f"Make it there by hand, then st-pipelines parties link {party.doc_key} … --by … --reason …; or set "
        f"parties.{party.role}.create in integration.yaml.",
    )  # fmt: skip
