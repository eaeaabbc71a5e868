"""Maps, plans and posts the records of one event partition. Invariant: the same rules and the same ledger as a day's
documents; a posting belongs to the local day on which its record was modified, so that the daily asset counts it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from st_pipelines.documents.mapped import MappedDocument
from st_pipelines.documents.parties import Party
from st_pipelines.integrations.align_parties import align, record_aligned, stopped_before
from st_pipelines.integrations.cover import in_turn
from st_pipelines.integrations.event_partitions import local_day, of_our_days
from st_pipelines.integrations.event_wishes import flows_of
from st_pipelines.integrations.map_day import FACTS, LAYER, map_partition, part
from st_pipelines.integrations.post_days import pace
from st_pipelines.integrations.road import Fact, Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.stored import stored_documents
from st_pipelines.posting.facts import record_facts
from st_pipelines.posting.plan import plan_documents
from st_pipelines.posting.poster import post
from st_pipelines.posting.settings import RunLimits


@dataclass(frozen=True)
class Planned:
    """``doc_keys``: everything that was planned; ``left_out``: documents of days that are not the integration's."""

    doc_keys: tuple[str, ...]
    left_out: frozenset[str]


@dataclass(frozen=True)
class Sent:
    """``stopped``: by flow, why posting ended early."""

    sent: int
    settled: int
    differing: tuple[str, ...]
    stopped: tuple[str, ...]


NOTHING_SENT = Sent(0, 0, (), ())


def map_and_plan(session: Session, flows: Sequence[Flow], key: str, today: date, run_id: str, actor: str) -> Planned:
    """Maps the flows of one partition and puts the documents into the ledger. Sends nothing."""
    left_out, doc_keys = set[str](), dict[str, None]()
    for flow in flows:
        if flow.reconciled_kinds:
            map_partition(session, flow, key, today, of_our_days(session, left_out))
        else:
            map_partition(session, flow, key, today)
    mapped = {flow.name: list(stored_documents(session, flow, [key])) for flow in flows}
    days = _days(session, [one for flow in flows for one in mapped[flow.name]])
    for flow in flows:
        doc_keys.update(dict.fromkeys(one.doc_key for one in mapped[flow.name]))
        plan_partition(session, flow, key, mapped[flow.name], today, run_id, actor, days=days)
    return Planned(tuple(doc_keys), frozenset(left_out))


def send(session: Session, run_id: str, actor: str) -> Sent:
    """Sends what may be sent now, of all flows: a document that waited for these goes out too."""
    sent, settled, differing, stopped = 0, 0, list[str](), list[str]()
    for flow in flows_of(session):
        summary = in_turn(session, flow, session.context(run_id, actor), lambda flow=flow: post(  # type: ignore[misc]
            session.engine, session.target, session.integration.name, [flow.name], session.context(run_id, actor),
            mark=session.mark, pinned=session.integration.target.companies, settings=pace(session.target),
        ))  # fmt: skip
        record_aligned(session, flow, session.context(run_id, actor), ())
        sent, settled = sent + summary.sent, settled + summary.settled
        differing += summary.differing
        stopped += [f"{flow.name}: {summary.stopped}"] if summary.stopped else []
    return Sent(sent, settled, tuple(differing), tuple(stopped))


def plan_partition(
    session: Session, flow: Flow, key: str, documents: Iterable[MappedDocument], otherwise: date,
    run_id: str, actor: str, *, days: Mapping[str, date] | None = None,
) -> None:  # fmt: skip
    """Records the facts of an event partition and plans its documents, each under its day in ``days``, else its own, or
    ``otherwise`` where that lies before the integration's first day. Sends nothing."""
    integration = session.integration
    limits = RunLimits(integration.options.run_limits.documents, integration.options.run_limits.amount)
    if flow.facts:
        table = session.store.read_table(integration.name, LAYER, part(flow, FACTS), key)
        facts = [Fact(**row) for row in table.to_pylist()]
        record_facts(session.engine, session.context(run_id, actor, otherwise.isoformat()), facts)
    by_day: dict[date, list[MappedDocument]] = {}
    for document in documents:
        own = local_day(session, document.modified_on)
        day = (days or {}).get(document.doc_key, own)
        by_day.setdefault(day if integration.first_day <= day < date.max else otherwise, []).append(document)
    stopped = stopped_before(session, flow)
    for day, some in sorted(by_day.items()):
        context = session.context(run_id, actor, day.isoformat())
        given, stopped = [*stopped, *some], ()
        plan_documents(
            session.engine, context, align(session, flow, given, context, set()),
            target=integration.target.connection, change=session.target.change, limits=limits,
        )  # fmt: skip


def _days(session: Session, documents: Sequence[MappedDocument]) -> Mapping[str, date]:
    """The day on which polling first sees each document: its own, or for a party that of a document which names it,
    where that is earlier or the party is older than our first day. ``date.max``: none of ours."""
    first, days = session.integration.first_day, dict[str, date]()
    parties = [one for one in documents if isinstance(one.payload, Party)]
    others = [one for one in documents if not isinstance(one.payload, Party)]
    for one in (*others, *parties, *parties):  # parties name each other: a customer its business relation
        own = local_day(session, one.modified_on)
        days[one.doc_key] = min(days.get(one.doc_key, date.max), own if own >= first else date.max)
        for need in one.needs:
            days[need] = min(days.get(need, date.max), days[one.doc_key])
    return days
