"""One pass over some days without Dagster: align codes, reference, extract, map, post, and tell the source what stands.

Invariant: the same functions as the Dagster assets call, in the same order: what is named is read after what names it,
masters are posted before documents.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from st_pipelines.integrations.align_codes import CodesDone, align_codes
from st_pipelines.integrations.extracting import extract_days, refresh_reference
from st_pipelines.integrations.map_day import MappedDay, map_day
from st_pipelines.integrations.post_days import PostedDay, post_days
from st_pipelines.integrations.reading import SourceEntity
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.write_back import WriteBack, marked_flows, write_back

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pass:
    """What one pass did: ``sent`` writes, and where the documents of its days stand now."""

    sent: int
    differing: tuple[str, ...]
    stopped: tuple[str, ...]
    days: tuple[PostedDay, ...]


def days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def chosen_flows(session: Session, names: Iterable[str]) -> list[Flow]:
    """The named flows of the integration in the road's order; without names all of them. Raises ``KeyError``."""
    wanted = set(names)
    for name in wanted:
        session.road.flow(name)
    return [
        flow for flow in session.road.flows
        if flow.name in session.integration.flows and (not wanted or flow.name in wanted)
    ]  # fmt: skip


def read_days(session: Session, flows: Sequence[Flow], days: Sequence[date], run_id: str, say: Say) -> list[MappedDay]:
    """Reference data, then each day's records, then each day's mapped documents. Writes the store, posts nothing.

    Raises ``MappingErrors``, ``BrokenProfile`` or ``BrokenIntegration`` before any system is asked."""
    _ = session.mapping
    session.require_agreement()
    for side, entities in (("source", session.road.source.reference), ("target", session.road.target.reference)):
        for entity in entities:
            say(f"reference: {side} {entity}")
            refresh_reference(session, side, entity)
    for source_entity in _entities(session, flows):
        say(f"reading {source_entity.name}")
        for read in extract_days(session, source_entity, days, run_id):
            say(f"{read.day}: read {source_entity.name}")
    mapped = []
    for day in days:
        for flow in flows:
            say(f"{day}: mapping {flow.name}")
            mapped.append(map_day(session, flow, day))
    return mapped


def align(session: Session, run_id: str, actor: str, say: Say) -> list[CodesDone]:
    """Brings the lists of codes to one that the integration names, before documents are joined with them.

    Raises ``MappingErrors``, ``BrokenProfile`` or ``BrokenIntegration`` before any system is asked."""
    _ = session.mapping
    session.require_agreement()
    done = []
    for name in session.integration.codes:
        say(f"aligning {name}")
        done.append(align_codes(session, name, run_id, actor))
    return done


def post(session: Session, flows: Sequence[Flow], days: Sequence[date], run_id: str, actor: str, say: Say) -> Pass:
    """Plans and posts what the store has of these days, flow after flow. A flow that stopped early says why."""
    sent, differing, stopped, posted = 0, list[str](), list[str](), list[PostedDay]()
    for flow in flows:
        say(f"posting {flow.name}")
        summary, outcomes = post_days(session, flow, days, run_id, actor)
        sent += summary.sent
        differing += summary.differing
        stopped += [f"{flow.name}: {summary.stopped}"] if summary.stopped else []
        posted += outcomes
    return Pass(sent, tuple(differing), tuple(stopped), tuple(posted))


def tell(session: Session, flows: Sequence[Flow], days: Sequence[date], run_id: str, actor: str,
         say: Say) -> list[WriteBack]:  # fmt: skip
    """Tells the source what stands in the books, where the integration wants that."""
    told = []
    for flow in marked_flows(session, flows):
        say(f"telling the source about {flow.name}")
        told.append(write_back(session, flow, days, run_id, actor))
    return told


def _entities(session: Session, flows: Sequence[Flow]) -> list[SourceEntity]:
    """What the flows read, and what names it, in the road's order, so that naming entities come first."""
    wanted = {name for flow in flows for name in flow.reads}
    naming = {other for name in wanted for other in session.road.entity(name).named_by}
    return [entity for entity in session.road.source.daily if entity.name in wanted | naming]
