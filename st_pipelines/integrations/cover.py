"""Looks into the target's books for the goods that waiting documents take, before anything of a flow is sent.

Invariant: each run looks again at all that waits, whether or not anything new was read; a document whose goods went
back waits again. Targets that keep no receipts are not asked.
"""

from st_pipelines.integrations.session import Session
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.cover import CoverSummary, evaluate


def look_for_goods(session: Session, context: RunContext) -> CoverSummary:
    """Raises what the target raises where it cannot be read: before anything is sent."""
    ask = session.road.target.goods
    if ask is None:
        return CoverSummary()
    return evaluate(
        session.engine, context, lambda company, lines: ask(session.target_client, company, lines),
        target=session.integration.target.connection, change=session.target.change,
    )  # fmt: skip
