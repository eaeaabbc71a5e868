"""What waits for what, as commands show it. Invariant: one wording and one rule of age for all of them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from st_pipelines.cli.output import table, text
from st_pipelines.reconciliation.amounts import amount, money, plain

if TYPE_CHECKING:
    from st_pipelines.integrations.registry import Integration
    from st_pipelines.posting.waiting import Wait

_SHOWN = 20  # on a screen; --json has all


def overdue(waiting: "Iterable[Wait]", integration: "Integration") -> "list[Wait]":
    """What has waited longer than ``options.longest_wait_hours``."""
    return [wait for wait in waiting if wait.is_overdue(integration.options.longest_wait_hours)]


def data(waiting: "Sequence[Wait]", integration: "Integration") -> dict[str, Any]:
    """For ``--json``."""
    from st_pipelines.cli.document_life import instant
    from st_pipelines.posting.waiting import at_risk

    late = {wait.posting_id for wait in overdue(waiting, integration)}
    return {
        "counts_as_a_problem_after_hours": integration.options.longest_wait_hours, "overdue": len(late),
        "at_risk": [
            {"currency": currency, "documents": documents, "amount": plain(minor, currency)}
            for currency, (documents, minor) in at_risk(waiting).items()
        ],
        "documents": [
            {"posting_id": w.posting_id, "document": w.doc_key, "flow": w.flow, "about": w.label,
             "currency": w.currency, "amount": plain(w.amount_minor, w.currency), "business_date": w.business_date,
             "since": instant(w.since), "hours": w.age_hours, "overdue": w.posting_id in late,
             "waits_for": w.needs, "which_is": w.reason.state, "why": w.reason.why, "cure": w.reason.cure}
            for w in waiting
        ],
    }  # fmt: skip


def screen(waiting: "Sequence[Wait]", integration: "Integration") -> list[RenderableType]:
    """Nothing where nothing waits."""
    from st_pipelines.cli.document_life import instant
    from st_pipelines.documents.bill import cover_key
    from st_pipelines.posting.waiting import at_risk

    if not waiting:
        return []
    rows = [
        (w.doc_key, w.label, amount(w.amount_minor, w.currency), w.currency, (instant(w.since) or "")[:10],
         "its own goods" if w.needs == cover_key(w.doc_key) else w.needs, w.reason.why, w.reason.cure)
        for w in waiting[:_SHOWN]
    ]  # fmt: skip
    total = ", ".join(money(minor, currency) for currency, (_, minor) in at_risk(waiting).items())
    documents = len({wait.posting_id for wait in waiting})
    headings = ("document", "about", "amount", "", "since", "waits for", "which does not come because", "what to do")
    parts: list[RenderableType] = [table(headings, rows, f"{documents} waiting, {total} in all", ("amount",))]
    if len(waiting) > _SHOWN:
        parts.append(text(f"… and {len(waiting) - _SHOWN} more: st-pipelines holds waiting --json"))
    late = overdue(waiting, integration)
    if late:
        hours, count = integration.options.longest_wait_hours, len({wait.posting_id for wait in late})
        parts.append(text(f"{count} waited for more than {hours} hours: look why, they may wait for ever.", "bold red"))
    return parts
