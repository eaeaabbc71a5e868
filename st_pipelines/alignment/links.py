"""The table of links: which party of one system is which of another. Invariant: every change of a link and its audit
event are one transaction, and the database keeps a party from being linked to two.

``integration`` names the book of links; both directions between two systems share one book. ``source_id`` and
``target_id`` are references (``ST:1234567:customer:42``, ``QAD:CUST:customer:C0000007``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError

from st_pipelines.alignment.matching import Match
from st_pipelines.audit import trail
from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import party_link
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.needs import chunks

CREATED, CREATED_BACK, PERSON, PROPOSED = "created", "created in the source", "person", "rule"


class LinkRefused(ValueError):
    """The link is not possible; the text says what stands in its way and which command cures it."""


@dataclass(frozen=True, slots=True)
class Link:
    """One row. ``evidence``: both records as they were, and the keys for and against; ``agreed``: field to digest."""

    link_id: int
    kind: str
    source_id: str
    target_id: str
    state: str
    how: str
    score: int
    evidence: Mapping[str, Any]
    agreed: Mapping[str, str]
    decided_by: str
    reason: str
    created_at: int
    updated_at: int

    @property
    def was_there(self) -> bool:
        """The record on the target's side was there before us."""
        return self.how != CREATED

    @property
    def was_there_before(self) -> bool:
        """The record on the source's side was there before us."""
        return self.how != CREATED_BACK


_columns = select(*(party_link.c[name] for name in Link.__slots__))
_of_book = _columns.where(party_link.c.integration == bindparam("book"), party_link.c.kind == bindparam("kind"))
_live = _of_book.where(text("party_link.state = 'linked'"))


def live(engine: Engine, book: str, kind: str, source_ids: Collection[str]) -> dict[str, Link]:
    """By id on the source side, the links that hold now."""
    return _keyed(engine, book, kind, "source_id", source_ids)


def live_of_targets(engine: Engine, book: str, kind: str, target_ids: Collection[str]) -> dict[str, Link]:
    """By id on the target side, the links that hold now."""
    return _keyed(engine, book, kind, "target_id", target_ids)


def _keyed(engine: Engine, book: str, kind: str, column: str, ids: Collection[str]) -> dict[str, Link]:
    asked = _live.where(party_link.c[column].in_(bindparam("ids", expanding=True)))
    found: dict[str, Link] = {}
    with reading(engine) as connection:
        for some in chunks(ids):
            for row in connection.execute(asked, {"book": book, "kind": kind, "ids": some}):
                found[getattr(row, column)] = _link(row)
    return found


def every(engine: Engine, book: str, kind: str = "", states: Collection[str] = ()) -> list[Link]:
    """All links of a book, oldest first."""
    with reading(engine) as connection:
        asked = _columns.where(party_link.c.integration == book).order_by(party_link.c.link_id)
        if kind:
            asked = asked.where(party_link.c.kind == kind)
        if states:
            asked = asked.where(party_link.c.state.in_(list(states)))
        return [_link(row) for row in connection.execute(asked)]


def record_found(engine: Engine, context: RunContext, book: str, kind: str, certain: Sequence[Match],
                 doubtful: Iterable[Match]) -> None:  # fmt: skip
    """Links what is certain and proposes what is not, as rules. A pair that has a live row already is left alone; one
    whose party was linked by somebody else meanwhile is proposed instead."""
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        for match in certain:
            by = match.by[0] if match.by else "score"
            _propose_or_link(connection, context, book, kind, match, "linked", f"rule {by}", now)
        for match in doubtful:
            _propose_or_link(connection, context, book, kind, match, "proposed", PROPOSED, now)


def record_created(
    engine: Engine, context: RunContext, book: str, kind: str, pairs: Iterable[tuple[str, str]], how: str = CREATED
) -> None:
    """Links parties with the records that posting made of them. Pairs of (source id, target id). A pair that has a live
    row stays as it is."""
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        for source_id, target_id in pairs:
            if not _row(connection, book, kind, source_id, target_id):
                _end_others(connection, context, book, kind, source_id, target_id, context.actor, "it was made", now)
                _insert(connection, context, book, kind, source_id, target_id, "linked", how, -1, {}, context.actor,
                        "made by posting", now)  # fmt: skip


def record_agreed(engine: Engine, context: RunContext, agreed: Mapping[int, Mapping[str, str]]) -> None:
    """Remembers, by link, what both sides last had in each field."""
    if not agreed:
        return
    with ledger_transaction(engine) as connection:
        now, events = now_us(connection), []
        rows = connection.execute(
            _columns.where(party_link.c.link_id.in_(bindparam("ids", expanding=True))), {"ids": list(agreed)}
        ).all()
        for row in rows:
            before, fresh = _link(row), dict(agreed[row.link_id])
            merged = {**before.agreed, **fresh}
            if merged == before.agreed:
                continue
            _set(connection, row.link_id, {"agreed": msgspec.json.encode(merged, order="sorted").decode()}, now)
            content = {**context.audited(), "link": row.link_id, "target_id": row.target_id, "fields": sorted(fresh)}
            events.append(trail.Event("party_agreed", row.source_id, None, content))
        trail.append_many(connection, events, now)


def link(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, target_id: str, *, by: str,
         reason: str) -> int:  # fmt: skip
    """A person says that these two are the same. Raises ``LinkRefused``. Other proposals of either end."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        source_id, target_id = _as_proposed(connection, book, kind, source_id, target_id)
        for other in _touching(connection, book, kind, source_id, target_id, ("linked",)):
            if (other.source_id, other.target_id) == (source_id, target_id):
                return other.link_id
            raise LinkRefused(
                f"{other.source_id} is linked to {other.target_id} ({other.how}, by {other.decided_by}): end that "
                f"first, st-pipelines parties unlink {other.source_id} --by … --reason …"
            )
        _end_others(connection, context, book, kind, source_id, target_id, by, f"another was chosen: {reason}", now)
        held = _row(connection, book, kind, source_id, target_id)
        if held and held.state == "proposed":
            _decide(connection, context, held, "linked", by, reason, now, how=PERSON)
            return held.link_id
        if held:
            _decide(connection, context, held, "ended", by, reason, now)
        return _insert(connection, context, book, kind, source_id, target_id, "linked", PERSON, -1,
                       held.evidence if held else {}, by, reason, now)  # fmt: skip


def separate(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, target_id: str, *, by: str,
             reason: str) -> int:  # fmt: skip
    """A person says that these two are not the same: they are never proposed again. Raises ``LinkRefused``."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        now = now_us(connection)
        source_id, target_id = _as_proposed(connection, book, kind, source_id, target_id)
        held = _row(connection, book, kind, source_id, target_id)
        if held and held.state == "linked":
            raise LinkRefused(f"{source_id} and {target_id} are linked: end that first, st-pipelines parties unlink "
                              f"{source_id} --by … --reason …")  # fmt: skip
        if held and held.state == "separate":
            return held.link_id
        if held:
            _decide(connection, context, held, "separate", by, reason, now, how=PERSON)
            return held.link_id
        return _insert(connection, context, book, kind, source_id, target_id, "separate", PERSON, -1, {}, by, reason,
                       now)  # fmt: skip


def unlink(engine: Engine, context: RunContext, book: str, kind: str, source_id: str, *, by: str, reason: str) -> int:
    """Ends the live link of a party. What was posted stays posted. Raises ``LinkRefused``."""
    _require_name(by, reason)
    with ledger_transaction(engine) as connection:
        held = _touching(connection, book, kind, source_id, source_id, ("linked",))
        if not held:
            raise LinkRefused(f"{source_id} is not linked; see st-pipelines parties list")
        _decide(connection, context, held[0], "ended", by, reason, now_us(connection))
        return held[0].link_id


def _propose_or_link(connection: Connection, context: RunContext, book: str, kind: str, match: Match, state: str,
                     how: str, now: int) -> None:  # fmt: skip
    source_id, target_id = match.source.reference, match.target.reference
    evidence = evidence_of(match)
    held = _row(connection, book, kind, source_id, target_id)
    if held is not None and (held.state != "proposed" or state == "proposed"):
        return
    if state == "linked" and _touching(connection, book, kind, source_id, target_id, ("linked",)):
        state, how = "proposed", PROPOSED
    if state == "linked":
        _end_others(connection, context, book, kind, source_id, target_id, context.actor, "another is certain", now)
    if held is None:
        _insert(connection, context, book, kind, source_id, target_id, state, how, match.score, evidence,
                context.actor, "", now)  # fmt: skip
    elif state == "linked":
        _decide(connection, context, held, state, context.actor, "", now, how=how)


def unrecorded(kind: str, match: Match) -> Link:
    """The link that a rule would make, for a dry run."""
    return Link(0, kind, match.source.reference, match.target.reference, "linked", f"rule {match.by[0]}", match.score,
                evidence_of(match), {}, "", "", 0, 0)  # fmt: skip


def evidence_of(match: Match) -> dict[str, Any]:
    """Both records side by side, and what speaks for and against."""
    return {"source": _shown(match.source), "target": _shown(match.target), "by": list(match.by),
            "against": list(match.against), "linked_to": match.linked_to}  # fmt: skip


def _shown(record: PartyRecord) -> dict[str, Any]:
    address = record.address
    where = ", ".join(part for part in (address.street, address.unit, address.city, address.state, address.zip) if part)
    shown = {"id": record.reference, "name": record.name, "address": where, "emails": list(record.emails),
             "phones": list(record.phones), "tax_id": record.tax_id, "active": record.is_active,
             "modified": record.modified}  # fmt: skip
    return {name: value for name, value in shown.items() if value not in ("", [])}


def _insert(connection: Connection, context: RunContext, book: str, kind: str, source_id: str, target_id: str,
            state: str, how: str, score: int, evidence: Mapping[str, Any], by: str, reason: str,
            now: int) -> int:  # fmt: skip
    values = {
        "integration": book, "kind": kind, "source_id": source_id, "target_id": target_id, "state": state, "how": how,
        "score": score, "evidence": msgspec.json.encode(evidence, order="sorted").decode(), "decided_by": by,
        "reason": reason, "created_at": now, "updated_at": now,
    }  # fmt: skip
    try:
        link_id = int(connection.execute(insert(party_link).returning(party_link.c.link_id), values).scalar_one())
    except IntegrityError as error:
        raise LinkRefused(f"{source_id} and {target_id}: one of them has a live link already ({error.orig})") from error
    content = {**context.audited(), "link": link_id, "book": book, "kind": kind, "target_id": target_id,
               "state": state, "how": how, "score": score, "by": by, "why": reason,
               "evidence": dict(evidence)}  # fmt: skip
    trail.append_many(connection, [trail.Event(f"party_{state}", source_id, None, content)], now)
    return link_id


def _end_others(connection: Connection, context: RunContext, book: str, kind: str, source_id: str, target_id: str,
                by: str, why: str, now: int) -> None:  # fmt: skip
    """Proposals about either of two that are one party now."""
    for other in _touching(connection, book, kind, source_id, target_id, ("proposed",)):
        if (other.source_id, other.target_id) != (source_id, target_id):
            _decide(connection, context, other, "ended", by, why, now)


def _decide(connection: Connection, context: RunContext, held: Link, state: str, by: str, reason: str, now: int,
            how: str = "") -> None:  # fmt: skip
    sets = {"state": state, "decided_by": by, "reason": reason, **({"how": how} if how else {})}
    _set(connection, held.link_id, sets, now)
    content = {**context.audited(), "link": held.link_id, "kind": held.kind, "target_id": held.target_id,
               "from": held.state, "to": state, "how": how or held.how, "by": by, "why": reason}  # fmt: skip
    trail.append_many(connection, [trail.Event(f"party_{state}", held.source_id, None, content)], now)


def _set(connection: Connection, link_id: int, sets: Mapping[str, Any], now: int) -> None:
    connection.execute(party_link.update().where(party_link.c.link_id == link_id).values({**sets, "updated_at": now}))


def _row(connection: Connection, book: str, kind: str, source_id: str, target_id: str) -> Link | None:
    asked = _of_book.where(
        party_link.c.source_id == source_id, party_link.c.target_id == target_id, party_link.c.state != "ended"
    )
    row = connection.execute(asked, {"book": book, "kind": kind}).first()
    return _link(row) if row is not None else None


def _as_proposed(connection: Connection, book: str, kind: str, one: str, other: str) -> tuple[str, str]:
    """A person may name the two in either order; a proposal says which side is which."""
    turned = not _row(connection, book, kind, one, other) and _row(connection, book, kind, other, one)
    return (other, one) if turned else (one, other)


def _touching(connection: Connection, book: str, kind: str, source_id: str, target_id: str,
              states: Sequence[str]) -> list[Link]:  # fmt: skip
    asked = _of_book.where(
        (party_link.c.source_id == source_id) | (party_link.c.target_id == target_id), party_link.c.state.in_(states)
    ).order_by(party_link.c.link_id)
    return [_link(row) for row in connection.execute(asked, {"book": book, "kind": kind})]


def _link(row: Any) -> Link:
    values = dict(row._mapping)
    values["evidence"] = msgspec.json.decode(values["evidence"])
    values["agreed"] = msgspec.json.decode(values["agreed"])
    return Link(**values)


def _require_name(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise LinkRefused("a decision needs the name of who decides and the reason")


def as_data(one: Link) -> dict[str, Any]:
    """A link as plain data, for people and for JSON."""
    return asdict(one)
