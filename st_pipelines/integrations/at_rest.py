"""What alignment answers while nothing moves, found without asking the target. Invariant: an answer counts as settled
only where alignment would give it again from the links alone.

That is so of a linked party whose fields are those that both sides last agreed on, and of a retired one that was never
linked. All others wait: they are aligned with every run that may change something for them.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import msgspec

from st_pipelines.alignment import links
from st_pipelines.alignment.align import Known, Linked, aligned, record_of
from st_pipelines.alignment.fields import SOURCE, Settled, at_rest, moved
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.integrations.align_parties import aligns, linked_in, owners_of, to_align
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session


@dataclass(frozen=True)
class Answer:
    """``document``: as it is planned; of one that ``waits`` as it goes into alignment. ``party``: the reference of the
    party that it is about, empty where alignment says nothing of it."""

    document: MappedDocument
    party: str
    waits: bool


class LinksNow:
    """The live links of some parties of a flow, read once. Of a flow that does not align there are none."""

    def __init__(self, session: Session, flow: Flow, references: Collection[str]) -> None:
        self._session, self._role = session, flow.aligns[0] if flow.aligns else ""
        self._aligns = aligns(session, flow)
        self._owners = owners_of(session, self._role) if self._aligns else {}
        book = session.integration.link_book
        self._links = links.live(session.engine, book, self._role, references) if self._aligns else {}

    def answers(self, documents: Iterable[MappedDocument]) -> Iterator[Answer]:
        """Of each document, what ``align`` would give now."""
        quiet = Settled(at_rest(self._owners))
        known = Known({reference: Linked(link, quiet) for reference, link in self._links.items()})
        for document in documents:
            party = to_align(document) if self._aligns else None
            if party is None:
                yield Answer(document, "", waits=False)
            elif self._is_settled(party, document):
                yield Answer(aligned(document, known, self._owners, linked_in(self._session)), party.doc_key, False)
            else:
                yield Answer(document, party.doc_key, waits=True)

    def digest(self, references: Iterable[str]) -> str:
        """Covers all that the answers about these parties follow from, beside their documents."""
        said = [
            (reference, link.target_id, link.how, dict(link.agreed)) if link else (reference,)
            for reference, link in ((one, self._links.get(one)) for one in sorted(set(references)))
        ]
        content = msgspec.json.encode([self._aligns, dict(self._owners), said], order="sorted")
        return hashlib.sha256(content).hexdigest()

    def _is_settled(self, party: Party, document: MappedDocument) -> bool:
        link = self._links.get(party.doc_key)
        if link is None:  # an active one is looked for in the target; a retired one is nobody's until it is linked
            return document.disposition == "void" and not party.is_active
        if "last_change" not in self._owners.values():
            return True
        # Before both sides have agreed once, what stands in the target is still to be remembered.
        return bool(link.agreed) and not moved(record_of(party), SOURCE, link.agreed, self._owners)


def parties_of(session: Session, flow: Flow, documents: Iterable[MappedDocument]) -> set[str]:
    """References of the parties that alignment has something to say of."""
    if not aligns(session, flow):
        return set()
    return {party.doc_key for document in documents if (party := to_align(document))}
