"""``st-pipelines documents``: one document from its source to the target, with the proof. Reads only."""

from typing import Annotated, Any

import typer
from rich.console import RenderableType

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text

app = typer.Typer(no_args_is_help=True, help="Single documents.")

_SETTLED = ("posted", "superseded")


@app.callback()
def _group() -> None:
    """Keeps ``documents show`` a group of commands."""


@app.command("show")
@answering
def show(
    key: Annotated[str, typer.Argument(help="Document key, external reference, target id or number.")],
) -> Answer:
    """The whole life of one document: versions, postings, needs, control lines, audit events."""
    from st_pipelines.cli.document_life import lives_of

    with opened.ledger() as engine:
        lives = lives_of(engine, key)
    if not lives:
        raise Usage(f"the ledger knows no document {key!r}; keys look like ST:<tenant>:invoice:<id>")
    last = [life["postings"][-1]["state"] for life in lives if life["postings"]]
    parts = tuple(part for life in lives for part in _screen(life))
    return Answer(lives, parts, OPEN if any(state not in _SETTLED for state in last) else CLEAN)


def _screen(life: dict[str, Any]) -> tuple[RenderableType, ...]:
    versions = [
        (v["version"], v["recorded_at"], v["disposition"], v["amount"], v["currency"], v["business_date"], v["company"],
         v["reason"] or v["label"])
        for v in life["versions"]
    ]  # fmt: skip
    postings = [
        (p["seq"], p["op"], p["state"], p["amount"], p["currency"], p["target_number"] or p["target_id"], p["attempt"],
         " ".join(n["needs"] for n in p["needs"] if n["satisfied_at"] is None),
         ": ".join(part for part in (p["reason_code"], p["reason"]) if part))
        for p in life["postings"]
    ]  # fmt: skip
    control = [
        (p["seq"], line["business_unit"], line["gl_account"], line["cost_center"], line["amount"])
        for p in life["postings"] for line in p["control"]
    ]  # fmt: skip
    marks = [
        (p["seq"], mark["external_id"], mark["state"], mark["marked_at"] or mark["asked_at"], mark["reason"])
        for p in life["postings"] for mark in p["marks"]
    ]  # fmt: skip
    events = [
        (e["n"], e["recorded_at"], e["event"], e["content"].get("actor", ""), e["content"].get("run_id", ""))
        for e in life["events"]
    ]  # fmt: skip
    return (
        text(f"{life['integration']}: {life['doc_key']}", "bold"),
        table(("version", "recorded", "disposition", "amount", "", "date", "company", "about"), versions,
              "Versions", ("version", "amount")),
        table(("seq", "op", "state", "amount", "", "in target", "attempts", "waits for", "reason"), postings,
              "Postings", ("seq", "amount", "attempts")),
        table(("seq", "business unit", "GL account", "cost center", "amount"), control, "Control lines",
              ("seq", "amount")),
        *([table(("seq", "told as", "state", "when", "reason"), marks, "Told to the source", ("seq",))]
          if marks else ()),
        table(("event", "when", "what", "by", "run"), events, "Audit trail", ("event",)),
    )  # fmt: skip
