"""What the source was told about posted documents. Invariant: a question is on record before it is asked, an answer
only where it is known, and every change has its event in the same transaction (L16, A1).

A document is due when its newest posting stands in the target (a create or an update, read back without a difference).
Each such posting is a row of its own, so that a document that was voided and posted again is told with its new number.
While a question is on its way its row is ``unknown``: a killed run leaves exactly that, and the next one asks again.
Asking again is safe, because whoever asks reads the record first and marking twice changes nothing.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, bindparam, insert, text

from st_pipelines.audit import trail
from st_pipelines.database.batch import BatchUpdate
from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import write_back
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.readback import DIFFERS

STATES = ("due", "marked", "refused", "unknown")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 86_400, 7 * 86_400  # a refusal is cured by people, not by asking every run
LOOK_AGAIN_S = 3_600
_BATCH = 500

# The posting that says how its document stands in the target now, where it was read back and is as planned.
_STANDS = f"""p.integration = :integration AND p.flow = :flow AND p.state = 'posted' AND p.op IN ('create', 'update')
AND p.read_back_at IS NOT NULL AND p.reason_code <> '{DIFFERS}'
AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
  AND q.seq > p.seq AND q.state <> 'superseded')"""

# Most postings have their row: that is asked first.
_new = text(f"""SELECT p.posting_id, p.doc_key, p.target_id, p.target_number FROM posting p
WHERE NOT EXISTS (SELECT 1 FROM write_back w WHERE w.integration = p.integration AND w.doc_key = p.doc_key
  AND w.posting_id = p.posting_id)
AND {_STANDS} ORDER BY p.posting_id LIMIT {_BATCH}""")
_askable = text(f"""SELECT w.write_back_id, w.posting_id, w.doc_key, w.entity, w.external_id, w.attempts, p.kind,
  p.company, p.external_ref
FROM write_back w JOIN posting p ON p.posting_id = w.posting_id WHERE {_STANDS}
AND w.state IN ('due', 'refused', 'unknown') AND w.not_before <= :now AND w.run_id <> :asking
ORDER BY w.write_back_id LIMIT :limit""")
_told = text(
    "SELECT doc_key, external_id FROM write_back WHERE integration = :integration AND doc_key IN :keys "
    "AND asked_at IS NOT NULL ORDER BY write_back_id"
).bindparams(bindparam("keys", expanding=True))
_attempts = text("SELECT write_back_id, attempts FROM write_back WHERE write_back_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_standing = text(f"""SELECT w.write_back_id, w.posting_id, w.doc_key, w.attempts, w.marked_at
FROM write_back w JOIN posting p ON p.posting_id = w.posting_id
WHERE {_STANDS} AND w.state IN :states AND w.doc_key IN :keys""").bindparams(
    bindparam("states", expanding=True), bindparam("keys", expanding=True)
)
# Of a source that is told more than a number, a mark with a reason is not the last word: it may have moved on since.
_moving = text(f"""SELECT w.doc_key FROM write_back w JOIN posting p ON p.posting_id = w.posting_id
WHERE {_STANDS} AND w.state = 'marked' AND w.reason <> '' AND w.asked_at < :before ORDER BY w.doc_key""")
_insert = insert(write_back)
_ask = BatchUpdate(
    "UPDATE write_back SET state = 'unknown', reason = @reason, attempts = write_back.attempts + 1, asked_at = @now, "
    "run_id = @run_id",
    "write_back.write_back_id = @id AND write_back.attempts = @attempts",
    {"reason": "text", "now": "bigint", "run_id": "text", "id": "bigint", "attempts": "integer"},
)
_settle = BatchUpdate(
    "UPDATE write_back SET state = @state, reason = @reason, not_before = @not_before, "
    "marked_at = coalesce(@marked_at, write_back.marked_at)",
    "write_back.write_back_id = @id AND write_back.attempts = @attempts",
    {"state": "text", "reason": "text", "not_before": "bigint", "marked_at": "bigint", "id": "bigint",
     "attempts": "integer"},
)  # fmt: skip

ON_ITS_WAY = "asked; no answer was recorded"
Said = Literal["exported", "already_exported", "refused", "unknown", "not_sent"]
_EVENTS: Mapping[Said, tuple[str, str]] = {  # what the source said -> state, event
    "exported": ("marked", "marked_exported"),
    "already_exported": ("marked", "marked_exported"),
    "refused": ("refused", "mark_refused"),
    "unknown": ("unknown", "mark_unknown"),
    "not_sent": ("due", "mark_not_sent"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One document that the source is being asked to mark. ``told``: every external id that it may have been told for
    this document so far, in order. ``kind``, ``company``, ``external_ref``: by which the target is asked for it."""

    write_back_id: int
    posting_id: int
    doc_key: str
    entity: str
    external_id: str
    attempts: int
    told: tuple[str, ...]
    kind: str = ""
    company: str = ""
    external_ref: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """``reason`` in the source's own words."""

    question: Question
    said: Said
    reason: str = ""


def plan_marks(engine: Engine, context: RunContext, flow: str, entity: str) -> int:
    """Records every posting of the flow that the source ought to be told about and was not; gives their number."""
    planned = 0
    while True:
        with ledger_transaction(engine) as connection:
            rows = connection.execute(_new, {"integration": context.integration, "flow": flow}).all()
            if not rows:
                return planned
            now = now_us(connection)
            connection.execute(_insert, [
                {"integration": context.integration, "flow": flow, "doc_key": row.doc_key,
                 "posting_id": row.posting_id, "entity": entity, "external_id": row.target_number or row.target_id,
                 "run_id": "", "created_at": now}
                for row in rows
            ])  # fmt: skip
            content = {**context.audited(), "flow": flow, "postings": [row.posting_id for row in rows]}
            trail.append_many(connection, [trail.Event("mark_due", "", None, content)], now)
        planned += len(rows)


def ask(engine: Engine, context: RunContext, flow: str, most: int) -> list[Question]:
    """Takes the next documents to ask about and records that they are being asked. Each once a run; a refused one only
    after its pause. Empty: nothing is left to ask."""
    of = {"integration": context.integration, "flow": flow}
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        rows = connection.execute(_askable, of | {"now": now, "asking": context.run_id, "limit": most}).all()
        if not rows:
            return []
        questions = _questions(connection, context, rows)
        asked = [{"reason": ON_ITS_WAY, "now": now, "run_id": context.run_id, "id": row.write_back_id,
                  "attempts": row.attempts} for row in rows]  # fmt: skip
        _ask.run(connection, asked)
        content = {**context.audited(), "flow": flow, "postings": [row.posting_id for row in rows]}
        trail.append_many(connection, [trail.Event("mark_asked", "", None, content)], now)
    return questions


def _questions(connection: Connection, context: RunContext, rows: Sequence[Any]) -> list[Question]:
    told: dict[str, dict[str, None]] = {}
    for row in connection.execute(_told, {"integration": context.integration, "keys": [row.doc_key for row in rows]}):
        told.setdefault(row.doc_key, {})[row.external_id] = None
    return [
        Question(row.write_back_id, row.posting_id, row.doc_key, row.entity, row.external_id, row.attempts + 1,
                 tuple(told.get(row.doc_key, ())), row.kind, row.company, row.external_ref)
        for row in rows
    ]  # fmt: skip


def record(engine: Engine, context: RunContext, answers: Sequence[Answer]) -> Counter[Said]:
    """Writes the answers down. One whose question was asked again by somebody else meanwhile is left to that one; gives
    what was recorded."""
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        asked = {"ids": [answer.question.write_back_id for answer in answers]}
        attempts = {row.write_back_id: row.attempts for row in connection.execute(_attempts, asked)}
        mine = [one for one in answers if attempts[one.question.write_back_id] == one.question.attempts]
        _settle.run(connection, [_row(answer, now) for answer in mine])
        trail.append_many(connection, [_event(context, answer) for answer in mine], now)
    return Counter(answer.said for answer in mine)


def _row(answer: Answer, now: int) -> dict[str, Any]:
    state, _ = _EVENTS[answer.said]
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(answer.question.attempts - 1, 10))
    return {
        "state": state, "reason": answer.reason, "not_before": now + pause_s * 1_000_000 if state == "refused" else 0,
        "marked_at": now if state == "marked" else None, "id": answer.question.write_back_id,
        "attempts": answer.question.attempts,
    }  # fmt: skip


def _event(context: RunContext, answer: Answer) -> trail.Event:
    question, (_, event) = answer.question, _EVENTS[answer.said]
    content = {**context.audited(), "external_id": question.external_id, "how": answer.said,
               "attempt": question.attempts, "reason": answer.reason}  # fmt: skip
    return trail.Event(event, question.doc_key, question.posting_id, content)


def mark_again(engine: Engine, context: RunContext, flow: str, doc_keys: Collection[str], recorded_at: int) -> int:
    """The source shows these as not marked, in a reading that was recorded at ``recorded_at``: they are due again where
    they were marked before that. Gives how many."""
    return _due_again(engine, context, flow, doc_keys, ("marked",), recorded_at,
                      {"reason": "the source shows it as not exported any more"})  # fmt: skip


def look_again(engine: Engine, context: RunContext, flow: str, pause_s: int = LOOK_AGAIN_S) -> int:
    """For a source that is told what the target made of a document: marks that said something which may have changed
    there since (a hold) are due again after a pause. Gives how many."""
    of = {"integration": context.integration, "flow": flow}
    with reading(engine) as connection:
        before = now_us(connection) - pause_s * 1_000_000
        keys = list(connection.execute(_moving, of | {"before": before}).scalars())
    return _due_again(engine, context, flow, keys, ("marked",), None, {"reason": "what was told may have moved on"})


def ask_again(engine: Engine, context: RunContext, flow: str, doc_keys: Collection[str], *, by: str, why: str) -> int:
    """A person wants refused documents to be asked about by the next run. Gives how many there were."""
    return _due_again(engine, context, flow, doc_keys, ("refused",), None, {"by": by, "reason": why})


def _due_again(engine: Engine, context: RunContext, flow: str, doc_keys: Collection[str], states: Sequence[str],
               marked_before: int | None, content: Mapping[str, str]) -> int:  # fmt: skip
    if not doc_keys:
        return 0
    of = {"integration": context.integration, "flow": flow, "states": list(states)}
    changed = 0
    keys = sorted(doc_keys)
    for start in range(0, len(keys), _BATCH):
        with ledger_transaction(engine) as connection:
            rows = connection.execute(_standing, of | {"keys": keys[start : start + _BATCH]}).all()
            rows = [row for row in rows if marked_before is None or row.marked_at < marked_before]
            if not rows:
                continue
            _settle.run(connection, [{"state": "due", "reason": content["reason"], "not_before": 0, "marked_at": None,
                                      "id": row.write_back_id, "attempts": row.attempts} for row in rows])  # fmt: skip
            said = {**context.audited(), **content}
            trail.append_many(
                connection, [trail.Event("mark_due_again", row.doc_key, row.posting_id, said) for row in rows]
            )
            changed += len(rows)
    return changed
