"""What an integration sends from its target to its source, as posting sees it: parties and codes. Invariant: it has one
name in the ledger (``Integration.back``), so that the books of the target are never asked for it."""

from dataclasses import dataclass

from st_pipelines.integrations.session import Session
from st_pipelines.posting.target import Target


@dataclass(frozen=True)
class WayBack:
    """The other direction."""

    target: Target
    integration: str
    companies: tuple[str, ...]


def way_back(session: Session) -> WayBack | None:
    """None where the integration goes one way only."""
    integration, source = session.integration, session.road.source
    takes = None
    if integration.parties is not None and integration.parties.both_ways and source.takes_parties is not None:
        takes = source.takes_parties.as_target
    elif source.codes is not None and any(
        rules.create_in_source or "target" in rules.fields.values() for rules in integration.codes.values()
    ):
        takes = source.codes.as_target
    return WayBack(takes(session.source), integration.back, (integration.source.company,)) if takes else None
