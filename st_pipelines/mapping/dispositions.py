"""Exactly one disposition a document, by fixed precedence. Invariant: unreadable, void, not eligible, nothing to post,
then ready or held."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from st_pipelines.documents.mapped import DISPOSITIONS
from st_pipelines.mapping.effective import Flags, Ints
from st_pipelines.mapping.findings import Findings, HoldTexts, constant
from st_pipelines.mapping.intake import Intake

READY, HELD, NOTHING_TO_POST, NOT_ELIGIBLE, VOID = range(5)  # in the order of DISPOSITIONS

ZERO = "zero total"
INACTIVE = "inactive in the source"


@dataclass(frozen=True)
class Dispositions:
    """``codes``: places in ``documents.mapped.DISPOSITIONS``. ``posts``: has lines, because it is ready or a void that
    could be mapped."""

    codes: Ints
    names: pa.Array
    reasons: pa.Array
    posts: Flags


def unreadable(intake: Intake, findings: Findings, believable_days: Flags, amounts_present: Flags) -> Flags:
    """Reports what is wrong with the records themselves; these are held before any other rule looks at them."""
    findings.on_documents(~intake.blank("unreadable"), "unreadable")
    untimed = intake.text("modified_on").is_null().to_numpy(zero_copy_only=False)
    findings.on_documents(untimed, "unreadable", {"unreadable": constant("it has no time of modification")})
    unsaid = intake.text("is_active").is_null().to_numpy(zero_copy_only=False)
    findings.on_documents(unsaid, "unreadable", {"unreadable": constant("it does not say whether it is active")})
    findings.on_documents(~believable_days, "date.unreadable")
    findings.on_documents(~amounts_present, "amount.unreadable")
    return findings.any.copy()


def decide(intake: Intake, findings: Findings, unreadable: Flags, zero: Flags) -> Dispositions:
    is_active = intake.text("is_active").fill_null(True).to_numpy(zero_copy_only=False)
    eligible = (
        intake.blank("eligibility") if "eligibility" in intake.documents.column_names else np.ones(len(zero), bool)
    )
    found = findings.any
    codes = np.select(
        [unreadable, ~is_active, ~eligible, zero, found],
        [HELD, VOID, NOT_ELIGIBLE, NOTHING_TO_POST, HELD],
        default=READY,
    ).astype(np.int64)
    names = pa.array(DISPOSITIONS, pa.string()).take(pa.array(codes))
    posts = ((codes == READY) | (codes == VOID)) & ~found
    return Dispositions(codes, names, _reasons(intake, codes), posts)


def _reasons(intake: Intake, codes: Ints) -> pa.Array:
    fixed = pa.array(["", "", ZERO, "", INACTIVE], pa.string()).take(pa.array(codes))
    if not (codes == NOT_ELIGIBLE).any():
        return fixed
    return pc.if_else(pa.array(codes == NOT_ELIGIBLE), intake.text("eligibility"), fixed)


def hold_columns(texts: HoldTexts, dispositions: Dispositions) -> dict[str, pa.Array]:
    """The hold texts where they matter: of held documents, and the code alone of a void that cannot be mapped."""
    held = pa.array(dispositions.codes == HELD)
    told = pa.array((dispositions.codes == HELD) | (dispositions.codes == VOID))
    blank = pa.scalar("", pa.string())
    return {
        "hold_code": pc.if_else(told, texts.code, blank),
        "hold_key": pc.if_else(held, texts.key, blank),
        "hold_detail": pc.if_else(held, texts.detail, blank),
        "hold_cure": pc.if_else(held, texts.cure, blank),
    }
