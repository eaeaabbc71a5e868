"""Looks into the target's books for the goods that waiting documents take, before anything of a flow is sent.

Invariant: each run looks again at all that waits, whether or not anything new was read; a document whose goods went
back waits again. Targets that keep no receipts are not asked.
"""

from collections.abc import Callable

from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.cover import CoverSummary, evaluate
from st_pipelines.posting.summary import PostSummary


def look_for_goods(session: Session, context: RunContext) -> CoverSummary:
    """Raises what the target raises where it cannot be read: before anything is sent."""
    ask = session.road.target.goods
    if ask is None:
        return CoverSummary()
    return evaluate(
        session.engine, context, lambda company, lines: ask(session.target_client, company, lines),
        target=session.integration.target.connection, change=session.target.change,
    )  # fmt: skip


def in_turn(session: Session, flow: Flow, context: RunContext, send: Callable[[], PostSummary]) -> PostSummary:
    """Looks and sends; again, while documents stand behind others of the same order line and these get out of the way.
    What does not (a throttle, an outcome that stays unknown) leaves the rest to the next run."""
    if not flow.takes_goods:
        return send()
    look = look_for_goods(session, context)
    last = summary = send()
    while look.behind and not summary.stopped and (last.posted or last.rejected or last.held_now):
        look = look_for_goods(session, context)
        if not look.covered:
            break
        last = send()
        summary = summary.then(last)
    return summary
