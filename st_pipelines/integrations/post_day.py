"""Posts one flow's day through the ledger and says where every document of the day stands.

Invariant: what a day's outcome says is read from the ledger after the work, never counted while sending.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from st_pipelines.audit.head import head
from st_pipelines.documents.money import from_minor
from st_pipelines.integrations.map_day import FACTS, LAYER, part
from st_pipelines.integrations.reconcile import stored_documents
from st_pipelines.integrations.road import Fact, Flow
from st_pipelines.integrations.session import Session
from st_pipelines.posting import totals
from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import PostSettings, RunLimits
from st_pipelines.posting.target import Target

UNSETTLED = ("sending", "unknown")
BATCH = 50


@dataclass(frozen=True)
class PostedDay:
    """``counts`` and ``totals_minor`` by state of the day's documents; ``sent`` counts writes of this call."""

    flow: str
    day: date
    sent: int
    counts: Mapping[str, int]
    totals_minor: Mapping[str, int]
    control_rows: Sequence[Mapping[str, Any]]
    audit_position: int

    @property
    def unsettled(self) -> bool:
        """A write of this day has an outcome that nobody knows yet."""
        return any(self.counts.get(state) for state in UNSETTLED)


def post_day(session: Session, flow: Flow, day: date, run_id: str, actor: str) -> PostedDay:
    """Plans the day's mapped documents, then sends everything of the flow that may be sent now, whatever its day: a
    document that waited for this day's goods goes out too."""
    key, integration = day.isoformat(), session.integration
    context = session.context(run_id, actor, key)
    limits = RunLimits(integration.options.run_limits.documents, integration.options.run_limits.amount)
    if flow.facts:
        table = session.store.read_table(integration.name, LAYER, part(flow, FACTS), key)
        record_facts(session.engine, context, [Fact(**row) for row in table.to_pylist()])
    documents = stored_documents(session, flow, [key])
    plan_documents(
        session.engine, context, documents, target=integration.target.connection,
        change=session.target.change, limits=limits,
    )  # fmt: skip
    summary = post(
        session.engine, session.target, integration.name, [flow.name], context, settings=pace(session.target)
    )
    by_state = totals.day_states(session.engine, integration.name, flow.name, key)
    return PostedDay(
        flow.name, day, summary.sent, {row.state: row.documents for row in by_state},
        {row.state: row.amount_minor for row in by_state}, _control_rows(session, flow, key),
        head(session.engine).n,
    )  # fmt: skip


def pace(target: Target) -> PostSettings:
    """A lease that outlasts a whole batch at the target's slowest, so that a worker never outlives its claim."""
    rounds = -(-BATCH // max(1, target.max_concurrency)) + 1
    margin_s = max(1.0, target.request_deadline_s / 10)
    return PostSettings(batch=BATCH, lease_s=rounds * target.request_deadline_s + margin_s, margin_s=margin_s)


def identity_holds(session: Session) -> list[str]:
    """The ledger's own identity (L17); each text is a break of it."""
    return [str(fault) for fault in totals.broken_identities(session.engine, session.integration.name)]


def _control_rows(session: Session, flow: Flow, key: str) -> list[Mapping[str, Any]]:
    return [
        {"business_unit": row.business_unit, "gl_account": row.gl_account,
         "amount": f"{from_minor(row.amount_minor, row.currency):,} {row.currency}"}
        for row in totals.day_control(session.engine, session.integration.name, flow.name, key)
    ]  # fmt: skip
