"""The table of roads: which source system reaches which target system, and by which flows.

Invariant: a new target is one line here, one file ``<source>_<target>.py`` and one folder under ``systems/``. What an
``integration.yaml`` may and must say follows from its road alone.
"""

from pydantic import BaseModel

from st_pipelines.integrations.qad_servicenow import ROAD as QAD_SERVICENOW
from st_pipelines.integrations.registry import BrokenIntegration, Integration, IntegrationFile
from st_pipelines.integrations.road import Road
from st_pipelines.integrations.servicenow_qad import ROAD as SERVICENOW_QAD
from st_pipelines.integrations.servicetitan_qad import ROAD as SERVICETITAN_QAD

ROADS: dict[tuple[str, str], Road] = {
    ("servicetitan", "qad"): SERVICETITAN_QAD,
    ("qad", "servicenow"): QAD_SERVICENOW,
    ("servicenow", "qad"): SERVICENOW_QAD,
}

# Options that every road reads, because the steps of a run do.
COMMON = frozenset({"currency", "run_limits", "longest_wait_hours", "settle_minutes", "overlap_minutes"})


def faults(integration: IntegrationFile) -> list[str]:
    """What the road between its systems wants otherwise, each with the setting's name; empty = all well."""
    pair = (integration.source.system, integration.target.system)
    if pair not in ROADS:
        names = ("source.system", "target.system")
        wrong = names[0] if pair[0] not in {source for source, _ in ROADS} else names[1]
        known = ", ".join(f"{source} to {target}" for source, target in sorted(ROADS))
        return [f"{wrong}: there is no road from {pair[0]} to {pair[1]}; known: {known}"]
    road, given = ROADS[pair], integration.options
    pins = {"source": ({*road.source.pins}, {"tenant", "profile", "companies"}),
            "target": ({*road.target.pins}, {"profile"})}  # fmt: skip
    found = [f"{part}.{name}: {'Field required' if name in wanted else f'{getattr(integration, part).system} has none'}"
             for part, (wanted, every) in pins.items() for name in sorted(every)
             if bool(getattr(getattr(integration, part), name)) != (name in wanted)]  # fmt: skip
    found += [f"options.{name}: Field required" for name in road.needs if not _is_given(given, name)]
    found += [f"options.{name}: not an option from {pair[0]} to {pair[1]}"
              for name in sorted(given.model_fields_set - COMMON - road.options)]  # fmt: skip
    flows = {flow.name for flow in road.flows}
    found += [
        f"schedules.groups.{name}: there is no flow {flow}; known: {', '.join(sorted(flows))}"
        for name, group in integration.schedules.groups.items() for flow in group.flows if flow not in flows
    ]  # fmt: skip
    return found + _code_faults(integration, road)


def _code_faults(integration: IntegrationFile, road: Road) -> list[str]:
    """Lists of codes that the two systems do not both have, and what the source cannot be told of them."""
    here, there, found = road.source.codes, road.target.codes, list[str]()
    for name, rules in integration.codes.items():
        if here is None or there is None or name not in here.lists or name not in there.takes:
            found.append(f"codes.{name}: not a list that goes from {road.source.system} to {road.target.system}")
        elif name not in here.takes:
            wanted = [f"fields.{field}" for field, owner in rules.fields.items() if owner == "target"]
            wanted += ["create_in_source"] if rules.create_in_source else []
            found += [f"codes.{name}.{one}: {road.source.system} takes none" for one in wanted]
    return found


def _is_given(options: BaseModel, name: str) -> bool:
    """``control_accounts.payable``: the setting within the setting."""
    outer, _, inner = name.partition(".")
    held = getattr(options, outer)
    return outer in options.model_fields_set and (not inner or (held is not None and bool(getattr(held, inner))))


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
