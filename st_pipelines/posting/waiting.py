"""Which document waits for which other one, since when, and why that one does not come. Invariant: reads only; what
waits goes out by itself once what it needs stands in the target, and in no other way.

A payment whose invoice was refused, dismissed or is not eligible would wait for ever without a word. Here every wait is
named, with the money that stands still, and from a certain age on it counts as a problem.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row, bindparam, text

from st_pipelines.database.engine import now_us, reading
from st_pipelines.documents.bill import COVERED
from st_pipelines.posting.needs import chunks
from st_pipelines.posting.standing import Standing, standing

_BATCH, _HOUR_US = 400, 3_600_000_000

# It waits since it was first to be posted: an edit while it waits does not make it young again.
_waiting = text("""
SELECT p.posting_id, p.doc_key, p.flow, p.currency, p.amount_minor, p.business_date, v.label, w.needs,
  (SELECT min(q.created_at) FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
   AND q.seq <= p.seq AND q.seq > coalesce((SELECT max(r.seq) FROM posting r WHERE r.integration = p.integration
     AND r.doc_key = p.doc_key AND r.seq < p.seq AND r.state IN ('posted', 'rejected')), -1)) AS since
FROM posting p JOIN posting_need w ON w.posting_id = p.posting_id AND w.satisfied_at IS NULL
JOIN document_version v ON v.version_id = p.version_id
WHERE p.integration = :integration AND p.state = 'planned' ORDER BY since, p.posting_id, w.needs""")
_facts = text("SELECT key, detail FROM fact WHERE integration = :integration AND key IN :keys").bindparams(
    bindparam("keys", expanding=True)
)


@dataclass(frozen=True)
class Reason:
    """Where the awaited document is (``state``: as in ``totals.documents``, or ``fact``, or ``unseen``), why it does
    not come, and what a person can do."""

    state: str
    why: str
    cure: str


@dataclass(frozen=True)
class Wait:
    """One planned posting and one thing that it needs. ``amount_minor``: the money that stands still, in minor units of
    ``currency``; ``since``: microseconds since 1970 UTC by the database's clock."""

    posting_id: int
    doc_key: str
    flow: str
    label: str
    currency: str
    amount_minor: int
    business_date: str
    since: int
    age_hours: int
    needs: str
    reason: Reason

    def is_overdue(self, after_hours: int) -> bool:
        return self.age_hours >= after_hours


def waits(engine: Engine, integration: str) -> list[Wait]:
    """Everything that waits, the longest wait first; a document that needs several things once for each."""
    with reading(engine) as connection:
        rows, now = connection.execute(_waiting, {"integration": integration}).all(), now_us(connection)
        needed = {row.needs for row in rows}
        facts = {
            row.key: row.detail for keys in chunks(needed, _BATCH)
            for row in connection.execute(_facts, {"integration": integration, "keys": keys})
        }  # fmt: skip
    reasons = _Reasons(standing(engine, integration, sorted(needed)), facts, rows)
    return [
        Wait(
            row.posting_id, row.doc_key, row.flow, row.label, row.currency, row.amount_minor, row.business_date,
            row.since, max(0, now - row.since) // _HOUR_US, row.needs, reasons.of(row.needs),
        )
        for row in rows
    ]  # fmt: skip


def at_risk(waiting: Iterable[Wait]) -> dict[str, tuple[int, int]]:
    """Documents and the sum of their absolute amounts, by currency; one that needs several things counts once."""
    sums: dict[str, tuple[int, int]] = {}
    for wait in {wait.posting_id: wait for wait in waiting}.values():
        documents, minor = sums.get(wait.currency, (0, 0))
        sums[wait.currency] = (documents + 1, minor + abs(wait.amount_minor))
    return dict(sorted(sums.items()))


class _Reasons:
    def __init__(self, known: Mapping[str, Standing], facts: Mapping[str, str], rows: Sequence[Row[Any]]) -> None:
        self._known, self._facts = known, facts
        self._behind = {row.doc_key: row.needs for row in reversed(rows)}  # what each waiting one needs first

    def of(self, key: str) -> Reason:
        return self._of(key, frozenset())

    def _of(self, key: str, followed: frozenset[str]) -> Reason:
        if key.endswith(COVERED):
            return _goods(self._facts.get(key))
        one = self._known.get(key)
        if one is None and key in self._facts:
            return Reason("fact", f"it has not come about: {self._facts[key] or 'nothing is known of it'}",
                          "It goes out by itself when the source shows it.")  # fmt: skip
        if one is None:
            return Reason("unseen", "it was never read from the source",
                          "Run the day on which it was last changed in the source.")  # fmt: skip
        if one.state == "waiting" and key in self._behind and key not in followed:
            behind = self._behind[key]
            reason = self._of(behind, followed | {key})
            return Reason("waiting", f"it waits itself for {behind}: {reason.why}", reason.cure)
        why, cure = _SENTENCES.get(one.state, ("it is {state}", "Run again."))
        values = {"key": key, "reason": one.reason or "no reason was given", "state": one.state.replace("_", " ")}
        return Reason(one.state, why.format_map(values), cure.format_map(values))


def _goods(detail: str | None) -> Reason:
    """``detail``: what the last look into the target's books saw of each order line."""
    if detail is None:
        return Reason("fact", "nobody has looked for its goods yet", "Run again: each run looks.")
    cure = "It goes out by itself once the books show them as received; else ask who receives them."
    return Reason("fact", f"its goods are not all there: {detail}", cure)


_IN_SOURCE = "take {key} off the waiting document in the source (apply the payment elsewhere)"
_SENTENCES: Mapping[str, tuple[str, str]] = {
    "rejected": ("it is rejected: {reason}",
                 "Cure the reason, then: st-pipelines replay {key} --by NAME --reason TEXT; or " + _IN_SOURCE + "."),
    "held": ("it is held: {reason}", "Do what the hold says; see st-pipelines holds list."),
    "not_eligible": ("it is not to be posted yet: {reason}", "Post {key} in the source, or " + _IN_SOURCE + "."),
    "nothing_to_post": ("there is nothing of it to post: {reason}", "In the source, " + _IN_SOURCE + "."),
    "void": ("it was voided in the source and never posted", "In the source, " + _IN_SOURCE + "."),
    "voided": ("it was voided after it had been posted", "In the source, " + _IN_SOURCE + "."),
    "unknown": ("it was sent and no answer came", "Run st-pipelines resolve."),
    "sending": ("it is being sent", "Nothing to do."),
    "planned": ("it is next in the queue", "Run again."),
    "posted": ("it has just been posted", "Run again."),
}  # fmt: skip
