"""ServiceNow as a target: reference data, posting port. Invariant: every name of the tenant comes from the profile."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from st_pipelines.documents.codes import CodeRecord
from st_pipelines.documents.keys import coded, doc_key, fitting
from st_pipelines.documents.order_lines import OrderLineStanding
from st_pipelines.integrations.masters import CodeSide
from st_pipelines.integrations.reading import Finding, Opened, Tables
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import TargetSide

if TYPE_CHECKING:
    from st_pipelines.mapping.reference import Reference
    from st_pipelines.posting.target import Target
    from st_pipelines.systems.servicenow.needs import Needs
    from st_pipelines.systems.servicenow.side import Instance

REFERENCE = {"legal_entities": "Legal entities, by the company code of the ERP."}


def _connect(opened: Opened) -> Any:
    from st_pipelines.systems.servicenow.connect import connect, quiet_period_s
    from st_pipelines.systems.servicenow.profile_file import load_profile
    from st_pipelines.systems.servicenow.proof import Proof
    from st_pipelines.systems.servicenow.side import Instance

    client = connect(opened.connection, opened.engine, opened.keyring)
    profile = load_profile(opened.integration.folder / opened.integration.target.profile)
    domain = _domains(opened.integration)[0]
    quiet = quiet_period_s(opened.connection)
    stages = tuple(one for one in _staged(opened.integration) if one in profile.staging)
    return Instance(client, profile, Proof(client), f"QAD:{domain}", quiet, stages)


def _read_reference(client: Any, entity: str) -> pa.Table:
    from st_pipelines.systems.servicenow.legal_entities import read_legal_entities

    assert entity in REFERENCE
    return read_legal_entities(client)


def _as_target(client: Any) -> "Target":
    from st_pipelines.systems.servicenow.post import ServiceNowTarget

    return ServiceNowTarget(client)


def _mapping_reference(own: Tables, source: Tables) -> "Reference":
    from st_pipelines.mapping.reference import of_codes

    names = [name for name in ("gl_accounts", "cost_centers") if name in source]
    return of_codes(legal_entities=own["legal_entities"], source_codes={name: source[name] for name in names})


def _ping(client: Any, integration: Integration) -> list[Finding]:
    """As a target: what the switched-on flows write and read back, and the tables that mapping joins with."""
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.systems.servicenow.needs import Needs

    road, options, staged = road_of(integration), integration.options, _staged(integration)
    joined = dict.fromkeys(join.removeprefix("target_") for name in integration.flows for join in road.flow(name).joins
                           if join.startswith("target_"))  # fmt: skip
    return findings(client, Needs([*staged, *joined], staged, {}, {options.currency, *options.currencies}))


def _staged(integration: Integration) -> list[str]:
    """Entities of the profile that the switched-on flows and lists of codes send."""
    from st_pipelines.integrations.roads import road_of
    from st_pipelines.systems.servicenow.staging_rows import ENTITY

    road = road_of(integration)
    kinds = [kind for name in integration.flows for kind in road.flow(name).kinds]
    return list(dict.fromkeys((*(ENTITY[kind] for kind in kinds if kind in ENTITY), *integration.codes)))


def findings(instance: "Instance", needs: "Needs") -> list[Finding]:
    """What the onboarding check of an instance did not find in order."""
    from st_pipelines.systems.servicenow.onboarding import checks

    return [Finding(f"{check.name}: {check.detail}", check.cure, certain=check.ok is False)
            for check in checks(instance.client, instance.profile, needs) if check.ok is not True]  # fmt: skip


def _contradictions(integration: Integration) -> list[str]:
    from st_pipelines.systems.servicenow.profile_file import load_profile

    profile, name = load_profile(integration.folder / integration.target.profile), integration.target.profile
    found = []
    if list(integration.target.companies) != [profile.instance_name]:
        found.append(f"target.companies names {', '.join(integration.target.companies)}, and {name} is for the "
                     f"instance {profile.instance_name!r}. To do: write the instance's name into both")  # fmt: skip
    if not profile.erp_source:
        found.append(f"{name} has no erp_source. To do: the name of the ERP source in ServiceNow")
    if len(domains := _domains(integration)) > 1:
        found.append(f"source.companies lie in {len(domains)} domains ({', '.join(domains)}), and order numbers are "
                     "unique in one only. To do: an integration with an ERP source of its own for each")  # fmt: skip
    return found


def _domains(integration: Integration) -> list[str]:
    return sorted({name.partition("_")[0] for name in integration.source.companies})


def order_lines(client: Any, since: date) -> Iterable[OrderLineStanding]:
    """Of either side: orders are known by their ERP source."""
    from st_pipelines.systems.servicenow import order_lines

    return order_lines.order_lines(client, since)


def _read_codes(client: Any, kind: str) -> Sequence[CodeRecord]:
    from st_pipelines.systems.servicenow.codes import read_codes

    return read_codes(client, kind)


def _code_key(integration: Integration, kind: str, code: str) -> str:
    return doc_key("SN", integration.target.companies[0], kind, fitting(coded(code)))


_LISTS = ("legal_entities", "payment_terms", "cost_centers", "gl_accounts")
CODES = CodeSide(_read_codes, _code_key, _as_target, lists=_LISTS, takes=_LISTS)

TARGET = TargetSide(
    system="servicenow", reference=REFERENCE, connect=_connect, read_reference=_read_reference, as_target=_as_target,
    mapping_reference=_mapping_reference, ping=_ping, contradictions=_contradictions, codes=CODES,
    order_lines=order_lines,
)  # fmt: skip
