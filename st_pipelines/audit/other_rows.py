"""Holds against the trail what has no posting of its own: versions that were only recorded, facts, read-backs of many
postings at once, the epoch (A7). Invariant: constant memory; events come in by the thousand, rows are looked up by key.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, select, text

from st_pipelines.audit.digests import VERSION_COLUMNS, version_digest
from st_pipelines.audit.posting_rows import Checked
from st_pipelines.database.schema import document_version, fact, ledger_identity, posting

KINDS = ("recorded", "fact", "read_back", "ledger_recovered")
_BATCH = 500
_decode = msgspec.json.Decoder().decode

_versions = select(
    *(document_version.c[name] for name in VERSION_COLUMNS), document_version.c.document,
    select(posting.c.posting_id).where(
        posting.c.integration == document_version.c.integration, posting.c.doc_key == document_version.c.doc_key,
        posting.c.version_id == document_version.c.version_id,
    ).exists().label("posts"),
).where(document_version.c.version_id.in_(bindparam("ids", expanding=True)))  # fmt: skip
_facts = select(fact).where(fact.c.key.in_(bindparam("keys", expanding=True)))
_read_back = select(posting.c.posting_id, posting.c.read_back_at).where(
    posting.c.posting_id.in_(bindparam("ids", expanding=True))
)
_unposted = text(
    "SELECT count(*) FROM document_version v WHERE NOT EXISTS (SELECT 1 FROM posting p "
    "WHERE p.integration = v.integration AND p.doc_key = v.doc_key AND p.version_id = v.version_id)"
)
_latest = text(
    "SELECT integration, doc_key FROM document_version GROUP BY integration, doc_key "
    "HAVING sum(is_latest) <> 1 OR max(version) <> max(CASE WHEN is_latest = 1 THEN version ELSE 0 END) LIMIT 20"
)


class Others:
    """Takes the events in order; ``finish`` compares what can only be counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: dict[str, list[tuple[int, int, str, dict[str, Any]]]] = {"recorded": [], "fact": []}
        self._epoch, self._recorded, self._facts, self._read_back = 1, 0, 0, 0
        self._old = False  # events of an older program say less: then nothing is counted
        self.findings: list[tuple[str, int | None]] = []  # (what does not hold, number of the event)

    def take(self, n: int, at: int, event: str, doc_key: str, raw: str) -> None:
        """One event of ``KINDS``."""
        content = _decode(raw)
        if event == "ledger_recovered":
            self._epoch = content["epoch"]
        elif event == "read_back":
            self._check_read_back(n, at, content["postings"])
        else:
            waiting = self._waiting[event]
            waiting.append((n, at, doc_key, content))
            if len(waiting) >= _BATCH:
                self._empty(event)

    def finish(self, checked: Checked) -> None:
        for event in self._waiting:
            self._empty(event)
        connection = self._connection
        if connection.execute(select(ledger_identity.c.epoch)).scalar_one() != self._epoch:
            self._found(f"the ledger's epoch is not {self._epoch}, as the trail says", None)
        if connection.execute(_unposted).scalar_one() != self._recorded and not self._old:
            self._found("document versions without a posting: another number than the trail has recorded", None)
        if connection.execute(text("SELECT count(*) FROM fact")).scalar_one() != self._facts:
            self._found("facts: another number, or another state, than the trail has recorded", None)
        if checked.read_back != self._read_back:
            self._found(f"{checked.read_back} postings name a time of their read-back that the trail says of "
                        f"{self._read_back}", None)  # fmt: skip
        for integration, doc_key in connection.execute(_latest):
            self._found(f"document {doc_key} of {integration}: not exactly its newest version is the latest", None)

    def _empty(self, event: str) -> None:
        waiting, self._waiting[event] = self._waiting[event], []
        if waiting and event == "recorded":
            self._check_recorded(waiting)
        elif waiting:
            self._check_facts(waiting)

    def _check_recorded(self, events: list[tuple[int, int, str, dict[str, Any]]]) -> None:
        ids = [content["version_id"] for _, _, _, content in events if "version_id" in content]
        self._old = self._old or len(ids) < len(events)
        rows = {row["version_id"]: row for row in self._connection.execute(_versions, {"ids": ids}).mappings()}
        for n, _, doc_key, content in events:
            if "version_id" not in content:
                continue
            row = rows.get(content["version_id"])
            if row is None:
                self._found(f"document version {content['version_id']} of {doc_key} is not in the ledger", n)
            else:
                self._recorded += not row["posts"]
                if version_digest(_plain(row)) != content["version_sha256"]:
                    self._found(f"document version {content['version_id']} of {doc_key} is not what was recorded", n)

    def _check_facts(self, events: list[tuple[int, int, str, dict[str, Any]]]) -> None:
        keys = list({doc_key for _, _, doc_key, _ in events})
        rows = {(row.integration, row.key): row for row in self._connection.execute(_facts, {"keys": keys})}
        for n, at, doc_key, content in events:
            row = rows.get((content["integration"], doc_key))
            if row is None or row.recorded_at < at:
                self._found(f"fact {doc_key} is not in the ledger as it was recorded", n)
            elif row.recorded_at == at:
                self._facts += 1
                said = (int(content["is_true"]), content["detail"], content["run_id"])
                if (row.is_true, row.detail, row.run_id) != said:
                    self._found(f"fact {doc_key} is not what was recorded", n)

    def _check_read_back(self, n: int, at: int, ids: list[int]) -> None:
        seen = {row.posting_id: row.read_back_at for row in self._connection.execute(_read_back, {"ids": ids})}
        self._read_back += sum(1 for posting_id in ids if seen.get(posting_id) == at)
        for posting_id in ids:
            when = seen.get(posting_id)
            if when is None or when < at:
                self._found(f"posting {posting_id} was read back then, and its row does not say so", n)

    def _found(self, what: str, n: int | None) -> None:
        self.findings.append((what, n))


def _plain(row: Any) -> dict[str, Any]:
    return {**row, "document": bytes(row["document"])}
