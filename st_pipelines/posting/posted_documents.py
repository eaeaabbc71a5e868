"""What stands in the target of one flow's days, document by document. Invariant: each document once, by its newest
posting that was confirmed; a voided one stands as voided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

from st_pipelines.database.engine import reading

_posted = text("""
SELECT * FROM (
  SELECT p.partition_key, p.doc_key, v.label, p.op, p.kind, p.company, p.external_ref, p.target_id, p.target_number,
    p.currency, p.amount_minor,
    row_number() OVER (PARTITION BY p.partition_key ORDER BY abs(p.amount_minor) DESC, p.posting_id) AS place
  FROM posting p JOIN document_version v ON v.version_id = p.version_id
  WHERE p.integration = :integration AND p.flow = :flow AND p.state = 'posted'
    AND p.partition_key BETWEEN :first AND :last
    AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
      AND q.seq > p.seq AND q.state = 'posted')
) s WHERE place <= :most ORDER BY partition_key, place""")


@dataclass(frozen=True)
class PostedDocument:
    """``number`` is what a person sees in the target; ``amount_minor`` in minor units of ``currency``."""

    doc_key: str
    label: str
    op: str
    kind: str
    company: str
    external_ref: str
    target_id: str
    number: str
    currency: str
    amount_minor: int


def posted_documents(
    engine: Engine, integration: str, flow: str, days: Sequence[str], most: int
) -> Mapping[str, list[PostedDocument]]:
    """By partition key, at most ``most`` each, the most money first."""
    found: dict[str, list[PostedDocument]] = {day: [] for day in days}
    if not days:
        return found
    values = {"integration": integration, "flow": flow, "first": min(days), "last": max(days), "most": most}
    with reading(engine) as connection:
        rows = connection.execute(_posted, values).all()
    for row in rows:
        one = PostedDocument(
            row.doc_key, row.label, row.op, row.kind, row.company, row.external_ref, row.target_id or "",
            row.target_number, row.currency, row.amount_minor,
        )  # fmt: skip
        found.setdefault(row.partition_key, []).append(one)
    return found
