"""Which documents the target's goods cover, as facts that they wait for (ADR 19). Invariant: what is granted, on its
way or of unknown outcome never takes more of an order line than the target showed as open.

First the ledger is read (``wanted``), then the target, then both are put together under the ledger's lock (``settle``).
In this order a race only ever makes a document wait: what was posted before the ledger was read is in the target's own
count of matched pieces; all else is deducted here, also where the target has counted it meanwhile.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, Row, bindparam, text

from st_pipelines.database.engine import now_us, reading
from st_pipelines.documents.bill import COVERED, cover_key
from st_pipelines.documents.goods import Goods, OrderLineKey, plain
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.posting import needs, versions
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.decide import ChangeRule
from st_pipelines.posting.facts import FactSummary, write_facts
from st_pipelines.posting.moves import Move
from st_pipelines.posting.plan import give_up

Place = tuple[str, OrderLineKey]  # company, order line
Ask = Callable[[str, Collection[OrderLineKey]], Mapping[OrderLineKey, Goods]]
_LOOKS = 5
OUTDATED = "its body names goods of an earlier look; nothing of it was sent"

# Creates that need cover: what is planned or held, and what may have taken goods that the target showed as open: on its
# way, of unknown outcome, stopped after one, or posted after the ledger was read.
_columns = """
SELECT p.posting_id, p.doc_key, p.company, p.business_date, p.state, p.fence, p.version_id, w.satisfied_at,
  CASE WHEN p.body_sha256 IS NULL THEN 0 ELSE 1 END AS frozen,
  CASE WHEN EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = p.doc_key
    AND q.seq < p.seq AND q.state NOT IN ('posted', 'rejected', 'superseded')) THEN 1 ELSE 0 END AS behind,
  (SELECT min(o.needs) FROM posting_need o WHERE o.posting_id = p.posting_id AND o.satisfied_at IS NULL
    AND o.needs <> w.needs) AS waits_for,
  CASE WHEN p.state = 'held' AND EXISTS (SELECT 1 FROM audit_event e WHERE e.posting_id = p.posting_id
    AND e.event IN ('unknown', 'lease_ended')) THEN 1 ELSE 0 END AS doubtful
FROM posting p JOIN posting_need w ON w.posting_id = p.posting_id AND w.needs = p.doc_key || :covered
WHERE p.integration = :integration AND p.op = 'create' AND """
_open = text(
    f"{_columns} p.state IN ('planned', 'sending', 'unknown', 'held') UNION ALL {_columns} p.state = 'posted' "
    "AND p.posting_id IN (SELECT e.posting_id FROM audit_event e WHERE e.n > :since AND e.event = 'posted')"
)
_newest = text("SELECT coalesce(max(n), 0) FROM audit_event")
_details = text("SELECT key, detail FROM fact WHERE integration = :integration AND key IN :keys").bindparams(
    bindparam("keys", expanding=True)
)
_told_since = text(
    "SELECT 1 FROM audit_event WHERE n > :since AND event = 'fact' AND doc_key LIKE '%' || :covered LIMIT 1"
)


@dataclass(frozen=True)
class Wanted:
    """What waits for goods. ``since``: the ledger's newest event when it was read; ``lines``: to ask for by company."""

    since: int
    lines: Mapping[str, frozenset[OrderLineKey]]


@dataclass
class CoverSummary:
    """``covered``: may be sent as far as goods go; ``waiting``: not; ``behind``: of these the ones whose goods are
    there, and that go once an invoice before them has; ``renewed``: planned afresh, because their bodies named goods of
    an earlier look."""

    covered: int = 0
    waiting: int = 0
    behind: int = 0
    renewed: int = 0
    facts: FactSummary = field(default_factory=FactSummary)


class Overtaken(RuntimeError):
    """Another run has said what is covered while the target was read: its look is newer. Read both again."""


@dataclass(frozen=True, slots=True)
class _Fact:
    key: str
    is_true: bool
    detail: str
    is_behind: bool = False


def evaluate(engine: Engine, context: RunContext, ask: Ask, *, target: str, change: ChangeRule) -> CoverSummary:
    """Looks at all that waits, and says what is covered. ``ask`` reads the target; what it raises passes. Looks that
    others overtake are made again; where that does not end, what the others said stands."""
    for _ in range(_LOOKS):
        look = wanted(engine, context.integration)
        if look is None:
            break
        goods: dict[Place, Goods] = {}
        for company, lines in look.lines.items():
            goods |= {(company, key): found for key, found in ask(company, lines).items()}
        try:
            return settle(engine, context, look, goods, target=target, change=change)
        except Overtaken:
            continue
    return CoverSummary()


def wanted(engine: Engine, integration: str) -> Wanted | None:
    """None where nothing waits for goods or is about to take them."""
    with reading(engine) as connection:
        since = int(connection.execute(_newest).scalar_one())
        rows = [row for row in _rows(connection, integration, since) if row.state == "planned"]
        known = versions.documents(connection, {row.version_id for row in rows})
    lines: dict[str, set[OrderLineKey]] = defaultdict(set)
    for row in rows:
        lines[row.company].update(asked(known[row.version_id]))
    found = {company: frozenset(some) for company, some in sorted(lines.items()) if some}
    return Wanted(since, found) if found else None


def settle(
    engine: Engine, context: RunContext, look: Wanted, goods: Mapping[Place, Goods], *, target: str, change: ChangeRule
) -> CoverSummary:
    """Says of every planned document whether its goods are there. ``goods``: what the target showed after ``look``.
    Raises ``Overtaken``."""
    summary = CoverSummary()
    with ledger_transaction(engine) as connection:
        if connection.execute(_told_since, {"since": look.since, "covered": COVERED}).first() is not None:
            raise Overtaken("another run evaluated the same documents meanwhile")
        rows = _rows(connection, context.integration, look.since)
        known = versions.documents(connection, {row.version_id for row in rows})
        taken, on_its_way = Counter[Place](), set[Place]()
        for row in rows:
            if row.state in ("sending", "unknown", "posted") or row.doubtful:
                taken.update(_places(row.company, known[row.version_id]))
                on_its_way.update(_places(row.company, known[row.version_id]) if row.state != "posted" else ())
        judged = [(row, _verdict(row, known[row.version_id], goods, taken, on_its_way)) for row in _in_turn(rows)]
        # A document may have a stopped posting beside its planned one.
        verdicts = {fact.key: fact for _, fact in sorted(judged, key=lambda one: one[1].is_true)}
        summary.renewed = _renew(engine, connection, context, judged, target, change)
        now = now_us(connection)
        write_facts(connection, context, list(verdicts.values()), now, summary.facts)
        # Also where the fact stays as it was: a posting that is new has a need of its own.
        covered = {key for key, fact in verdicts.items() if fact.is_true}
        needs.meet(connection, context.integration, covered, now)
        needs.unmeet(connection, context.integration, verdicts.keys() - covered)
    summary.covered, summary.waiting = len(covered), len(verdicts) - len(covered)
    summary.behind = sum(fact.is_behind for fact in verdicts.values())
    return summary


def asked(document: MappedDocument) -> dict[OrderLineKey, Decimal]:
    """Pieces that a document takes of each order line."""
    pieces: dict[OrderLineKey, Decimal] = {}
    for match in document.takes:
        key = OrderLineKey(match.order, match.line)
        pieces[key] = pieces.get(key, Decimal(0)) + match.quantity
    return pieces


def _rows(connection: Connection, integration: str, since: int) -> Sequence[Row[Any]]:
    return connection.execute(_open, {"integration": integration, "since": since, "covered": COVERED}).all()


def _places(company: str, document: MappedDocument) -> dict[Place, Any]:
    return {(company, key): pieces for key, pieces in asked(document).items()}


def _renew(engine: Engine, connection: Connection, context: RunContext, judged: Iterable[tuple[Row[Any], _Fact]],
           target: str, change: ChangeRule) -> int:  # fmt: skip
    """A body that was frozen and is proven not sent names the goods of that day, and the ledger lets nobody change it.
    Where the books have moved since, its posting is given up and the document planned afresh."""
    frozen = {fact.key: (row, fact) for row, fact in judged if fact.is_true and row.frozen}
    told = {row.key: row.detail for keys in needs.chunks(frozen)
            for row in connection.execute(_details, {"integration": context.integration, "keys": keys})}  # fmt: skip
    outdated = [
        Move(row.posting_id, row.doc_key, row.fence, "planned", "superseded", "superseded", {"reason": OUTDATED})
        for key, (row, fact) in frozen.items() if told.get(key) != fact.detail
    ]  # fmt: skip
    return len(give_up(engine, connection, context, outdated, target=target, change=change, why=OUTDATED))


def _in_turn(rows: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Those to be judged, in an order that does not depend on who judges or when: business date, then key."""
    judged = [row for row in rows if row.state == "planned" or (row.state == "held" and not row.doubtful)]
    return sorted(judged, key=lambda row: (row.business_date, row.doc_key, row.posting_id))


def _verdict(row: Row[Any], document: MappedDocument, goods: Mapping[Place, Goods], taken: Counter[Place],
             on_its_way: set[Place]) -> _Fact:  # fmt: skip
    """Takes the goods out of ``taken``'s reach where they cover the whole document, and nothing where they do not. Of
    an order line one invoice goes at a time: a body names receivers as they are when it is built, and two that are
    built before either was matched would name the same ones."""
    places = _places(row.company, document)
    stopped = _stopped(row)
    if stopped:
        return _Fact(cover_key(row.doc_key), False, f"{stopped}, so it takes no goods")
    unread = [str(key) for company, key in places if (company, key) not in goods]
    if unread or not places:
        detail = f"{', '.join(unread) or 'its goods'}: not looked at yet" if places else "it names no order line"
        return _Fact(cover_key(row.doc_key), False, detail)
    said, covered = [], True
    for place, pieces in sorted(places.items()):
        there = goods[place]
        missing = max(Decimal(0), pieces - (there.open - taken[place]) - there.allowance)
        covered = covered and not missing and not there.fault
        said.append(_sentence(place[1], pieces, there, Decimal(taken[place]), missing))
    if covered and not places.keys().isdisjoint(on_its_way):
        said.append("another invoice of the same order line goes first")
        return _Fact(cover_key(row.doc_key), False, "; ".join(said), is_behind=True)
    if covered:
        taken.update(places)
        on_its_way.update(places)
    return _Fact(cover_key(row.doc_key), covered, "; ".join(said))


def _stopped(row: Row[Any]) -> str:
    """Why it cannot go out whatever its goods; others must not wait for it then."""
    if row.state == "held":
        return "it is held"
    if row.behind:
        return "an earlier posting of it is not done"
    return f"it waits for {row.waits_for} too" if row.waits_for else ""


def _sentence(key: OrderLineKey, pieces: Decimal, there: Goods, others: Decimal, missing: Decimal) -> str:
    """``order PR000007 line 2: 10 invoiced, 6 received, 2 already matched, 1 for other invoices, 7 missing``."""
    if there.fault:
        return f"{key}: {plain(pieces)} invoiced, {there.fault}"
    return (
        f"{key}: {plain(pieces)} invoiced, {plain(there.received)} received, {plain(there.matched)} already matched"
        + (f", {plain(others)} for other invoices" if others else "")
        + (f", {plain(there.allowance)} allowed beyond" if there.allowance else "")
        + (f", {plain(missing)} missing" if missing else "")
    )
