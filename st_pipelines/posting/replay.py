"""Tries refused documents again. Invariant: a replay is a new posting with the same reference, after a look at the
target, and names who asked (L14). The refused row stays as it is; what is not refused is never touched.

All documents of one kind and company are looked up together, in as few questions as the settings allow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine, bindparam, text

from st_pipelines.audit import trail
from st_pipelines.database.engine import now_us, reading
from st_pipelines.posting import needs
from st_pipelines.posting.claimed import COLUMNS, Claimed, by_books, load
from st_pipelines.posting.companies import Companies
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.judge import Judged, Verdict, ask, judge
from st_pipelines.posting.plan import plan_again
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.target import Target

# The newest posting of each document that was not superseded.
_newest = (
    "SELECT p.posting_id, p.flow, p.kind, p.doc_key, p.op, p.company, p.currency, p.amount_minor, p.business_date, "
    "p.partition_key, p.state, p.reason_code, p.reason, p.target_number, p.target_id, p.run_id, v.label FROM posting p "
    "JOIN document_version v ON v.version_id = p.version_id WHERE p.integration = :of AND {where} "
    "AND NOT EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key "
    "AND q.seq > p.seq AND q.state <> 'superseded') ORDER BY abs(p.amount_minor) DESC, p.posting_id"
)
_rejected = text(_newest.format(where="p.state = 'rejected'"))
_of_keys = text(_newest.format(where="p.doc_key IN :keys AND p.state <> 'superseded'")).bindparams(
    bindparam("keys", expanding=True)
)
_keys_of_ids = text(
    "SELECT posting_id, doc_key FROM posting WHERE integration = :of AND posting_id IN :ids"
).bindparams(bindparam("ids", expanding=True))
_refusals = text(
    "SELECT posting_id, content FROM audit_event WHERE posting_id IN :ids AND event = 'rejected'"
).bindparams(bindparam("ids", expanding=True))
_rows = text(f"SELECT {COLUMNS} FROM posting WHERE posting_id IN :ids ORDER BY posting_id").bindparams(
    bindparam("ids", expanding=True)
)
_planned = text("SELECT doc_key, posting_id FROM posting WHERE posting_id IN :ids ORDER BY posting_id").bindparams(
    bindparam("ids", expanding=True)
)


class CannotReplay(ValueError):
    """The posting cannot be replayed; the text says why and what to do."""


@dataclass(frozen=True)
class Chosen:
    """Where a document stands: its newest posting. ``amount_minor`` in whole minor units of ``currency``."""

    posting_id: int
    doc_key: str
    flow: str
    kind: str
    op: str
    company: str
    currency: str
    amount_minor: int
    business_date: str
    partition_key: str
    state: str
    code: str
    reason: str
    number: str
    label: str

    @property
    def replayable(self) -> bool:
        return self.state == "rejected"

    @property
    def why_not(self) -> str:
        """What to do instead, for a document that is not refused."""
        return {
            "posted": f"posted already as {self.number}; nothing was changed",
            "planned": "planned; the next run sends it",
            "held": "held; see st-pipelines holds list",
            "unknown": "not known whether it arrived; st-pipelines resolve settles it",
            "sending": "being sent just now",
        }.get(self.state, "")


@dataclass(frozen=True)
class Replayed:
    """``planned``: the new postings (two where a void goes first); none = ``said`` is why not."""

    chosen: Chosen
    planned: tuple[int, ...]
    said: str = ""


def choose(
    engine: Engine, integration: str, *, keys: Iterable[str] = (), first: str = "", last: str = "", run_id: str = "",
    code: str = "", flow: str = "",
) -> list[Chosen]:  # fmt: skip
    """The documents named by key or posting id, wherever they stand; or else every refused document of these days of
    modification, this run (that planned or sent it), reason code and flow. The most money first. Raises
    ``CannotReplay`` for a key that names nothing."""
    asked = list(keys)
    with reading(engine) as connection:
        if asked:
            ids = [int(key) for key in asked if key.isdecimal()]
            wanted = {key for key in asked if not key.isdecimal()}
            named = connection.execute(_keys_of_ids, {"of": integration, "ids": ids}).all() if ids else []
            keys_of = {row.posting_id: row.doc_key for row in named}
            wanted |= set(keys_of.values())
            rows = list(connection.execute(_of_keys, {"of": integration, "keys": sorted(wanted)})) if wanted else []
            unknown = [str(each) for each in ids if each not in keys_of]
            unknown += sorted(wanted - {row.doc_key for row in rows})
            if unknown:
                raise CannotReplay(f"{integration} has no posting of {', '.join(unknown)}; nothing was changed")
        else:
            rows = list(connection.execute(_rejected, {"of": integration}))
            ids = [row.posting_id for row in rows]
            runs = {row.posting_id: {row.run_id} for row in rows}
            if run_id and ids:
                for posting_id, content in connection.execute(_refusals, {"ids": ids}):
                    runs[posting_id].add(msgspec.json.decode(content).get("run_id", ""))
            rows = [row for row in rows if (not first or first <= row.partition_key <= (last or first))
                    and (not run_id or run_id in runs[row.posting_id]) and (not code or row.reason_code == code)
                    and (not flow or row.flow == flow)]  # fmt: skip
    return [
        Chosen(row.posting_id, row.doc_key, row.flow, row.kind, row.op, row.company, row.currency, row.amount_minor,
               row.business_date, row.partition_key, row.state, row.reason_code, row.reason,
               row.target_number or row.target_id or "", row.label)
        for row in rows
    ]  # fmt: skip


def replay_all(
    engine: Engine, target: Target, context: RunContext, chosen: Sequence[Chosen], *, by: str, reason: str,
    questions: int = PostSettings.questions,
) -> list[Replayed]:  # fmt: skip
    """Plans the refused ones again, each with the newest version of its document, after one look at the target for all
    of them. Raises ``CannotReplay`` without name and reason, ``WrongCompany``, and what the target raises on doubt:
    then nothing was planned."""
    if not by.strip() or not reason.strip():
        raise CannotReplay("a replay needs the name of who asks and the reason")
    refused = {each.posting_id: each for each in chosen if each.replayable}
    judged = _look(engine, target, context, list(refused), questions)
    stopped = {posting_id: seen for posting_id, (row, seen) in judged.items()
               if row.op == "create" and seen.verdict in (Verdict.DIFFERENT, Verdict.TWICE)}  # fmt: skip
    going = [refused[posting_id] for posting_id in judged if posting_id not in stopped]
    planned: dict[str, list[int]] = {}
    if going:
        _record(engine, context, going, judged, by, reason)
        of_target: dict[str, list[str]] = {}
        for each in going:
            of_target.setdefault(judged[each.posting_id][0].target, []).append(each.doc_key)
        for name, keys in of_target.items():
            ids = plan_again(engine, context, keys, target=name, change=target.change,
                             why=f"replay by {by}: {reason}", released=True)  # fmt: skip
            with reading(engine) as connection:
                for some in needs.chunks([str(each) for each in ids]):
                    for doc_key, posting_id in connection.execute(_planned, {"ids": [int(each) for each in some]}):
                        planned.setdefault(doc_key, []).append(posting_id)
    return [_outcome(each, stopped.get(each.posting_id), planned.get(each.doc_key, ())) for each in chosen]


def replay(engine: Engine, target: Target, context: RunContext, posting_id: int, *, by: str, reason: str) -> list[int]:
    """One refused posting; gives the new postings. Raises ``CannotReplay`` where there is nothing to replay, or where
    the target holds something else by now."""
    chosen = choose(engine, context.integration, keys=[str(posting_id)])
    if chosen[0].posting_id != posting_id:
        raise CannotReplay(f"{chosen[0].doc_key} has nothing to post again: a newer posting is open or done")
    outcome = replay_all(engine, target, context, chosen, by=by, reason=reason)[0]
    if not outcome.planned:
        raise CannotReplay(f"{outcome.chosen.doc_key}: {outcome.said}")
    return list(outcome.planned)


def _look(
    engine: Engine, target: Target, context: RunContext, ids: Sequence[int], questions: int
) -> dict[int, tuple[Claimed, Judged]]:
    if not ids:
        return {}
    with reading(engine) as connection:
        rows = load(connection, context.integration, connection.execute(_rows, {"ids": list(ids)}).all())
    Companies(engine, target, context).check(sorted({row.company for row in rows}))
    judged: dict[int, tuple[Claimed, Judged]] = {}
    for (kind, company), group in by_books(rows).items():
        for start in range(0, len(group), questions):
            some = group[start : start + questions]
            references = [reference for row in some for reference in row.references_asked]
            answer = ask(target, kind, company, list(dict.fromkeys(references)))
            judged |= {row.posting_id: (row, judge(target, row, answer)) for row in some}
    return judged


def _record(engine: Engine, context: RunContext, going: Sequence[Chosen], judged: dict[int, tuple[Claimed, Judged]],
            by: str, reason: str) -> None:  # fmt: skip
    with ledger_transaction(engine) as connection:
        events = []
        for each in going:
            seen = judged[each.posting_id][1]
            content = {**context.audited(), "by": by, "why": reason, "found": seen.verdict.value, "said": seen.text}
            events.append(trail.Event("replay_asked", each.doc_key, each.posting_id, content))
        trail.append_many(connection, events, now_us(connection))


def _outcome(chosen: Chosen, stopped: Judged | None, planned: Sequence[int]) -> Replayed:
    if planned:
        return Replayed(chosen, tuple(planned))
    if not chosen.replayable:
        return Replayed(chosen, (), chosen.why_not)
    if stopped is not None:
        return Replayed(chosen, (), f"is in the target, and not as planned: {stopped.text}")
    return Replayed(chosen, (), "its newest version has nothing to post")
