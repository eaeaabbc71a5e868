"""``st-pipelines inbox``: webhooks that were received. Invariant: their content is never shown, it holds customers."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import Answer, Usage, answering, table, text

app = typer.Typer(no_args_is_help=True, help="Webhooks that were received and what became of them.")
_MOST_SHOWN = 20


@app.command("status")
@answering
def status() -> Answer:
    """What waits and for how long, and what nobody could read and why."""
    from st_pipelines.inbox.survey import unreadable, waiting

    with opened.ledger() as engine:
        connections, unread = waiting(engine), unreadable(engine, _MOST_SHOWN)
    data = {"connections": [asdict(one) for one in connections], "unusable": [asdict(one) for one in unread]}
    if not connections:
        return Answer(data, (text("No webhooks were received."),))
    counts = ("pending", "done", "ignored", "unusable")
    rows = [(one.connection, one.pending, one.done, one.ignored, one.unusable,
             f"{one.oldest_age_s:,.0f} s" if one.pending else "") for one in connections]  # fmt: skip
    screen = [table(("connection", *counts, "oldest waits"), rows, right=(*counts, "oldest waits"))]
    if unread:
        named = [(one.n, one.connection, one.event_type, _when(one.received_at), one.size, one.reason)
                 for one in unread]  # fmt: skip
        screen.append(table(("n", "connection", "event", "received", "bytes", "why nobody can act on it"), named,
                            title="Unusable, the newest first; the day of modification is read all the same",
                            right=("n", "bytes")))  # fmt: skip
    return Answer(data, tuple(screen))


@app.command("purge")
@answering
def purge(
    older_than_days: Annotated[int, typer.Option("--older-than-days", help="Since they were handled.")] = 90,
) -> Answer:
    """Delete what was handled long ago. What waits is never deleted; a repeat of a purged event is taken as new."""
    from st_pipelines.inbox.pending import purge

    if older_than_days < 1:
        raise Usage("--older-than-days takes 1 or more: only the inbox knows that a repeat is one")
    with opened.ledger() as engine:
        gone = purge(engine, older_than_days)
    said = f"{gone:,} deliveries deleted that were handled more than {older_than_days} days ago."
    return Answer({"deleted": gone, "older_than_days": older_than_days}, (text(said),))


def _when(us: int) -> str:
    return f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
