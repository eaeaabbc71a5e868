"""What the ledger believes stands in the target, and what it knows about the rest. Invariant: only ``posted`` counts.

A document stands where its last posted create or update was not followed by a posted void. Its lines are the control
lines of that posting. ``state`` is the state of its newest posting that was not superseded; ``waiting`` is a planned
one whose needs are open. Reads only.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, false, or_, select

from st_pipelines.database.schema import control_line, document_version, posting, posting_need
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.procurement import measure
from st_pipelines.posting.waiting import Wait, waits
from st_pipelines.reconciliation.period import Period
from st_pipelines.reconciliation.sides import Side, side
from st_pipelines.reconciliation.source_side import KINDS_WITH_MONEY

T = TypeVar("T")
_CHUNK = 400  # SQLite takes at most 999 parameters in its older builds
_IN_PLACE = ("create", "update")


def ledger_side(
    engine: Engine, integration: str, period: Period,
    doc_keys: Collection[str] = (), references: Collection[str] = (), kinds: Sequence[str] = KINDS_WITH_MONEY,
) -> Side:  # fmt: skip
    """Documents with any posting dated in the period, plus those named by key or by external reference: a document
    that moved out of the period, or into it, must be seen whole."""
    with engine.connect() as connection:
        keys = set(doc_keys) | _keys_in_period(connection, integration, period, kinds)
        keys |= {key for key, _ in _keys_of_references(connection, integration, references)}
        postings = _postings(connection, integration, keys, kinds)
        needs = _open_needs(connection, [p["posting_id"] for p in postings if p["state"] == "planned"])
        documents, standing = _fold(postings, needs, _waits(engine, integration) if needs else {})
        copies = {row["doc_key"]: row["copy_id"] for row in documents}
        lines = list(_control_lines(connection, standing, copies))
    return side(documents, lines)


def keys_of_references(engine: Engine, integration: str, references: Collection[str]) -> dict[str, str]:
    """External reference to document key, for the references that the ledger knows."""
    with engine.connect() as connection:
        return {reference: key for key, reference in _keys_of_references(connection, integration, references)}


def recorded_documents(
    engine: Engine, integration: str, period: Period, doc_keys: Collection[str] = (),
    kinds: Sequence[str] = KINDS_WITH_MONEY,
) -> Iterator[MappedDocument]:  # fmt: skip
    """The newest version that the ledger recorded of each document dated in the period or named by key. A document that
    was never planned is unknown here."""
    columns = document_version.c
    base = select(columns.document).where(
        columns.integration == integration, columns.is_latest == 1, columns.kind.in_(kinds)
    )
    queries = [base.where(_dated(columns.business_date, period))]
    queries += [base.where(columns.doc_key.in_(some)) for some in _chunks(doc_keys)]
    decoder = msgspec.json.Decoder(MappedDocument)
    with engine.connect() as connection:
        for query in queries:
            for (document,) in connection.execute(query):
                yield decoder.decode(document)


def _fold(
    postings: Iterable[Mapping[str, Any]], needs: Mapping[int, list[str]], waits: Mapping[int, Sequence[Wait]]
) -> tuple[list[Mapping[str, Any]], dict[int, Mapping[str, Any]]]:
    """One row per document, and the postings whose lines stand, by posting id."""
    by_document: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in postings:
        by_document[row["doc_key"]].append(row)
    documents: list[Mapping[str, Any]] = []
    standing: dict[int, Mapping[str, Any]] = {}
    for history in by_document.values():
        effective = [row for row in history if row["state"] != "superseded"] or history[-1:]
        latest, live, created = effective[-1], *_standing(effective)
        if live is not None:
            standing[live["posting_id"]] = live
        shown, waiting_for = live or latest, needs.get(latest["posting_id"], [])
        waiting = waits.get(latest["posting_id"], ()) if waiting_for else ()
        named = created or shown  # an update keeps the id and number under which its create was posted
        documents.append({
            "doc_key": latest["doc_key"], "reference": named["external_ref"], "copy_id": named["target_id"] or "",
            "kind": latest["kind"], "flow": latest["flow"], "company": shown["company"],
            "currency": shown["currency"], "total_minor": shown["amount_minor"] if live else 0,
            "business_date": date.fromisoformat(shown["business_date"]), "stands": live is not None,
            "state": "waiting" if waiting_for else latest["state"], "op": latest["op"],
            "code": latest["reason_code"], "detail": latest["reason"],
            "waiting_for": "; ".join(map(_said, waiting)) or " ".join(waiting_for),
            "cure": " ".join(dict.fromkeys(wait.reason.cure for wait in waiting)),
            "number": shown["target_number"] or named["target_number"],
        })  # fmt: skip
    return documents, standing


def _waits(engine: Engine, integration: str) -> dict[int, list[Wait]]:
    """By posting id, why each waits."""
    found: dict[int, list[Wait]] = defaultdict(list)
    for wait in waits(engine, integration):
        found[wait.posting_id].append(wait)
    return found


def _said(wait: Wait) -> str:
    since = datetime.fromtimestamp(wait.since // 1_000_000, UTC).date()
    return f"{wait.needs} since {since}: {wait.reason.why}"


def _standing(history: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """What was posted last and still stands, and the create that it goes back to; nothing after a void."""
    posted = [row for row in history if row["state"] == "posted"]
    if not posted or posted[-1]["op"] not in _IN_PLACE:
        return None, None
    creates = [row for row in posted if row["op"] == "create"]
    return posted[-1], creates[-1] if creates else posted[-1]


def _keys_in_period(connection: Connection, integration: str, period: Period, kinds: Sequence[str]) -> set[str]:
    query = select(posting.c.doc_key).distinct().where(
        posting.c.integration == integration, posting.c.kind.in_(kinds), _dated(posting.c.business_date, period)
    )  # fmt: skip
    return set(connection.execute(query).scalars())


def _dated(column: ColumnElement[str], period: Period) -> ColumnElement[bool]:
    ranges = (column.between(since.isoformat(), until.isoformat()) for since, until in period.ranges)
    return or_(false(), *ranges)


def _keys_of_references(
    connection: Connection, integration: str, references: Collection[str]
) -> Iterator[tuple[str, str]]:
    for some in _chunks(references):
        query = select(posting.c.doc_key, posting.c.external_ref).distinct()
        found = connection.execute(query.where(posting.c.integration == integration, posting.c.external_ref.in_(some)))
        for key, reference in found:
            yield str(key), str(reference)


def _postings(
    connection: Connection, integration: str, keys: Collection[str], kinds: Sequence[str]
) -> list[Mapping[str, Any]]:
    columns = posting.c
    wanted = (
        columns.posting_id, columns.doc_key, columns.seq, columns.kind, columns.flow, columns.op, columns.company,
        columns.external_ref, columns.currency, columns.amount_minor, columns.business_date, columns.state,
        columns.target_id, columns.target_number, columns.reason_code, columns.reason,
    )  # fmt: skip
    rows: list[Mapping[str, Any]] = []
    for some in _chunks(keys):
        query = select(*wanted).where(
            columns.integration == integration, columns.doc_key.in_(some), columns.kind.in_(kinds)
        )
        rows.extend(dict(row) for row in connection.execute(query.order_by(columns.doc_key, columns.seq)).mappings())
    return rows


def _open_needs(connection: Connection, posting_ids: Collection[int]) -> dict[int, list[str]]:
    needs: dict[int, list[str]] = defaultdict(list)
    for some in _chunks(posting_ids):
        query = select(posting_need.c.posting_id, posting_need.c.needs).where(
            posting_need.c.posting_id.in_(some), posting_need.c.satisfied_at.is_(None)
        )
        for posting_id, needed in connection.execute(query.order_by(posting_need.c.needs)):
            needs[posting_id].append(needed)
    return needs


def _control_lines(
    connection: Connection, standing: Mapping[int, Mapping[str, Any]], copies: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    for some in _chunks(standing):
        for line in connection.execute(select(control_line).where(control_line.c.posting_id.in_(some))).mappings():
            row = standing[line["posting_id"]]
            yield {
                "doc_key": row["doc_key"], "copy_id": copies[row["doc_key"]], "company": row["company"],
                "currency": measure(line["gl_account"], row["currency"]),
                "business_date": date.fromisoformat(row["business_date"]),
                **{name: line[name] for name in ("business_unit", "gl_account", "cost_center", "amount_minor")},
            }  # fmt: skip


def _chunks(values: Collection[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while some := list(islice(iterator, _CHUNK)):
        yield some
