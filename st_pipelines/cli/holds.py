"""``st-pipelines holds``: what was stopped before sending, why, and the release by a named person."""

from typing import Annotated, Any

import typer
from sqlalchemy import Engine, and_, select

from st_pipelines.cli import opened
from st_pipelines.cli.document_life import instant
from st_pipelines.cli.output import CLEAN, OPEN, Answer, answering, table, text
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version, posting
from st_pipelines.reconciliation.amounts import amount, plain

app = typer.Typer(no_args_is_help=True, help="Held documents: the exact reason, and what a person must do.")


@app.command("list")
@answering
def list_all(
    name: Annotated[str, typer.Option("--integration", help="One integration; all by default.")] = "",
    code: Annotated[str, typer.Option("--code", help="Only holds with this code, e.g. gl_account.no_row.")] = "",
) -> Answer:
    """List what is held, the oldest first."""
    if name:
        opened.integration(name)
    with opened.ledger() as engine:
        held = _held(engine, name, code)
    rows = [(h["document"], h["label"], amount(h["amount_minor"], h["currency"]), h["currency"], h["business_date"],
             h["code"], h["reason"]) for h in held]  # fmt: skip
    headings = ("document", "about", "amount", "currency", "date", "code", "reason")
    data = [{name: value for name, value in h.items() if name != "amount_minor"} for h in held]
    if not held:
        return Answer(data, (text("Nothing is held."),), CLEAN)
    return Answer(data, (table(headings, rows, f"{len(held)} held", ("amount",)),), OPEN)


def _held(engine: Engine, integration: str, code: str) -> list[dict[str, Any]]:
    chosen = [posting.c.state == "held"]
    if integration:
        chosen.append(posting.c.integration == integration)
    if code:
        chosen.append(posting.c.reason_code == code)
    version = and_(document_version.c.version_id == posting.c.version_id)
    query = select(posting, document_version.c.label).join(document_version, version).where(*chosen)
    with reading(engine) as connection:
        return [
            {"document": row.doc_key, "integration": row.integration, "flow": row.flow, "kind": row.kind, "op": row.op,
             "posting_id": row.posting_id, "label": row.label, "currency": row.currency,
             "amount": plain(row.amount_minor, row.currency), "amount_minor": row.amount_minor,
             "business_date": row.business_date, "code": row.reason_code, "reason": row.reason,
             "since": instant(row.updated_at), "was_sent": row.attempt > 0}
            for row in connection.execute(query.order_by(posting.c.posting_id))
        ]  # fmt: skip
