"""The table of roads: which source system reaches which target system, and by which flows.

Invariant: a new target is one line here, one file ``<source>_<target>.py`` and one folder under ``systems/``.
"""

from st_pipelines.integrations.registry import BrokenIntegration, Integration
from st_pipelines.integrations.road import Road
from st_pipelines.integrations.servicetitan_qad import ROAD as SERVICETITAN_QAD

ROADS: dict[tuple[str, str], Road] = {
    ("servicetitan", "qad"): SERVICETITAN_QAD,
}


def road_of(integration: Integration) -> Road:
    """The road between the integration's systems. Raises ``BrokenIntegration`` for a pair or flow that has none."""
    pair = (integration.source.system, integration.target.system)
    if pair not in ROADS:
        raise BrokenIntegration(f"{integration.name}: there is no road from {pair[0]} to {pair[1]}")
    known = {flow.name for flow in ROADS[pair].flows}
    unknown = [name for name in integration.flows if name not in known]
    if unknown:
        raise BrokenIntegration(
            f"{integration.name}: flows: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    _check_parties(integration, ROADS[pair])
    return ROADS[pair]


def _check_parties(integration: Integration, road: Road) -> None:
    """A field that the source lets nobody change must be the source's to say."""
    rules, takes = integration.parties, road.source.takes_parties
    if rules is None or not rules.both_ways:
        return
    if takes is None or road.source.parties is None or road.target.parties is None:
        raise BrokenIntegration(f"{integration.name}: parties.both_ways: {road.source.system} takes no parties of "
                                f"{road.target.system}")  # fmt: skip
    wrong = [f"parties.{role}.fields.{name}" for role in takes.kinds for name, owner in rules.of(role).fields.items()
             if owner != "source" and name not in ("terms", "tax", *takes.changeable[role])]  # fmt: skip
    if wrong:
        raise BrokenIntegration(f"{integration.name}: {road.source.system} cannot be told of {', '.join(wrong)}: set "
                                "them to source, or both_ways to false")  # fmt: skip
