"""Documents and short cuts for the ledger's tests."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from st_pipelines.audit.high_water import HighWaterMark
from st_pipelines.audit.verify import verify
from st_pipelines.credentials.keyring import Keyring
from st_pipelines.database.engine import reading
from st_pipelines.documents.mapped import ControlLine, Hold, MappedDocument
from st_pipelines.posting import totals
from st_pipelines.posting.context import RunContext
from st_pipelines.posting.mark import FIRST_EPOCH, Mark
from st_pipelines.posting.plan import PlanSummary, plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import PostSettings
from st_pipelines.posting.summary import PostSummary
from st_pipelines_tests.posting.fake_target import FakeTarget

INTEGRATION = "demo"
CONTEXT = RunContext(INTEGRATION, "run-1", "Ann", "m1", "2026-10-01")
FAST = PostSettings(lease_s=10.0, margin_s=0.5, patience_s=2.0, backoff_base_s=0.001, backoff_cap_s=0.005,
                    quiet_period_s=0.02, second_wait_s=0.02)  # fmt: skip


def key(number: int | str, kind: str = "invoice") -> str:
    return f"ST:1:{kind}:{number}"


def document(number: int | str, total: str = "100.00", *, kind: str = "invoice", **changes: Any) -> MappedDocument:
    """A ready document whose source hash follows its total."""
    amount = Decimal(total)
    minor = int(amount * 100)
    given: dict[str, Any] = {
        "flow": f"{kind}s", "kind": f"customer_{kind}" if kind != "customer" else "customer",
        "doc_key": key(number, kind), "company": "10USA", "business_date": date(2026, 10, 1), "currency": "USD",
        "total": amount, "disposition": "ready", "source_sha256": f"{total}".ljust(64, "0"),
        "modified_on": datetime(2026, 10, 2, tzinfo=UTC), "label": f"{kind} {number}",
        "control": (ControlLine("101", "1200", "", minor), ControlLine("101", "4000", "1100", -minor)),
    } | changes  # fmt: skip
    return MappedDocument(**given)


def held(number: int | str, total: str = "100.00", **changes: Any) -> MappedDocument:
    hold = Hold("gl_account.no_row", "101/Service", "no account for Service in 101", "Add a row to accounts.csv.")
    return document(number, total, disposition="held", hold=hold, source_sha256=f"{total}".ljust(64, "0"), **changes)


def void(number: int | str, total: str = "100.00", **changes: Any) -> MappedDocument:
    given = {"disposition": "void", "reason": "voided in the source", "source_sha256": "void".ljust(64, "0")}
    return document(number, total, **given | changes)


def plan(engine: Engine, documents: Iterable[MappedDocument], context: RunContext = CONTEXT, *,
         change: str = "update", **more: Any) -> PlanSummary:  # fmt: skip
    return plan_documents(engine, context, documents, target="books", change=lambda old, new: change, **more)


class Unmarked:
    """For a ledger that no test restores, and that has no folder of its own to keep a mark in."""

    def require(self, engine: Engine) -> int:
        return FIRST_EPOCH

    def raise_to_present(self, engine: Engine) -> None:
        pass


def mark_of(engine: Engine) -> Mark:
    """A mark beside the ledger's file."""
    if engine.dialect.name != "sqlite":
        return Unmarked()
    ledger = Path(str(engine.url.database))
    return HighWaterMark(ledger.parent / "keys" / f"{ledger.stem}.mark", Keyring([b"k" * 32]))


def send(engine: Engine, target: FakeTarget, *flows: str, settings: PostSettings = FAST, mark: Mark | None = None,
         **more: Any) -> PostSummary:  # fmt: skip
    return post(engine, target, INTEGRATION, flows, CONTEXT, mark=mark or mark_of(engine), settings=settings,
                clock=target.clock, **more)  # fmt: skip


def rows(engine: Engine, doc_key: str = "") -> list[Any]:
    """Posting rows in order, with their columns as attributes."""
    with reading(engine) as connection:
        where = "WHERE doc_key = :key" if doc_key else ""
        return list(connection.execute(text(f"SELECT * FROM posting {where} ORDER BY doc_key, seq"), {"key": doc_key}))


def states(engine: Engine, doc_key: str = "") -> list[str]:
    """``op state`` in order."""
    return [f"{row.op} {row.state}" for row in rows(engine, doc_key)]


def events(engine: Engine, doc_key: str = "") -> list[Any]:
    with reading(engine) as connection:
        where = "WHERE doc_key = :key" if doc_key else ""
        return list(connection.execute(text(f"SELECT * FROM audit_event {where} ORDER BY n"), {"key": doc_key}))


def prove(engine: Engine) -> None:
    """What must hold at every moment: the trail is whole, and the ledger adds up."""
    proof = verify(engine)
    assert proof.ok, [finding.text for finding in proof.findings]
    identity = totals.check_identity(engine, INTEGRATION)
    assert identity.holds, identity.breaks
