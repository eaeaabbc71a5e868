"""One link as a row: read, written, changed. Invariant: every change of a link and its audit event are one transaction,
and the database keeps a party from being linked to two.

``book`` names the book of links; both directions between two systems share one book. ``source_id`` and ``target_id``
are references (``ST:1234567:customer:42``, ``QAD:CUST:customer:C0000007``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError

from st_pipelines.audit import trail
from st_pipelines.database.schema import party_link
from st_pipelines.posting.context import RunContext

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


columns = select(*(party_link.c[name] for name in Link.__slots__))
of_book = columns.where(party_link.c.integration == bindparam("book"), party_link.c.kind == bindparam("kind"))
live_of_book = of_book.where(text("party_link.state = 'linked'"))


def insert_link(connection: Connection, context: RunContext, book: str, kind: str, source_id: str, target_id: str,
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


def end_others(connection: Connection, context: RunContext, book: str, kind: str, source_id: str, target_id: str,
                by: str, why: str, now: int) -> None:  # fmt: skip
    """Proposals about either of two that are one party now."""
    for other in touching(connection, book, kind, source_id, target_id, ("proposed",)):
        if (other.source_id, other.target_id) != (source_id, target_id):
            change(connection, context, other, "ended", by, why, now)


def change(connection: Connection, context: RunContext, held: Link, state: str, by: str, reason: str, now: int,
            how: str = "") -> None:  # fmt: skip
    sets = {"state": state, "decided_by": by, "reason": reason, **({"how": how} if how else {})}
    set_values(connection, held.link_id, sets, now)
    content = {**context.audited(), "link": held.link_id, "kind": held.kind, "target_id": held.target_id,
               "from": held.state, "to": state, "how": how or held.how, "by": by, "why": reason}  # fmt: skip
    trail.append_many(connection, [trail.Event(f"party_{state}", held.source_id, None, content)], now)


def set_values(connection: Connection, link_id: int, sets: Mapping[str, Any], now: int) -> None:
    connection.execute(party_link.update().where(party_link.c.link_id == link_id).values({**sets, "updated_at": now}))


def row_between(connection: Connection, book: str, kind: str, source_id: str, target_id: str) -> Link | None:
    asked = of_book.where(
        party_link.c.source_id == source_id, party_link.c.target_id == target_id, party_link.c.state != "ended"
    )
    row = connection.execute(asked, {"book": book, "kind": kind}).first()
    return as_link(row) if row is not None else None


def touching(connection: Connection, book: str, kind: str, source_id: str, target_id: str,
              states: Sequence[str]) -> list[Link]:  # fmt: skip
    asked = of_book.where(
        (party_link.c.source_id == source_id) | (party_link.c.target_id == target_id), party_link.c.state.in_(states)
    ).order_by(party_link.c.link_id)
    return [as_link(row) for row in connection.execute(asked, {"book": book, "kind": kind})]


def as_link(row: Any) -> Link:
    values = dict(row._mapping)
    values["evidence"] = msgspec.json.decode(values["evidence"])
    values["agreed"] = msgspec.json.decode(values["agreed"])
    return Link(**values)


def as_data(one: Link) -> dict[str, Any]:
    """A link as plain data, for people and for JSON."""
    return asdict(one)
