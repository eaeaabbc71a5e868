"""``st-pipelines resolve``: unknown outcomes settled by reading the target back. Sends nothing."""

from dataclasses import replace
from typing import Annotated
from uuid import uuid4

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, answering, text
from st_pipelines.cli.run import actor

Integration = Annotated[str, typer.Option("--integration", help="Not needed where there is only one.")]


@answering
def resolve(integration: Integration = "") -> Answer:
    """Settle every unknown outcome by reading the target back. Waits out the quiet periods; sends nothing."""
    from st_pipelines.integrations.post_days import pace
    from st_pipelines.integrations.way_back import way_back
    from st_pipelines.posting.resolve import resolve_unknown

    with opened.session(opened.integration(integration).name) as session:
        context = session.context(f"resolve-{uuid4().hex[:12]}", actor())
        done = resolve_unknown(
            session.engine, session.target, session.integration.name, context, settings=pace(session.target)
        )
        back = way_back(session)  # what goes to the source is settled there
        if back is not None:
            there = resolve_unknown(
                session.engine, back.target, back.integration, replace(context, integration=back.integration),
                settings=pace(back.target),
            )  # fmt: skip
            done = replace(
                done, posted=done.posted + there.posted, returned=done.returned + there.returned,
                held=done.held + there.held, open=done.open + there.open, faults=[*done.faults, *there.faults],
            )  # fmt: skip
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
