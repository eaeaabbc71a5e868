"""``st-pipelines resolve`` and ``replay``: unknown outcomes settled by reading back, refused documents tried again."""

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, text
from st_pipelines.cli.run import actor

if TYPE_CHECKING:
    from sqlalchemy import Engine

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]


@answering
def resolve(integration: Integration = "") -> Answer:
    """Settle every unknown outcome by reading the target back. Waits out the quiet periods; sends nothing."""
    from st_pipelines.integrations.post_days import pace
    from st_pipelines.posting.resolve import resolve_unknown

    with opened.session(opened.integration(integration).name) as session:
        context = session.context(f"resolve-{uuid4().hex[:12]}", actor())
        done = resolve_unknown(
            session.engine, session.target, session.integration.name, context, settings=pace(session.target)
        )
    data = {
        "posted": done.posted,
        "returned": done.returned,
        "held": done.held,
        "open": done.open,
        "faults": done.faults,
    }
    said = (f"{done.posted} were in the target, {done.returned} were not and go out again with the next run, "
            f"{done.held} are held for a person, {done.open} are still unknown.")  # fmt: skip
    clean = not (done.held or done.open or done.faults)
    return Answer(data, (text(said), *(text(fault) for fault in done.faults)), CLEAN if clean else OPEN)


@answering
def replay(
    key: Annotated[str, typer.Argument(help="Document key, or posting id, of a rejected posting.")],
    by: Annotated[str, typer.Option("--by", help="Who asks; it goes into the audit trail.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it goes into the audit trail.")],
    integration: Integration = "",
) -> Answer:
    """Plan a rejected document again, after a look at the target. The next run sends it."""
    from st_pipelines.posting.replay import replay as plan_again

    with opened.session(opened.integration(integration).name) as session:
        posting_id = _rejected(session.engine, session.integration.name, key)
        context = session.context(f"replay-{uuid4().hex[:12]}", actor())
        planned = plan_again(session.engine, session.target, context, posting_id, by=by, reason=reason)
    return Answer(
        {"replayed": posting_id, "planned": planned}, (text(f"Planned again as posting {planned}; run to send."),)
    )


def _rejected(engine: "Engine", integration: str, key: str) -> int:
    """The newest rejected posting that ``key`` names."""
    from st_pipelines.posting.life import life

    if key.isdecimal():
        return int(key)
    rows = [row for row in life(engine, integration, key).postings if row["state"] == "rejected"]
    if not rows:
        raise Usage(f"{integration} has no rejected posting of {key!r}; see st-pipelines documents show {key}")
    return int(rows[-1]["posting_id"])
