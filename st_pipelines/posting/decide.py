"""What a new version of a document means for the ledger. Invariant: pure; the same history gives the same decision.

The history is the key's postings in order. Those never sent (planned or held, attempt 0) are superseded by any newer
version. The rest is read as if every open posting will succeed: a later one waits for it by its ``seq`` (L10), and the
poster looks again just before sending.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from st_pipelines.documents.keys import external_ref
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting.canonical import content

ChangeRule = Callable[[MappedDocument, MappedDocument], str]

MAPPING_CHANGED = "mapping_changed_after_posting"
NO_LONGER_POSTABLE = "not_postable_after_posting"
CHANGED = "changed_after_posting"
IN_BOOKS = "in_books_already"
BY_A_PERSON = (MAPPING_CHANGED, CHANGED, IN_BOOKS)  # what a person's decision to send it cures


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier posting of the key."""

    posting_id: int
    seq: int
    op: str
    state: str
    attempt: int
    version_id: int
    external_ref: str

    @property
    def never_sent(self) -> bool:
        return self.attempt == 0 and self.state in ("planned", "held")


@dataclass(frozen=True, slots=True)
class Intent:
    """A posting to be. ``subject`` is the document whose company, amount and date the posting carries: the new version,
    or for a void the version that is voided."""

    op: str
    external_ref: str
    subject: MappedDocument
    previous_version_id: int | None = None
    hold_code: str = ""
    hold_text: str = ""

    @property
    def state(self) -> str:
        return "held" if self.hold_code else "planned"


@dataclass(slots=True)
class Decision:
    supersede: list[Past] = field(default_factory=list)
    intents: list[Intent] = field(default_factory=list)


@dataclass(slots=True)
class _Standing:
    """What will stand in the target once every open posting has succeeded."""

    create: Past | None = None
    version_id: int | None = None
    creates: int = 0


def decide(
    document: MappedDocument, past: Sequence[Past], version: Mapping[int, MappedDocument], change: ChangeRule
) -> Decision:
    """``past`` in order of ``seq``; ``version`` holds the documents of its versions (not of superseded ones)."""
    decision = Decision(supersede=[row for row in past if row.never_sent])
    standing = _standing([row for row in past if not row.never_sent])
    if standing.create is None or standing.version_id is None:
        _nothing_stands(decision, document, standing)
    else:
        _something_stands(decision, document, standing.create, standing.version_id, standing, version, change)
    return decision


def _standing(past: Sequence[Past]) -> _Standing:
    found = _Standing()
    for row in past:
        if row.state in ("superseded", "rejected"):
            continue
        if row.op == "create":
            found.create, found.version_id, found.creates = row, row.version_id, found.creates + 1
        elif row.op == "update":
            found.version_id = row.version_id
        else:
            found.create = found.version_id = None
    return found


def _nothing_stands(decision: Decision, document: MappedDocument, standing: _Standing) -> None:
    if document.disposition not in ("ready", "held"):
        return
    code, text = _hold(document)
    if not code and document.stands_as and not standing.creates:
        code = IN_BOOKS
        text = (f"the source says that it stands in the books already ({document.stands_as}), and this ledger never "
                "posted it; look for it there, then dismiss it, or release it to post it")  # fmt: skip
    reference = external_ref(document.doc_key, standing.creates + 1)
    decision.intents.append(Intent("create", reference, document, None, code, text))


def _something_stands(
    decision: Decision, document: MappedDocument, create: Past, version_id: int, standing: _Standing,
    version: Mapping[int, MappedDocument], change: ChangeRule,
) -> None:  # fmt: skip
    old, reference = version[version_id], create.external_ref
    if document.disposition == "void":
        decision.intents.append(Intent("void", reference, old, version_id))
        return
    if document.disposition in ("nothing_to_post", "not_eligible"):
        text = f"posted before, and the source now says {document.disposition}: {document.reason}"
        decision.intents.append(Intent("void", reference, old, version_id, NO_LONGER_POSTABLE, text))
        return
    code, text = _hold(document)
    if document.disposition == "held":
        decision.intents.append(Intent("update", reference, document, version_id, code, text))
        return
    if content(old) == content(document):
        return  # back to what stands already
    if (old.company, old.kind, old.currency) != (document.company, document.kind, document.currency):
        how = "replace"  # other books: no update can move a document there
    else:
        how = change(old, document)
    if how == "none":
        return
    if old.source_sha256 == document.source_sha256:
        code, text = MAPPING_CHANGED, "only the mapping changed since it was posted; release to correct the books"
    elif document.is_final:
        code = CHANGED
        text = (f"the source changed it after it had been posted ({_what_changed(old, document)}), and the books were "
                "left as they are; release it to correct them, or dismiss it")  # fmt: skip
    if how == "update":
        decision.intents.append(Intent("update", reference, document, version_id, code, text))
    elif how == "replace":
        again = external_ref(document.doc_key, standing.creates + 1)
        decision.intents.append(Intent("void", reference, old, version_id, code, text))
        decision.intents.append(Intent("create", again, document, None, code, text))
    else:
        raise ValueError(f"{document.doc_key}: the target's change rule said {how!r}, not update, replace or none")


def _what_changed(old: MappedDocument, new: MappedDocument) -> str:
    """What an accountant sees first; the rest is in the two versions."""
    seen = (("total", f"{old.total:f} {old.currency}", f"{new.total:f} {new.currency}"),
            ("date", old.business_date, new.business_date), ("company", old.company, new.company))  # fmt: skip
    told = [f"{name} {before}, now {after}" for name, before, after in seen if before != after]
    return "; ".join(told) or "its lines or details"


def _hold(document: MappedDocument) -> tuple[str, str]:
    if document.disposition != "held":
        return "", ""
    hold = document.hold
    if hold is None:
        return "held", document.reason or "held by the mapping without a reason"
    return hold.code or "held", f"{hold.detail} [{hold.key}] {hold.cure}".strip()
