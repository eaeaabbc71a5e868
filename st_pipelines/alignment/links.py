"""The table of links: which party of one system is which of another; what holds, and what runs find. Invariant: what a
run finds never takes the place of a link that holds.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, bindparam

from st_pipelines.alignment.link_rows import (
    CREATED,
    PROPOSED,
    Link,
    as_link,
    change,
    columns,
    end_others,
    insert_link,
    live_of_book,
    row_between,
    set_values,
    touching,
)
from st_pipelines.alignment.matching import Match
from st_pipelines.audit import trail
from st_pipelines.database.engine import now_us, reading
from st_pipelines.database.schema import party_link
from st_pipelines.documents.party_record import PartyRecord
from st_pipelines.posting.context import RunContext, ledger_transaction
from st_pipelines.posting.needs import chunks


def live(engine: Engine, book: str, kind: str, source_ids: Collection[str]) -> dict[str, Link]:
    """By id on the source side, the links that hold now."""
    return _keyed(engine, book, kind, "source_id", source_ids)


def live_of_targets(engine: Engine, book: str, kind: str, target_ids: Collection[str]) -> dict[str, Link]:
    """By id on the target side, the links that hold now."""
    return _keyed(engine, book, kind, "target_id", target_ids)


def _keyed(engine: Engine, book: str, kind: str, column: str, ids: Collection[str]) -> dict[str, Link]:
    asked = live_of_book.where(party_link.c[column].in_(bindparam("ids", expanding=True)))
    found: dict[str, Link] = {}
    with reading(engine) as connection:
        for some in chunks(ids):
            for row in connection.execute(asked, {"book": book, "kind": kind, "ids": some}):
                found[getattr(row, column)] = as_link(row)
    return found


def every(engine: Engine, book: str, kind: str = "", states: Collection[str] = ()) -> list[Link]:
    """All links of a book, oldest first."""
    with reading(engine) as connection:
        asked = columns.where(party_link.c.integration == book).order_by(party_link.c.link_id)
        if kind:
            asked = asked.where(party_link.c.kind == kind)
        if states:
            asked = asked.where(party_link.c.state.in_(list(states)))
        return [as_link(row) for row in connection.execute(asked)]


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
            if not row_between(connection, book, kind, source_id, target_id):
                end_others(connection, context, book, kind, source_id, target_id, context.actor, "it was made", now)
                insert_link(connection, context, book, kind, source_id, target_id, "linked", how, -1, {}, context.actor,
                        "made by posting", now)  # fmt: skip


def record_agreed(engine: Engine, context: RunContext, agreed: Mapping[int, Mapping[str, str]]) -> None:
    """Remembers, by link, what both sides last had in each field."""
    if not agreed:
        return
    with ledger_transaction(engine) as connection:
        now, events = now_us(connection), []
        rows = connection.execute(
            columns.where(party_link.c.link_id.in_(bindparam("ids", expanding=True))), {"ids": list(agreed)}
        ).all()
        for row in rows:
            before, fresh = as_link(row), dict(agreed[row.link_id])
            merged = {**before.agreed, **fresh}
            if merged == before.agreed:
                continue
            set_values(connection, row.link_id, {"agreed": msgspec.json.encode(merged, order="sorted").decode()}, now)
            content = {**context.audited(), "link": row.link_id, "target_id": row.target_id, "fields": sorted(fresh)}
            events.append(trail.Event("party_agreed", row.source_id, None, content))
        trail.append_many(connection, events, now)


def _propose_or_link(connection: Connection, context: RunContext, book: str, kind: str, match: Match, state: str,
                     how: str, now: int) -> None:  # fmt: skip
    source_id, target_id = match.source.reference, match.target.reference
    evidence = evidence_of(match)
    held = row_between(connection, book, kind, source_id, target_id)
    if held is not None and (held.state != "proposed" or state == "proposed"):
        return
    if state == "linked" and touching(connection, book, kind, source_id, target_id, ("linked",)):
        state, how = "proposed", PROPOSED
    if state == "linked":
        end_others(connection, context, book, kind, source_id, target_id, context.actor, "another is certain", now)
    if held is None:
        insert_link(connection, context, book, kind, source_id, target_id, state, how, match.score, evidence,
                context.actor, "", now)  # fmt: skip
    elif state == "linked":
        change(connection, context, held, state, context.actor, "", now, how=how)


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
