"""What an answer of the target means for a posting that this session holds. Invariant: no answer, no sending."""

from st_pipelines.posting.claimed import Claimed
from st_pipelines.posting.judge import Verdict, judge
from st_pipelines.posting.limits import RELEASED
from st_pipelines.posting.outcomes import Adopted, Hold, Pair, Settled
from st_pipelines.posting.sending import BEFORE_SENDING, Asked, Sent
from st_pipelines.posting.target import NotSent, Refused, Target, Unknown

LOOKS_POSTED = "looks_posted_already"
_COMPARE = (
    "Compare them: st-pipelines holds adopt where it is this document, dismiss where it shall not be posted, release "
    "where both are right"
)


def judged(target: Target, row: Claimed, asked: Asked, refusal: Refused | None) -> tuple[Settled | None, bool]:
    """What becomes of the row; None = it is not there, so it may be sent. The second: an update was refused while its
    document stands as before, so the record only moved under us."""
    if asked.fault:
        if refusal is None:
            return NotSent(f"could not look before sending: {asked.fault}"), False
        return Unknown(f"refused ({refusal.reason}), and looking failed: {asked.fault}"), False
    try:
        seen = judge(target, row, asked.answer)
    except Exception as error:  # noqa: BLE001 (one document that cannot be compared holds itself only, R7)
        return Hold("comparison_failed", f"{type(error).__name__}: {error}", refusal is not None), False
    if seen.verdict is Verdict.SAME and seen.found is not None:
        return Adopted(seen.found, f"found {asked.purpose}"), False
    if seen.verdict is Verdict.ABSENT:
        alike = asked.alike.get(row.external_ref)
        if alike and row.reason_code != RELEASED:
            return Hold(LOOKS_POSTED, f"{alike}. {_COMPARE}"), False
        return refusal, refusal is not None and (row.op == "update" or bool(row.document.begins_from))
    code = "found_twice" if seen.verdict is Verdict.TWICE else "found_different"
    return Hold(code, seen.text, refusal is not None), False


def unfinished(result: Sent | Asked) -> list[Pair]:
    """What is known of rows whose session ends now."""
    if isinstance(result, Sent):
        return [(result.row, result.outcome)]
    if result.purpose == BEFORE_SENDING:
        return [(row, NotSent("the session ended before it was sent")) for row in result.rows]
    return [(row, Unknown(f"refused ({refusal.reason}), and the session ended before looking"))
            for row, refusal in zip(result.rows, result.refusals, strict=False)]  # fmt: skip
