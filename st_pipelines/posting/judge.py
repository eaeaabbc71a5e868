"""Compares what the target holds with what a posting should have done. Invariant: only an answer to the very question
asked counts; absence is an observation here, not yet a proof (reliability 1.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.target import Found, Target

Answer = Mapping[str, Sequence[Found]]


class Verdict(Enum):
    """``ABSENT``: not there, or not applied (an update or void whose document stands as before)."""

    ABSENT = "absent"
    SAME = "same"
    DIFFERENT = "different"
    TWICE = "twice"


@dataclass(frozen=True, slots=True)
class Judged:
    verdict: Verdict
    found: Found | None = None
    text: str = ""


class UntrustedAnswer(RuntimeError):
    """The target answered with something that was not asked for: the question, not the document, is broken."""


def ask(target: Target, kind: str, company: str, references: Sequence[str]) -> Answer:
    """One question for one kind in one company. Raises ``UntrustedAnswer``, or what the target raises on doubt."""
    answer = target.find(kind, company, references)
    for reference, found in answer.items():
        for each in found:
            if reference not in references or each.external_ref != reference or each.company != company:
                raise UntrustedAnswer(
                    f"asked {company} for {kind} {reference}, answered {each.external_ref} of {each.company}"
                )
    return answer


def judge(target: Target, row: Claimed, answer: Answer) -> Judged:
    """What the answer says about one posting."""
    held = answer.get(row.external_ref, ())
    if row.op == "void":
        return _void(target, row, held, answer.get(row.references_asked[1], ()))
    if len(held) > 1:
        return _twice(held)
    if not held:
        if row.op == "create":
            return Judged(Verdict.ABSENT)
        return Judged(Verdict.DIFFERENT, None, f"{row.external_ref} no longer exists in {row.company}")
    found = held[0]
    differing = target.differences(row.document, found)
    if not differing:
        return Judged(Verdict.SAME, found)
    if row.op == "create" and _begins_there(row, found):
        return Judged(Verdict.ABSENT, found, "; ".join(differing))
    if row.op == "update" and (_untouched(row, found) or _stands_as_before(target, row, found)):
        return Judged(Verdict.ABSENT, found, "; ".join(differing))
    return Judged(Verdict.DIFFERENT, found, "; ".join(differing))


def _begins_there(row: Claimed, found: Found) -> bool:
    """The record was there before us and is linked to the document: it is to be changed, not to be made."""
    linked = row.document.begins_from
    return bool(linked) and linked in (found.target_id, found.content.get("belongs_to"))


def _stands_as_before(target: Target, row: Claimed, found: Found) -> bool:
    return row.standing is not None and not target.differences(row.standing.document, found)


def _untouched(row: Claimed, found: Found) -> bool:
    """It is still the very version that somebody else made and that this posting is to replace."""
    return bool(row.document.replaces) and row.document.replaces == found.content.get("version")


def _void(target: Target, row: Claimed, held: Sequence[Found], reversals: Sequence[Found]) -> Judged:
    if len(reversals) > 1 or len(held) > 1:
        return _twice(reversals if len(reversals) > 1 else held)
    if reversals:
        differing = target.differences(row.document, reversals[0])
        verdict = Verdict.DIFFERENT if differing else Verdict.SAME
        return Judged(verdict, reversals[0], "; ".join(differing))
    if held:
        differing = target.differences(row.document, held[0])
        return Judged(Verdict.ABSENT if differing else Verdict.SAME, held[0], "; ".join(differing))
    return Judged(Verdict.DIFFERENT, None, f"neither {row.external_ref} nor its void exists in {row.company}")


def _twice(held: Sequence[Found]) -> Judged:
    named = ", ".join(f"{each.number or each.target_id}" for each in held)
    return Judged(Verdict.TWICE, None, f"the target holds {len(held)} documents under one reference: {named}")
