"""What the ledger holds back, with its reason. Reads only."""

from typing import Any

from sqlalchemy import Engine, and_, select

from st_pipelines.cli.document_life import instant
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import document_version, posting
from st_pipelines.reconciliation.amounts import plain


def held_postings(engine: Engine, integration: str = "", code: str = "") -> list[dict[str, Any]]:
    """One row a held posting, the oldest first, ready for JSON; ``amount_minor`` for whoever adds up."""
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
