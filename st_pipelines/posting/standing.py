"""Where single documents stand. Invariant: the same words as the totals use, read from the ledger now."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, text

from st_pipelines.database.engine import reading
from st_pipelines.posting.needs import chunks

UNSETTLED = ("planned", "sending", "unknown")
_BATCH = 400

_documents = text("""
SELECT v.doc_key, v.flow, v.label, v.currency, v.amount_minor, v.content_sha256, v.partition_key,
  coalesce(p.target_number, '') AS target_number, coalesce(p.reason, v.reason) AS reason,
  coalesce(p.reason_code, '') AS code, CASE WHEN p.read_back_at IS NULL THEN 0 ELSE 1 END AS read_back,
  CASE WHEN p.posting_id IS NULL THEN v.disposition
    WHEN p.state = 'posted' AND p.op = 'void' THEN 'voided'
    WHEN p.state = 'planned' AND EXISTS (SELECT 1 FROM posting_need w WHERE w.posting_id = p.posting_id
      AND w.satisfied_at IS NULL) THEN 'waiting'
    ELSE p.state END AS state
FROM document_version v LEFT JOIN posting p ON p.posting_id = (
  SELECT q.posting_id FROM posting q WHERE q.integration = v.integration AND q.doc_key = v.doc_key
  AND q.state <> 'superseded' ORDER BY q.seq DESC LIMIT 1)
WHERE v.integration = :integration AND v.is_latest = 1 AND v.doc_key IN :keys""").bindparams(
    bindparam("keys", expanding=True)
)


_open = text("""
SELECT DISTINCT doc_key FROM posting WHERE integration = :integration AND flow = :flow
AND state IN ('planned', 'held') AND attempt = 0 ORDER BY doc_key""")


@dataclass(frozen=True)
class Standing:
    """One document: its newest version, and ``state`` as in ``totals.documents``. ``number``: what the target calls
    it. ``settled``: nothing is to be sent now and no outcome is open. ``read_back``: it was compared with the target;
    ``code`` then says whether it differs."""

    doc_key: str
    flow: str
    label: str
    state: str
    currency: str
    amount_minor: int
    number: str
    reason: str
    partition_key: str
    code: str
    read_back: bool
    content_sha256: str

    @property
    def settled(self) -> bool:
        return self.state not in UNSETTLED


def open_documents(engine: Engine, integration: str, flow: str) -> list[str]:
    """Keys of the flow's documents of which something is planned or held that was never sent."""
    with reading(engine) as connection:
        return list(connection.execute(_open, {"integration": integration, "flow": flow}).scalars())


def standing(engine: Engine, integration: str, doc_keys: Collection[str]) -> dict[str, Standing]:
    """By document key, in the order of ``doc_keys``; what the ledger has never seen is absent."""
    found: dict[str, Standing] = {}
    with reading(engine) as connection:
        for keys in chunks(doc_keys, _BATCH):
            for row in connection.execute(_documents, {"integration": integration, "keys": list(keys)}):
                found[row.doc_key] = Standing(
                    row.doc_key, row.flow, row.label, row.state, row.currency, row.amount_minor, row.target_number,
                    row.reason, row.partition_key, row.code, bool(row.read_back), row.content_sha256,
                )  # fmt: skip
    return {key: found[key] for key in doc_keys if key in found}
