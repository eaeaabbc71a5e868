"""Which code of one system is which of another, and what each side should hold. Invariant: only the same code, to the
letter, is the same; what merely looks like it waits for a person, with both records side by side.

Nothing is remembered and no clock is asked: each field has one owner, and a side is written to only where it holds
another value than the owner. What was written yesterday is equal today, so nothing comes back (L13).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from st_pipelines.alignment.normalize import name as as_name
from st_pipelines.documents.codes import Code, CodeRecord
from st_pipelines.documents.mapped import Hold

LIKE, TWICE, NO_NAME, NOT_TAKEN = "code.alike", "code.twice", "code.no_name", "code.not_taken"
Side = Literal["source", "target"]


@dataclass(frozen=True)
class Owners:
    """Who has the say. ``creates_in_source``: whether a code that only the target has is made in the source; ``apart``:
    codes that are what they are, however much they look like another one."""

    name: Side = "source"
    active: Side = "source"
    creates_in_source: bool = False
    apart: Collection[str] = ()


@dataclass(frozen=True)
class Wanted:
    """How one side should hold a code. ``there``: what it holds now; ``hold``: why a person must decide first;
    ``in_step``: it holds just that."""

    code: str
    name: str
    is_active: bool
    details: Mapping[str, str]
    there: CodeRecord | None = None
    hold: Hold | None = None
    in_step: bool = False


@dataclass(frozen=True)
class Difference:
    """A code that the two sides do not hold alike, and what to do."""

    code: str
    source: str
    target: str
    to_do: str


@dataclass
class Aligned:
    """``in_target`` and ``in_source``: what each should hold, by code. ``pairs``: codes that both have."""

    in_target: dict[str, Wanted] = field(default_factory=dict)
    in_source: dict[str, Wanted] = field(default_factory=dict)
    pairs: int = 0
    differences: list[Difference] = field(default_factory=list)


def align(source: Iterable[CodeRecord], target: Iterable[CodeRecord], owners: Owners) -> Aligned:
    """``source`` and ``target``: the whole lists of both sides, as they are now."""
    here, there = _by_code(source), _by_code(target)
    found = Aligned()
    for code, mine in here.items():
        theirs = there.get(code, ())
        if len(mine) > 1 or len(theirs) > 1:
            found.in_target[code] = _held(mine[0], _twice([*mine, *theirs]))
        elif theirs:
            found.pairs += 1
            _pair(found, mine[0], theirs[0], owners)
        else:
            near = _alike(mine[0], _alone(there, here), owners.apart)
            hold = _doubt(mine[0], near) if near else None
            found.in_target[code] = Wanted(code, mine[0].name, mine[0].is_active, mine[0].details, hold=hold)
    for code, theirs in there.items():
        if code and code not in here:
            _only_there(found, theirs, here, owners)
    _compare(found, here, there)
    return found


def not_taken(one: Wanted, sent: Code, instead: str) -> Wanted:
    """A side that was written to and held something else afterwards is not written to again with the same."""
    if one.hold is not None or (sent.name, sent.is_active) != (one.name, one.is_active):
        return one
    cure = ("See which right, rule, transform map or column length drops or changes it there; then save the record "
            "there once more: the next run writes to it again.")  # fmt: skip
    return replace(one, hold=Hold(NOT_TAKEN, one.code, f"it was written and reads back otherwise: {instead}", cure))


def shape(code: str) -> str:
    """Equal for codes that a person would write for one another: other case, leading zeros, blanks."""
    plain = "".join(code.split()).casefold()
    return plain.lstrip("0") or plain[:1]


def _by_code(records: Iterable[CodeRecord]) -> dict[str, list[CodeRecord]]:
    held: dict[str, list[CodeRecord]] = defaultdict(list)
    for record in records:
        held[record.code].append(record)
    return dict(sorted(held.items()))


def _alone(side: Mapping[str, Sequence[CodeRecord]], other: Collection[str]) -> list[CodeRecord]:
    """Records of a side that have no partner."""
    return [record for code, records in side.items() if code and code not in other for record in records]


def _alike(record: CodeRecord, others: Iterable[CodeRecord], apart: Collection[str]) -> list[CodeRecord]:
    """Those of another code that look like the same thing: by the shape of the code, or by the name."""
    called, shaped = as_name(record.name), shape(record.code)
    return [one for one in others if not {record.code, one.code} & {*apart}
            and (shape(one.code) == shaped or (called and as_name(one.name) == called))]  # fmt: skip


def _pair(found: Aligned, mine: CodeRecord, theirs: CodeRecord, owners: Owners) -> None:
    name = mine.name if owners.name == "source" else theirs.name
    active = mine.is_active if owners.active == "source" else theirs.is_active
    hold = None if name.strip() else _nameless(mine, theirs, owners.name)
    settled = (name, active, dict(mine.details))
    for side, record in ((found.in_target, theirs), (found.in_source, mine)):
        state = record.is_active if record.shows_state else active
        same = (record.name, state, dict(record.details)) == settled
        same = same and (record is mine or record.from_here)  # what was there before us gets the source's mark
        side[record.code] = Wanted(record.code, *settled, record, hold, in_step=same)


def _only_there(found: Aligned, theirs: Sequence[CodeRecord], here: Mapping[str, Sequence[CodeRecord]],
                owners: Owners) -> None:  # fmt: skip
    record = theirs[0]
    if not owners.creates_in_source or not record.is_active or record.from_here:
        return  # one that came from the source and is not shown there any more: absence is no evidence
    if len(theirs) > 1:
        found.in_source[record.code] = _held(record, _twice(theirs))
        return
    # A code that has its partner is another one's by name, but not by shape: «100» is what people type for «0100».
    everybody = [one for records in here.values() for one in records]
    near = [one for one in _alike(record, everybody, owners.apart)
            if one.code not in found.in_source or shape(one.code) == shape(record.code)]  # fmt: skip
    if any(found.in_target[one.code].hold for one in near):
        return  # the two are held together already
    hold = _doubt(record, near) if near else None if record.name.strip() else _nameless(None, record, "target")
    found.in_source[record.code] = Wanted(record.code, record.name, True, {}, hold=hold)


def _compare(found: Aligned, here: Mapping[str, Sequence[CodeRecord]], there: Mapping[str, Sequence[CodeRecord]]
             ) -> None:  # fmt: skip
    """What the two sides do not hold alike now."""
    for code in sorted({*here, *there}):
        mine, theirs = here.get(code, ()), there.get(code, ())
        if not code:
            found.differences += [Difference("", "", said(one), "Give it its code, or make it inactive.")
                                  for one in theirs if one.is_active]  # fmt: skip
            continue
        waits = next((wanted.hold for side in (found.in_target, found.in_source)
                      if (wanted := side.get(code)) and wanted.hold), None)  # fmt: skip
        left, right = " and ".join(map(said, mine)), " and ".join(map(said, theirs))
        if waits is not None:
            found.differences.append(Difference(code, left, right, waits.cure))
        elif mine and theirs:
            if not (found.in_target[code].in_step and found.in_source[code].in_step):
                found.differences.append(Difference(code, left, right, "The next run writes what its owner says."))
        elif mine:
            found.differences.append(Difference(code, left, "", "The next run makes it; see st-pipelines holds list."))
        elif theirs[0].from_here and theirs[0].is_active:
            found.differences.append(Difference(
                code, "", right, "It came from the source, which does not show it any more: retire it there first, or "
                "make it inactive in the target by hand."))  # fmt: skip
        elif theirs[0].is_active:
            found.differences.append(Difference(
                code, "", right, "The next run makes it." if code in found.in_source else
                "Make it in the source, make it inactive, or set create_in_source in integration.yaml."))  # fmt: skip


# --------------------------------------------------------------------------------------------------------- holds
def said(record: CodeRecord) -> str:
    state = "" if record.is_active else ", inactive"
    return f"{record.system} {record.code or '(no code)'} «{record.name}»{state}"


def _held(record: CodeRecord, hold: Hold) -> Wanted:
    return Wanted(record.code, record.name, record.is_active, record.details, record, hold)


def _doubt(record: CodeRecord, near: Sequence[CodeRecord]) -> Hold:
    others = "; ".join(said(one) for one in near[:5])
    return Hold(
        LIKE, record.code, f"{said(record)} looks like {others}, which has another code",
        f"If they are the same, correct the code of one in its system (or make one inactive); if they are not, write "
        f"{record.code!r} under `apart` of this list in integration.yaml. The next run goes on.",
    )  # fmt: skip


def _twice(records: Sequence[CodeRecord]) -> Hold:
    shown = "; ".join(f"{said(one)} ({one.target_id})" for one in records)
    return Hold(TWICE, records[0].code, f"the code is there more than once: {shown}",
                "Make all but one inactive under another code there. The next run goes on.")  # fmt: skip


def _nameless(mine: CodeRecord | None, theirs: CodeRecord, owner: Side) -> Hold:
    shown = "; ".join(said(one) for one in (mine, theirs) if one is not None)
    return Hold(NO_NAME, theirs.code, f"the {owner} has the say of the name and gives none: {shown}",
                "Enter its name there. The next run goes on.")  # fmt: skip
