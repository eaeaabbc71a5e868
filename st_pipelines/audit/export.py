"""Writes the audit trail as JSON lines, its head last. Invariant: an export can be verified without the database.

Each line is one event with all that its hash covers; the last line is the head, with an HMAC where a key is given.
"""

from collections.abc import Iterator
from dataclasses import asdict

import msgspec
from sqlalchemy import Engine, select

from st_pipelines.audit.head import read_head
from st_pipelines.audit.trail import GENESIS, event_hash
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import audit_event

_encode = msgspec.json.Encoder().encode


class BrokenExport(ValueError):
    """An exported trail that does not hold; the text names the line."""


def export(engine: Engine, *, after: int = 0, key: bytes | None = None) -> Iterator[bytes]:
    """Lines of JSON, each with its newline: events above ``after`` in order, then ``{"head": …}``. Streams; constant
    memory. One moment of the database."""
    with reading(engine) as connection:
        query = select(audit_event).where(audit_event.c.n > after).order_by(audit_event.c.n)
        rows = connection.execution_options(yield_per=2000).execute(query)
        for partition in rows.partitions():
            for row in partition:
                line = dict(row._mapping)
                line["content"] = msgspec.Raw(row.content.encode())
                yield _encode(line) + b"\n"
        yield _encode({"head": asdict(read_head(connection, key))}) + b"\n"


def check_export(lines: Iterator[bytes]) -> int:
    """Verifies an exported trail by itself; gives its number of events. Raises ``BrokenExport``."""
    previous: str | None = None
    number = 0
    for number, line in enumerate(lines, 1):
        entry = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if "head" in entry:
            head = msgspec.json.decode(entry["head"])
            if head["hash"] != (previous or GENESIS):
                raise BrokenExport(f"line {number}: the head is not the last event's")
            return number - 1
        value = {name: msgspec.json.decode(raw) for name, raw in entry.items() if name != "content"}
        if previous is not None and value["previous_hash"] != previous:
            raise BrokenExport(f"line {number}: does not continue the line before it")
        previous = event_hash(
            value["n"], value["previous_hash"], value["recorded_at"], value["event"], value["doc_key"],
            value["posting_id"], bytes(entry["content"]).decode(),
        )  # fmt: skip
        if previous != value["hash"]:
            raise BrokenExport(f"line {number}: event {value['n']} is not what was recorded")
    raise BrokenExport(f"line {number + 1}: the head is missing, the export is cut short")
