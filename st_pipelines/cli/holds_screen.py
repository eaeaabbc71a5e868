"""How held documents look, on a screen and as JSON. Invariant: every hold shows the one thing that cures it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from st_pipelines.cli.document_life import instant
from st_pipelines.cli.hold_cures import Cause, Cure, cure_of
from st_pipelines.cli.output import table, text
from st_pipelines.reconciliation.amounts import amount, money, plain

if TYPE_CHECKING:
    from st_pipelines.posting.holds import HeldPosting


def holds_data(held: "Iterable[HeldPosting]", integration: str, folder: Path) -> list[dict[str, Any]]:
    return [
        {"posting_id": h.posting_id, "document": h.doc_key, "flow": h.flow, "kind": h.kind, "op": h.op,
         "about": h.label, "company": h.company, "currency": h.currency, "amount": plain(h.amount_minor, h.currency),
         "business_date": h.business_date, "code": h.code, "reason": h.reason, "missing": h.missing,
         "held_since": instant(h.held_since), "may_have_been_sent": h.may_have_been_sent, "releasable": h.releasable,
         "cure": _cure_data(cure_of([h], integration, folder))}
        for h in held
    ]  # fmt: skip


def causes_data(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    return [
        {"code": cause.code, "missing": cause.missing, "documents": len(cause.holds), "said": sentence(cause),
         "at_risk": {currency: plain(minor, currency) for currency, minor in sorted(cause.sums.items())},
         "postings": [held.posting_id for held in cause.holds], "cure": _cure_data(cause.cure)}
        for cause in causes
    ]  # fmt: skip


def _cure_data(cure: Cure) -> dict[str, Any]:
    return {"do": cure.do, "file": cure.file, "row": cure.row, "commands": list(cure.commands)}


def sentence(cause: Cause) -> str:
    """``37 invoices, 41,200.00 USD wait for one row in payment_types.csv``."""
    flows = {held.flow for held in cause.holds}
    count = len(cause.holds)
    noun = flows.pop() if len(flows) == 1 else "documents"
    what = f"{count} {noun if count > 1 else noun.removesuffix('s')}"
    sums = " and ".join(money(minor, currency) for currency, minor in sorted(cause.sums.items()))
    verb = "wait" if count > 1 else "waits"
    if cause.cure.row:
        return f"{what}, {sums} {verb} for one row in {Path(cause.cure.file).name}"
    if cause.cure.file:
        return f"{what}, {sums} {verb} for {Path(cause.cure.file).name} or the target to be corrected"
    whom = "the source to be corrected" if not cause.holds[0].releasable else "a person's decision"
    return f"{what}, {sums} {verb} for {whom}"


def causes_screen(causes: Sequence[Cause]) -> tuple[RenderableType, ...]:
    parts: list[RenderableType] = []
    for number, cause in enumerate(causes, 1):
        first = cause.holds[0]
        why = first.detail if len(cause.holds) == 1 or cause.missing else f"e.g. {first.doc_key}: {first.detail}"
        lines = [
            ("", cause.code),
            ("missing", cause.missing),
            ("why", why),
            ("do", cause.cure.do),
            ("file", cause.cure.file),
            ("row", cause.cure.row),
            *(("then" if cause.cure.row or not first.releasable else "paste", each) for each in cause.cure.commands),
        ]
        parts.append(text(f"{number}. {sentence(cause)}", "bold"))
        parts += [text(f"   {name:<9}{said}") for name, said in lines if said]
        parts.append(text(""))
    return tuple(parts)


def holds_screen(causes: Sequence[Cause]) -> RenderableType:
    """All of them, the most money first, with the number of the cause above."""
    held = [(number, each) for number, cause in enumerate(causes, 1) for each in cause.holds]
    held.sort(key=lambda pair: (-abs(pair[1].amount_minor), pair[1].posting_id))
    rows = [
        (h.posting_id, h.doc_key, h.label, amount(h.amount_minor, h.currency), h.currency, h.business_date, number,
         h.code, h.detail)
        for number, h in held
    ]  # fmt: skip
    headings = ("posting", "document", "about", "amount", "", "date", "cause", "code", "reason")
    return table(headings, rows, f"{len(held)} held", ("posting", "amount", "cause"))
