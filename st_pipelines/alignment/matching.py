"""Which party of the target is which of the source. Invariant: two records are certainly the same only by an exact key
that is unique on both sides and that no other exact key contradicts; all else is for a person to decide (M2).

Pure: records in, findings out. The score of ``scoring.py`` only ranks what a person is shown.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from st_pipelines.alignment.keys import ORDER, contradictions, keys, shared
from st_pipelines.documents.party_record import PartyRecord

Pair = tuple[str, str]  # (reference on the source side, reference on the other)
# Pairs of references to a match score in thousandths; pairs that are not worth a look are left out.
Scorer = Callable[[Sequence[PartyRecord], Sequence[PartyRecord]], Mapping[Pair, int]]

# A family or an office shares a phone; that alone makes no duplicate.
_DUPLICATE_BY = ("external_id", "tax_id", "email", "name_address")
WORTH_A_LOOK = 900


@dataclass(frozen=True, slots=True)
class Match:
    """Two records and what speaks for and against. ``target`` is of the source's own system for a duplicate there.
    ``score`` in thousandths, -1 where none was needed; ``linked_to``: the source party that has the target already."""

    source: PartyRecord
    target: PartyRecord
    by: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    score: int = -1
    linked_to: str = ""


@dataclass
class Findings:
    """``certain``: to be linked. ``doubtful``: by the source's reference, what a person must decide about, likeliest
    first. ``missing``: nothing on the other side comes near."""

    certain: list[Match] = field(default_factory=list)
    doubtful: dict[str, list[Match]] = field(default_factory=dict)
    missing: list[PartyRecord] = field(default_factory=list)


def match(
    new: Sequence[PartyRecord], sources: Iterable[PartyRecord], targets: Sequence[PartyRecord], *,
    linked: Mapping[str, str], separate: Collection[Pair], score: Scorer,
) -> Findings:  # fmt: skip
    """``new``: source parties without a link. ``sources``: every source party that is known, also those. ``linked``:
    reference on the source side to reference on the target side. ``separate``: pairs that a person told apart."""
    every = {record.reference: record for record in (*sources, *new)}
    by_source, by_target = _index(every.values()), _index(targets)
    owner = {target: source for source, target in linked.items()}
    held = {record.reference: record for record in targets}
    found = Findings()
    unsettled: list[PartyRecord] = []
    for record in new:
        certain = _certain(record, by_source, by_target, every, held, owner, separate)
        if certain is not None:
            found.certain.append(certain)
        else:
            unsettled.append(record)
    taken = owner | {match.target.reference: match.source.reference for match in found.certain}
    free = [record for record in targets if record.reference not in taken]
    scores = score(unsettled, free) if unsettled and free else {}
    for record in unsettled:
        told = _doubtful(record, by_source, by_target, every, held, taken, scores, separate)
        if told:
            found.doubtful[record.reference] = told
        else:
            found.missing.append(record)
    return found


_Index = Mapping[tuple[str, str], frozenset[str]]


def _index(records: Iterable[PartyRecord]) -> _Index:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        for kind, values in keys(record).items():
            for value in values:
                found[kind, value].add(record.reference)
    return {place: frozenset(references) for place, references in found.items()}


def _sharing(record: PartyRecord, index: _Index, kinds: Collection[str] = ORDER) -> dict[str, set[str]]:
    """Kind of key to the references of the records of the index that share one of its values."""
    mine = keys(record)
    return {kind: {reference for value in mine[kind] for reference in index.get((kind, value), ())} for kind in kinds}


def _certain(
    record: PartyRecord, by_source: _Index, by_target: _Index, sources: Mapping[str, PartyRecord],
    targets: Mapping[str, PartyRecord], owner: Mapping[str, str], separate: Collection[Pair],
) -> Match | None:  # fmt: skip
    there = _sharing(record, by_target)
    candidates = {reference for references in there.values() for reference in references}
    if len(candidates) != 1:
        return None
    other = targets[next(iter(candidates))]
    if other.reference in owner or (record.reference, other.reference) in separate or not other.is_active:
        return None
    by = shared(record, other)
    here = {reference for references in _sharing(other, by_source).values() for reference in references}
    if here - {record.reference} or contradictions(record, other):
        return None
    return Match(record, other, tuple(by))


def _doubtful(
    record: PartyRecord, by_source: _Index, by_target: _Index, sources: Mapping[str, PartyRecord],
    targets: Mapping[str, PartyRecord], taken: Mapping[str, str], scores: Mapping[Pair, int],
    separate: Collection[Pair],
) -> list[Match]:  # fmt: skip
    told: list[Match] = []
    there = _sharing(record, by_target)
    near = {reference for kind, references in there.items() for reference in references
            if reference not in taken or kind in _DUPLICATE_BY}  # fmt: skip
    near |= {other for (mine, other), score in scores.items() if mine == record.reference and score >= WORTH_A_LOOK}
    for reference in near:
        if (record.reference, reference) not in separate:
            told.append(_compared(record, targets[reference], scores, taken.get(reference, "")))
    # The same party twice in the source: neither is made a second time before a person has looked.
    twins = {twin for references in _sharing(record, by_source, _DUPLICATE_BY).values() for twin in references}
    named = {match.linked_to for match in told}
    for twin in twins - {record.reference} - named:
        pair = (record.reference, twin)
        if sources[twin].is_active and pair not in separate and pair[::-1] not in separate:
            told.append(_compared(record, sources[twin], scores, ""))
    return sorted(told, key=lambda one: (_rank(one), -one.score, one.target.reference))


def _compared(record: PartyRecord, other: PartyRecord, scores: Mapping[Pair, int], linked_to: str) -> Match:
    score = scores.get((record.reference, other.reference), -1)
    return Match(record, other, tuple(shared(record, other)), tuple(contradictions(record, other)), score, linked_to)


def _rank(match: Match) -> int:
    return min((ORDER.index(kind) for kind in match.by), default=len(ORDER))
