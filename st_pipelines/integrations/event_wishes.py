"""What the waiting deliveries ask to read again. Invariant: a delivery is in a wish or among the ignored.

Ten events about one invoice are one look at it: an event says that something changed, the source says what.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from st_pipelines.inbox.pending import Delivery
from st_pipelines.integrations.road import Flow
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.telling import EventSide

Record = tuple[str, str]  # entity and id


@dataclass
class Wishes:
    """``by_record``: the deliveries that ask for each record. ``ignored``: by reason."""

    by_record: dict[Record, list[Delivery]] = field(default_factory=dict)
    ignored: dict[str, list[Delivery]] = field(default_factory=dict)

    def without(self, records: Sequence[Record]) -> list[tuple[Record, Delivery]]:
        """Takes records out; gives their deliveries."""
        return [(record, one) for record in records for one in self.by_record.pop(record, ())]


def wishes_of(session: Session, side: EventSide, deliveries: Sequence[Delivery]) -> Wishes:
    """Reads the hints. An event about what no flow of the integration reads is ignored, with that as its reason."""
    integration, wishes = session.integration, Wishes()
    read = {entity for flow in flows_of(session) for entity in flow.reads}
    for one in deliveries:
        hint = side.hint(one.event_type, one.body, integration.events.names)
        if not hint.entity:
            wishes.ignored.setdefault(hint.reason, []).append(one)
        elif hint.entity not in read:
            reason = f"no flow of {integration.name} reads {hint.entity} (event {hint.event})"
            wishes.ignored.setdefault(reason, []).append(one)
        else:
            wishes.by_record.setdefault((hint.entity, hint.record_id), []).append(one)
    return wishes


def flows_of(session: Session) -> list[Flow]:
    """Those of the integration, in the order in which they are posted."""
    return [flow for flow in session.road.flows if flow.name in session.integration.flows]


def reach(session: Session, wanted: Sequence[str]) -> tuple[list[str], list[Flow]]:
    """The entities that must be filled to map what is wanted and all that it names, and the flows to map, both in the
    road's order."""
    entities: set[str] = set(wanted)
    while True:
        flows = [flow for flow in flows_of(session) if entities.intersection(flow.reads)]
        more = {entity for flow in flows for entity in flow.reads}
        more |= {one.name for one in session.road.source.daily if entities.intersection(one.named_by)}
        if more <= entities:
            return [one.name for one in session.road.source.daily if one.name in entities], flows
        entities |= more
