"""Holds every posting against the events about it (A7). Invariant: constant memory; each column of each row, its needs,
control lines, frozen body and document version are either what the trail says, or named.

Events and rows are read side by side in the order of the posting's number. What never changes is compared by its digest
(``digests.py``), what changes is worked out again from the events, from the first to the last.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, select, text

from st_pipelines.audit.digests import (
    CONTROL_COLUMNS,
    POSTING_COLUMNS,
    VERSION_COLUMNS,
    posting_digest_of,
    version_digest_of,
)
from st_pipelines.database.schema import audit_event, control_line, document_version, posting, posting_need

CHANGING = ("state", "body_sha256", "attempt", "fence", "lease_owner", "lease_until", "sent_at", "not_before",
            "absences", "read_backs", "read_back_at", "target_id", "target_number", "reason_code", "reason",
            "updated_at")  # fmt: skip
_SETS = ("not_before", "sent_at", "target_id", "target_number", "reason_code", "reason", "absences", "read_backs",
         "read_back_at")  # fmt: skip
_TEXTS = ("target_id", "target_number", "reason_code", "reason")
DIFFERS, ON_HOLD = "read_back_differs", "on_hold"
Found = Callable[[str, int], None]  # (what does not hold, posting id)

_decode = msgspec.json.Decoder().decode
_STREAM = 2000
_FIXED = len(POSTING_COLUMNS)
_MUTABLE = _FIXED + len(CHANGING)
# A need is met exactly while its document stands or its fact is true; of a posting that was sent it is history.
_wrong_needs = text("""
SELECT posting_id, needs, met FROM (
  SELECT w.posting_id, w.needs, w.satisfied_at IS NOT NULL AS met, (
    EXISTS (SELECT 1 FROM posting q WHERE q.integration = p.integration AND q.doc_key = w.needs AND q.state = 'posted'
      AND q.op IN ('create', 'update') AND NOT EXISTS (SELECT 1 FROM posting r WHERE r.integration = q.integration
      AND r.doc_key = q.doc_key AND r.seq > q.seq AND r.state = 'posted'))
    OR EXISTS (SELECT 1 FROM fact f WHERE f.integration = p.integration AND f.key = w.needs AND f.is_true = 1)) AS is_so
  FROM posting_need w JOIN posting p ON p.posting_id = w.posting_id
  WHERE p.state IN ('planned', 'held') AND p.attempt = 0) each_need WHERE met <> is_so""")


@dataclass(slots=True)
class Checked:
    """``read_back``: postings whose comparison must be named by an event that speaks of many at once."""

    posted: int = 0
    read_back: int = 0


@dataclass(slots=True)
class _Told:
    """What the events say of one posting so far."""

    values: dict[str, Any] = field(default_factory=dict)
    row_sha256: str = ""
    version_sha256: str = ""
    posted_events: int = 0
    explained_at: int | None = None  # its read-back, where an event of its own tells it


def check_postings(connection: Connection, found: Found) -> Checked:
    """Reads the whole ledger once. ``found`` is called for each thing that does not hold."""
    checked = Checked()
    events = _grouped(_stream(connection, select(
        audit_event.c.posting_id, audit_event.c.recorded_at, audit_event.c.event, audit_event.c.content,
    ).where(audit_event.c.posting_id.is_not(None)).order_by(audit_event.c.posting_id, audit_event.c.n)))  # fmt: skip
    control = _grouped(_stream(connection, select(
        control_line.c.posting_id, *(control_line.c[name] for name in CONTROL_COLUMNS)
    ).order_by(control_line.c.posting_id, control_line.c.line)))  # fmt: skip
    needs = _grouped(_stream(connection, select(posting_need.c.posting_id, posting_need.c.needs)
                             .order_by(posting_need.c.posting_id)))  # fmt: skip
    told, lines, needed = next(events, None), next(control, None), next(needs, None)
    for row in _stream(connection, _rows()):
        posting_id = row[0]
        while told is not None and told[0] < posting_id:
            found("the trail tells of it, and it is not in the ledger", told[0])
            told = next(events, None)
        mine: list[Any] = []
        if told is not None and told[0] == posting_id:
            mine, told = told[1], next(events, None)
        while lines is not None and lines[0] < posting_id:
            lines = next(control, None)
        its_lines: list[Any] = []
        if lines is not None and lines[0] == posting_id:
            its_lines, lines = lines[1], next(control, None)
        while needed is not None and needed[0] < posting_id:
            needed = next(needs, None)
        its_needs: list[Any] = []
        if needed is not None and needed[0] == posting_id:
            its_needs, needed = needed[1], next(needs, None)
        _check(row, mine, its_lines, its_needs, checked, found)
    if told is not None:
        found("the trail tells of it, and it is not in the ledger", told[0])
    for posting_id, need, met in connection.execute(_wrong_needs):
        found(f"says that {need} is {'met' if met else 'not met'}, and it is {'not' if met else 'met'}", posting_id)
    return checked


def _rows() -> Any:
    columns = [posting.c[name] for name in (*POSTING_COLUMNS, *CHANGING)]
    of_version = [document_version.c[name].label(f"v_{name}") for name in VERSION_COLUMNS]
    return (
        select(*columns, posting.c.body, *of_version, document_version.c.document.label("v_document"))
        .join(document_version, document_version.c.version_id == posting.c.version_id, isouter=True)
        .order_by(posting.c.posting_id)
    )


def _check(row: Any, events: list[Any], lines: list[Any], needs: list[Any], checked: Checked, found: Found) -> None:
    posting_id = row[0]
    told = _told(events)
    if not told.values:
        found("is in the ledger, and the trail has not planned it", posting_id)
        return
    if told.row_sha256:
        fixed = posting_digest_of(row[:_FIXED], [each[1] for each in needs], [each[1:] for each in lines])
        if fixed != told.row_sha256:
            found("what it is, needs or books on which accounts is not what was planned", posting_id)
    if told.version_sha256:
        document = row[-1]
        if document is None or version_digest_of(row[_MUTABLE + 1 : -1], bytes(document)) != told.version_sha256:
            found(f"its document version {row[11]} is not what was recorded", posting_id)
    body, said = row[_MUTABLE], row[_FIXED + 1]
    if body is not None and hashlib.sha256(body).hexdigest() != said:
        found("its frozen body does not have its digest", posting_id)
    for name, value in zip(CHANGING, row[_FIXED:_MUTABLE], strict=True):
        if name == "read_back_at" and value is not None and told.explained_at != value:
            checked.read_back += 1
            continue
        if name in told.values and not _equal(name, told.values[name], value):
            found(f"{name} is {value!r}, by the trail {told.values[name]!r}", posting_id)
    if row[_FIXED] == "posted":
        checked.posted += 1
    if told.posted_events > 1:
        found(f"was posted {told.posted_events} times by the trail", posting_id)


def _equal(name: str, told: Any, value: Any) -> bool:
    if told == value:
        return True
    # PostgreSQL takes no NUL in a text: what it holds there is the replacement character.
    return name in _TEXTS and isinstance(told, str) and told.replace("\x00", "\N{REPLACEMENT CHARACTER}") == value


def _told(events: Iterable[Any]) -> _Told:
    told = _Told()
    values = told.values
    for _, at, event, raw in events:
        if event in ("late_answer", "replay_asked"):
            continue
        content = _decode(raw)
        if event == "planned":
            told.row_sha256 = content.get("row_sha256", "")
            told.version_sha256 = content.get("version_sha256", "")
            values.update(
                state=content["state"], body_sha256=None, attempt=0, fence=0, lease_owner=None, lease_until=None,
                sent_at=None, not_before=0, absences=0, read_backs=0, read_back_at=None, target_id=None,
                target_number="", reason_code=content.get("code", ""), reason=content.get("reason", ""), updated_at=at,
            )  # fmt: skip
        elif event == "sending":
            values.update(state="sending", fence=content["fence"], attempt=content["attempt"],
                          lease_owner=content["owner"], updated_at=at)  # fmt: skip
            if "lease_until" in content:
                values["lease_until"] = content["lease_until"]
            else:
                values.pop("lease_until", None)
        elif event in ("frozen", "frozen_before"):
            values.update(body_sha256=content["body_sha256"], sent_at=at, updated_at=at)
        elif event == DIFFERS:
            values.update(reason_code=DIFFERS, reason=content.get("differences", ""), read_back_at=at)
            told.explained_at = at
        elif event == ON_HOLD:
            values.update(reason_code=ON_HOLD, reason=content.get("reason", ""), read_back_at=at)
            told.explained_at = at
        elif "to" in content:
            values.update(state=content["to"], lease_owner=None, lease_until=None, updated_at=at,
                          fence=content["fence"] + (event == "lease_ended"))  # fmt: skip
            for name in _SETS:
                if name in content:
                    values[name] = content[name]
            if event == "posted":
                told.posted_events += 1
                told.explained_at = content.get("read_back_at", told.explained_at)
    return told


def _stream(connection: Connection, query: Any) -> Iterator[Any]:
    result = connection.execution_options(yield_per=_STREAM).execute(query)
    for partition in result.partitions():
        yield from partition


def _grouped(rows: Iterator[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Consecutive rows with the same first column."""
    key, group = None, list[Any]()
    for row in rows:
        if row[0] != key:
            if key is not None:
                yield key, group
            key, group = row[0], []
        group.append(row)
    if key is not None:
        yield key, group
