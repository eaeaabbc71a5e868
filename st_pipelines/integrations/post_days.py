"""Posts one flow's days through the ledger and says where every document of each day stands.

Invariant: what a day's outcome says is read from the ledger after the work, never counted while sending. All days are
planned, then everything of the flow that may be sent is sent together, so that full batches reach the target.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from st_pipelines.audit.head import head
from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.money import from_minor
from st_pipelines.integrations.align_parties import align, record_aligned, stopped_before
from st_pipelines.integrations.cover import in_turn
from st_pipelines.integrations.map_day import FACTS, LAYER, part
from st_pipelines.integrations.names import names
from st_pipelines.integrations.planned import Planned, first_to_plan
from st_pipelines.integrations.road import Fact, Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting import totals
from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.posted_documents import PostedDocument, posted_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import PostSettings, RunLimits
from st_pipelines.posting.summary import PostSummary
from st_pipelines.posting.target import Target

UNSETTLED = ("sending", "unknown", "planned")
BATCH = 50
SHOWN = 10  # documents of a day in Dagster; all of them are in the ledger


@dataclass(frozen=True)
class PostedDay:
    """``counts`` by state of the documents of one daily partition, ``totals_minor`` of those in the integration's own
    currency. ``sums``: count and total by state and currency. ``documents``: those with the most money that stand in
    the target."""

    flow: str
    day: date
    counts: Mapping[str, int]
    totals_minor: Mapping[str, int]
    sums: Mapping[tuple[str, str], tuple[int, int]]
    control_rows: Sequence[Mapping[str, Any]]
    documents: Sequence[PostedDocument]

    @property
    def unsettled(self) -> bool:
        """A write of this day is still to be sent, or has an outcome that nobody knows yet."""
        return any(self.counts.get(state) for state in UNSETTLED)


def post_days(
    session: Session, flow: Flow, days: Sequence[date], run_id: str, actor: str
) -> tuple[PostSummary, list[PostedDay]]:
    """Plans the days' mapped documents, then sends everything of the flow that may be sent now, whatever its day: a
    document that waited for these days' goods goes out too."""
    integration, parties = session.integration, set[str]()
    keys = [day.isoformat() for day in days]
    stopped, planned = stopped_before(session, flow), Planned(session, flow)
    first = first_to_plan(session, flow, keys, stopped)
    for place, key in enumerate(keys):
        documents = [*(stopped if place == 0 else ())]
        if place >= first:
            planned.note(key, session.store.manifest(integration.name, LAYER, flow.name, key).digest)
            documents += stored_documents(session, flow, [key])
        parties |= plan_day(session, flow, key, documents, run_id, actor)
    context = session.context(run_id, actor)
    settings = pace(session.target)
    summary = in_turn(session, flow, context, lambda: post(
        session.engine, session.target, integration.name, [flow.name], context, mark=session.mark,
        pinned=integration.target.companies, settings=settings,
    ))  # fmt: skip
    record_aligned(session, flow, context, parties)
    planned.keep()
    return summary, _outcomes(session, flow, days)


def plan_day(
    session: Session, flow: Flow, key: str, documents: Iterable[MappedDocument], run_id: str, actor: str
) -> set[str]:
    """Records the day's facts, aligns parties and plans these documents of it. Sends nothing. Gives the keys of the
    parties."""
    integration, context = session.integration, session.context(run_id, actor, key)
    if flow.facts:
        table = session.store.read_table(integration.name, LAYER, part(flow, FACTS), key)
        record_facts(session.engine, context, [Fact(**row) for row in table.to_pylist()])
    given, parties = integration.options.run_limits, set[str]()
    documents = align(session, flow, documents, context, parties)
    plan_documents(
        session.engine, context, documents, target=integration.target.connection, change=session.target.change,
        limits=RunLimits(given.documents, given.amount),
    )  # fmt: skip
    return parties


def pace(target: Target) -> PostSettings:
    """A lease that outlasts a whole batch at the target's slowest, so that a worker never outlives its claim."""
    rounds = -(-BATCH // max(1, target.max_concurrency)) + 1
    margin_s = max(1.0, target.request_deadline_s / 10)
    return PostSettings(batch=BATCH, lease_s=rounds * target.request_deadline_s + margin_s, margin_s=margin_s)


def broken_identity(session: Session) -> tuple[str, ...]:
    """Where the ledger does not add up (L17); empty = it does."""
    return totals.check_identity(session.engine, session.integration.name).breaks


def audit_position(session: Session) -> int:
    """The number of the last event of the trail."""
    return head(session.engine).n


def _outcomes(session: Session, flow: Flow, days: Sequence[date]) -> list[PostedDay]:
    name = session.integration.name
    states: dict[str, dict[str, tuple[int, int]]] = {}
    sums: dict[str, dict[tuple[str, str], tuple[int, int]]] = {}
    for total in totals.documents(session.engine, name, ("partition_key", "state"), flow=flow.name):
        of_day = states.setdefault(total.key[0], {})  # a state has one total for each currency
        count, minor = of_day.get(total.key[1], (0, 0))
        own = total.amount_minor if total.currency == session.integration.options.currency else 0
        of_day[total.key[1]] = (count + total.count, minor + own)
        sums.setdefault(total.key[0], {})[total.key[1], total.currency] = (total.count, total.amount_minor)
    control: dict[str, list[Mapping[str, Any]]] = {}
    by = ("partition_key", "business_unit", "gl_account")
    called = names(session)
    for total in totals.control_totals(session.engine, name, by, flow=flow.name):
        day, unit, account = total.key
        shown = f"{from_minor(total.amount_minor, total.currency):,} {total.currency}"
        control.setdefault(day, []).append(
            {
                "business_unit": f"{unit} {called.get(f'unit:{unit}', '')}".rstrip(),
                "gl_account": f"{account} {called.get(f'account:{account}', '')}".rstrip(), "amount": shown,
            }
        )  # fmt: skip
    standing = posted_documents(session.engine, name, flow.name, [day.isoformat() for day in days], SHOWN)
    return [
        PostedDay(
            flow.name, day,
            {state: count for state, (count, _) in states.get(day.isoformat(), {}).items()},
            {state: minor for state, (_, minor) in states.get(day.isoformat(), {}).items()},
            sums.get(day.isoformat(), {}), control.get(day.isoformat(), []), standing[day.isoformat()],
        )
        for day in days
    ]  # fmt: skip
