"""Reads back what a restored ledger may not know (L15). Invariant: sends nothing; every posting that is still open is
asked for in the target, and an answer counts only where the same question found a document that is known to be there.

What the target holds as planned is recorded as posted, what it holds otherwise waits for a person, what it does not
hold stays as it is. ``recover_list.py`` does the same from the other side, with the target's own list.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, bindparam, text
from sqlalchemy.exc import DataError, IntegrityError

from st_pipelines.database.engine import reading
from st_pipelines.posting import moves, needs
from st_pipelines.posting.claimed import COLUMNS, Claimed, by_books, load
from st_pipelines.posting.clock import Clock, Watch
from st_pipelines.posting.companies import Companies
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.judge import Answer, Judged, Verdict, ask, judge
from st_pipelines.posting.moves import Move
from st_pipelines.posting.resolve import known_references, resolve_unknown
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.target import Found, Target, WrongCompany

HOW = "found in the target after the ledger was restored"
RESTORED = "ledger_restored"
_CHUNK = 500

_open = text(
    f"SELECT {COLUMNS} FROM posting WHERE integration = :of AND state IN ('planned', 'held') "
    "AND posting_id > :after ORDER BY posting_id LIMIT :limit"
)
_states = text("SELECT posting_id, state FROM posting WHERE posting_id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)
_under_way = text("SELECT count(*) FROM posting WHERE integration = :of AND state IN ('sending', 'unknown')")


class CannotRecover(RuntimeError):
    """The target could not be read back whole; nothing is sent meanwhile. The text says what to do."""


@dataclass
class Recovered:
    """Counts of postings. ``settled``: had been unknown; ``adopted``: were planned or held and are in the target;
    ``held``: the target holds them otherwise; ``absent``: not in the target. ``listed``: documents of ours that the
    target named; ``differing``: posted ones that it holds otherwise; ``unplanned``: those without any posting here."""

    settled: int = 0
    adopted: int = 0
    held: int = 0
    absent: int = 0
    listed: int = 0
    differing: list[str] = field(default_factory=list)
    unplanned: list[Found] = field(default_factory=list)


def read_back_open(
    engine: Engine, target: Target, context: RunContext, companies: Collection[str], found: Recovered, *,
    settings: PostSettings | None = None, clock: Clock | None = None, last_sent_us: int | None = None,
) -> None:  # fmt: skip
    """Settles every open posting of the integration by what the target holds. ``last_sent_us``: when something was sent
    last, as far as anybody knows, by the database's clock; the target's quiet period after it is waited out. Raises
    ``CannotRecover``, ``WrongCompany``, ``LedgerUnavailable``."""
    settings, clock = settings or PostSettings(), clock or Clock()
    watch = Watch(clock)
    Companies(engine, target, context).check(sorted(companies))
    _wait_out(engine, target, settings, watch, last_sent_us)
    unknown = resolve_unknown(engine, target, context.integration, context, settings=settings, clock=clock)
    found.settled += unknown.posted
    found.held += unknown.held
    with reading(engine) as connection:
        under_way = connection.execute(_under_way, {"of": context.integration}).scalar_one()
    if under_way:
        raise CannotRecover(f"{under_way} postings are in the hands of another worker: stop it, then run this again")
    for rows, states in _open_rows(engine, context):
        for (kind, company), group in by_books(rows).items():
            for start in range(0, len(group), settings.questions):
                some = group[start : start + settings.questions]
                answer = _asked(engine, target, context, kind, company, some)
                _settle(engine, target, context, some, states, answer, watch, found)


def _wait_out(engine: Engine, target: Target, settings: PostSettings, watch: Watch, last_sent_us: int | None) -> None:
    quiet_s = target.quiet_period_s if settings.quiet_period_s is None else settings.quiet_period_s
    with reading(engine) as connection:
        now = watch.now_us(connection)
    passed_s = 0.0 if last_sent_us is None else (now - last_sent_us) / 1_000_000
    if 0 <= passed_s < quiet_s:
        watch.clock.wait(quiet_s - passed_s)


def _open_rows(engine: Engine, context: RunContext) -> Iterator[tuple[list[Claimed], Mapping[int, str]]]:
    """Open postings in batches, with the state of each."""
    after = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(_open, {"of": context.integration, "after": after, "limit": _CHUNK}).all()
            if not rows:
                return
            states = {row.posting_id: row.state for row in
                      connection.execute(_states, {"ids": [row.posting_id for row in rows]})}  # fmt: skip
            claimed = load(connection, context.integration, rows)
        after = rows[-1].posting_id
        yield claimed, states


def _asked(
    engine: Engine, target: Target, context: RunContext, kind: str, company: str, rows: Sequence[Claimed]
) -> Answer:
    controls = known_references(engine, context, kind, company)
    references = [reference for row in rows for reference in row.references_asked]
    try:
        answer = ask(target, kind, company, list(dict.fromkeys([*references, *controls])))
    except WrongCompany:
        raise
    except Exception as error:
        raise CannotRecover(
            f"{company}: the target does not answer about {kind} ({type(error).__name__}: {error}); run this again"
        ) from error
    if controls and not any(answer.get(reference) for reference in controls):
        raise CannotRecover(
            f"{company}: the target finds no {kind} that is known to be there ({', '.join(controls)}): check the "
            "connection and its rights, or whether the target was restored too; then run this again"
        )
    return answer


def _settle(engine: Engine, target: Target, context: RunContext, rows: Sequence[Claimed], states: Mapping[int, str],
            answer: Answer, watch: Watch, found: Recovered) -> None:  # fmt: skip
    adopted: list[tuple[Claimed, Found]] = []
    held: list[Move] = []
    for row in rows:
        judged = _judged(target, row, answer)
        if judged.verdict is Verdict.SAME and judged.found is not None:
            adopted.append((row, judged.found))
        elif judged.verdict is Verdict.ABSENT:
            found.absent += 1
        else:
            found.held += 1
            if states[row.posting_id] == "planned":
                code = "found_twice" if judged.verdict is Verdict.TWICE else "found_different"
                held.append(_move(row, "planned", "held", "held", {"reason_code": code, "reason": judged.text}))
    with ledger_transaction(engine) as connection:
        moves.apply(connection, context, held, watch.now_us(connection))
    _adopt(engine, context, adopted, states, watch, found)


def _judged(target: Target, row: Claimed, answer: Answer) -> Judged:
    try:
        return judge(target, row, answer)
    except Exception as error:  # noqa: BLE001 (one document that cannot be compared holds itself only, R7)
        return Judged(Verdict.DIFFERENT, None, f"cannot be compared: {type(error).__name__}: {error}")


def _adopt(engine: Engine, context: RunContext, adopted: Sequence[tuple[Claimed, Found]], states: Mapping[int, str],
           watch: Watch, found: Recovered) -> None:  # fmt: skip
    """Recorded as posted together; one that the ledger refuses (its id belongs to another) is held by itself."""
    try:
        with ledger_transaction(engine) as connection:
            now = watch.now_us(connection)
            stopped = [_move(row, "planned", "held", "held", {"reason_code": RESTORED, "reason": HOW})
                       for row, _ in adopted if states[row.posting_id] == "planned"]  # fmt: skip
            moves.apply(connection, context, stopped, now)
            moves.apply(connection, context, [_posted(row, each, now) for row, each in adopted], now)
            voids = {row.doc_key for row, _ in adopted if row.op == "void"}
            needs.meet(connection, context.integration, {row.doc_key for row, _ in adopted} - voids, now)
            needs.unmeet(connection, context.integration, voids)
    except (IntegrityError, DataError) as error:
        if len(adopted) > 1:
            for pair in adopted:
                _adopt(engine, context, [pair], states, watch, found)
            return
        row, found_there = adopted[0]
        found.held += 1
        if states[row.posting_id] == "planned":
            said = f"the target has it as {found_there.target_id!r}, which the ledger refuses: {error.orig}"
            sets = {"reason_code": "target_id_taken", "reason": said}
            with ledger_transaction(engine) as connection:
                move = _move(row, "planned", "held", "held", sets)
                moves.apply(connection, context, [move], watch.now_us(connection))
        return
    found.adopted += len(adopted)


def _posted(row: Claimed, found: Found, now: int) -> Move:
    sets = {"target_id": found.target_id, "target_number": found.number, "reason_code": "", "reason": "",
            "read_back_at": now}  # fmt: skip
    move = _move(row, "held", "posted", "posted", sets)
    move.content |= {"how": HOW, "currency": row.currency, "amount_minor": row.amount_minor,
                     "version_id": row.version_id}  # fmt: skip
    return move


def _move(row: Claimed, of: str, to: str, event: str, sets: dict[str, Any]) -> Move:
    said = {"op": row.op, "seq": row.seq, "company": row.company, "external_ref": row.external_ref}
    return Move(row.posting_id, row.doc_key, row.fence, of, to, event, sets, said)
