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
    return ROADS[pair]
