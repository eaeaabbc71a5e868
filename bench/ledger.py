"""What the ledger costs around the request: CPU per posting to plan, claim, freeze, confirm and read back, with a
target that answers at once; and how fast the same documents are recognised the second time.

The naive loop beside it inserts one row a document and commits it, with nothing that makes posting safe.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from st_pipelines.audit.high_water import HighWaterMark
from st_pipelines.audit.verify import verify
from st_pipelines.credentials.keyring import Keyring
from st_pipelines.database.engine import open_database, transaction
from st_pipelines.database.migrate import upgrade
from st_pipelines.documents.invoice import Invoice
from st_pipelines.documents.lines import Line
from st_pipelines.documents.mapped import ControlLine, MappedDocument
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.target import Found, Outcome, Posted, Reference, Write

DOCUMENTS = 5_000
CONTEXT = RunContext("bench", "run", "bench", "m", "2026-10-01")


class InstantTarget:
    """Answers at once and holds what it was sent."""

    system = "instant"
    quiet_period_s = 1.0
    request_deadline_s = 5.0
    max_concurrency = 4

    def __init__(self) -> None:
        self.held: dict[str, Found] = {}

    def check_company(self, company: str) -> None: ...

    def render(self, document: MappedDocument, op: str, external_ref: str, references: Mapping[str, Reference],
               previous: MappedDocument | None, target_id: str) -> bytes:  # fmt: skip
        return b'{"invoice":"' + external_ref.encode() + b'","lines":[' + b"0," * 400 + b"0]}"

    def send(self, write: Write) -> Outcome:
        target_id = f"T{len(self.held)}-{write.external_ref}"
        self.held[write.external_ref] = Found(write.kind, write.company, write.external_ref, target_id)
        return Posted(target_id, target_id, "0" * 64)

    def find(self, kind: str, company: str, external_refs: Sequence[str]) -> dict[str, list[Found]]:
        return {reference: [self.held[reference]] for reference in external_refs if reference in self.held}

    def look_alikes(self, writes: Sequence[Write]) -> Mapping[str, str]:
        return {}

    def list_posted(self, kind: str, company: str, since: date, until: date) -> Iterator[Found]:
        return iter(self.held.values())

    def differences(self, document: MappedDocument, found: Found) -> list[str]:
        return []

    def change(self, old: MappedDocument, new: MappedDocument) -> str:
        return "update"


def documents(count: int) -> list[MappedDocument]:
    """Invoices of three lines, each needing its customer."""
    return [_invoice(number) for number in range(count)]


def _invoice(number: int) -> MappedDocument:
    key, total, day = f"ST:1:invoice:{number}", Decimal("300.00"), date(2026, 10, 1)
    lines = tuple(Line(n, "revenue", "4000", Decimal("100.00"), "1100", "01", "101", description="Service call")
                  for n in range(1, 4))  # fmt: skip
    invoice = Invoice("invoice", key, str(number), "ST:1:customer:1", "101", "USD", day, None, day, total, lines)
    control = (ControlLine("101", "1200", "", 30000), *(ControlLine("101", "4000", "1100", -10000) for _ in lines))
    return MappedDocument("invoices", "customer_invoice", key, "10USA_10USACO", day, "USD", total, "ready", "s" * 64,
                          datetime(2026, 10, 2, tzinfo=UTC), invoice, control=control,
                          label=f"Invoice {number}")  # fmt: skip


def run(count: int = DOCUMENTS) -> list[dict[str, Any]]:
    """One row a figure: name, value, unit, bar, ok, note."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-bench-"))
    try:
        return _run(folder, documents(count))
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, batch: list[MappedDocument]) -> list[dict[str, Any]]:
    count, target = len(batch), InstantTarget()
    engine = open_database(f"sqlite:///{folder / 'ledger.db'}")
    upgrade(engine)
    mark = HighWaterMark(folder / "keys" / "ledger.mark", Keyring([b"k" * 32]))
    _plan(engine, batch[:50], target)  # statements compiled, files made
    post(engine, target, CONTEXT.integration, (), CONTEXT, mark=mark)

    began, wall = time.process_time(), time.perf_counter()
    _plan(engine, batch, target)
    planned, planned_wall = time.process_time() - began, time.perf_counter() - wall
    began, wall = time.process_time(), time.perf_counter()
    summary = post(engine, target, CONTEXT.integration, (), CONTEXT, mark=mark)
    posted, posted_wall = time.process_time() - began, time.perf_counter() - wall
    assert summary.posted == count - 50 and summary.clean, summary
    began, wall = time.process_time(), time.perf_counter()
    again = _plan(engine, batch, target)
    assert again.unchanged == count, again
    second, second_wall = count / (time.process_time() - began), count / (time.perf_counter() - wall)
    began = time.process_time()
    proof = verify(engine)
    assert proof.ok, proof.findings
    verified = proof.events / (time.process_time() - began)
    engine.dispose()

    naive = _naive(folder, count)
    cpu_us = (planned + posted) / (count - 50) * 1e6
    wall_us = (planned_wall + posted_wall) / (count - 50) * 1e6
    return [
        _row("ledger: CPU per posting, plan to read back", cpu_us, "µs", 2000, cpu_us <= 2000,
             f"aim 1000; {wall_us:.0f} µs elapsed; a loop of one INSERT and commit each: {naive:.0f} µs CPU"),
        _row("ledger: of that, planning", planned / (count - 50) * 1e6, "µs", None, True, "version, posting, controls"),
        _row("ledger: ratio to the naive loop", cpu_us / naive, "×", None, True, "four durable steps and four events"),
        _row("ledger: second plan of the same documents", second, "docs/CPU s", 20000, second >= 20000,
             f"nothing written; {second_wall:,.0f} documents/s elapsed"),
        _row("audit: verification", verified, "events/CPU s", 20000, verified >= 20000, f"{proof.events} events"),
    ]  # fmt: skip


def _plan(engine: Engine, batch: list[MappedDocument], target: InstantTarget) -> Any:
    return plan_documents(engine, CONTEXT, batch, target="bench", change=target.change)


def _naive(folder: Path, count: int) -> float:
    """CPU microseconds a document of: send, then insert a row and commit."""
    engine = open_database(f"sqlite:///{folder / 'naive.db'}")
    with transaction(engine) as connection:
        connection.execute(text("CREATE TABLE sent (doc_key TEXT PRIMARY KEY, target_id TEXT, body BLOB)"))
    insert = text("INSERT INTO sent VALUES (:doc_key, :target_id, :body)")
    began = time.process_time()
    for number in range(count):
        with transaction(engine) as connection:
            connection.execute(
                insert, {"doc_key": f"ST:1:invoice:{number}", "target_id": str(number), "body": b"0" * 800}
            )
    spent = time.process_time() - began
    engine.dispose()
    return spent / count * 1e6


def _row(name: str, value: float, unit: str, bar: float | None, ok: bool, note: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 1), "unit": unit, "bar": bar, "ok": ok, "note": note}


if __name__ == "__main__":
    for row in run():
        bar = "" if row["bar"] is None else f"{row['bar']:,}"
        print(f"{row['name']:<46}{row['value']:>14,.1f} {row['unit']:<13}{bar:>9}  {'ok' if row['ok'] else 'MISSED':<7}"
              f"{row['note']}")  # fmt: skip
