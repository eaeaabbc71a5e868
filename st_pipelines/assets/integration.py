"""All Dagster definitions of one integration, built from its road. Invariant: no system is named here."""

from collections.abc import Sequence

import dagster as dg

from st_pipelines.assets import automation
from st_pipelines.assets.code import with_code
from st_pipelines.assets.codes import code_asset, codes_job, codes_schedule
from st_pipelines.assets.events import events_asset, events_job, events_sensor
from st_pipelines.assets.journal_sync import journal_asset
from st_pipelines.assets.mapped import mapped_asset
from st_pipelines.assets.parties import parties_asset, parties_job, parties_schedule
from st_pipelines.assets.partitions import source_pool, target_pool
from st_pipelines.assets.posted import posted_asset
from st_pipelines.assets.reconciled import period_asset, reconciled_asset
from st_pipelines.assets.recovery import recovery_sensor
from st_pipelines.assets.source import reference_asset, source_asset
from st_pipelines.assets.written_back import written_back_asset
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow, Road


def integration_definitions(integration: Integration, road: Road) -> dg.Definitions:
    """Assets with their checks, jobs, schedules and the inbox sensor."""
    flows = [flow for flow in road.flows if flow.name in integration.flows]
    read = {entity for flow in flows for entity in flow.reads}
    reconciled = [flow for flow in flows if flow.reconciled_kinds]
    marked = [flow for flow in flows if flow.marks and integration.options.mark_exported]
    daily_assets = [
        *(source_asset(integration, entity) for entity in road.source.daily if entity.name in read),
        *(mapped_asset(integration, road, flow) for flow in flows),
        *(posted_asset(integration, flow) for flow in flows),
        *(reconciled_asset(integration, flow) for flow in reconciled),
        *(written_back_asset(integration, flow) for flow in marked),
    ]
    reference_assets = [
        reference_asset(integration, side, part.system, name, description, pool)
        for side, part, pool in (
            ("source", road.source, source_pool(integration)),
            ("target", road.target, target_pool(integration)),
        )
        for name, description in part.reference.items()
    ]
    monthly_assets = [period_asset(integration, road, reconciled)]
    if integration.options.journal_sync and road.source.journal_telling is not None:
        monthly_assets.append(journal_asset(integration))
    daily_keys = [one.key for one in daily_assets]
    jobs = automation.jobs(integration, daily_keys, [one.key for one in monthly_assets])
    groups = automation.group_jobs(integration, road, daily_keys)
    definitions = dg.Definitions(
        assets=with_code([*daily_assets, *reference_assets, *monthly_assets]),
        jobs=[*jobs.values(), *groups.values()],
        schedules=[*automation.schedules(integration, jobs), *automation.group_schedules(integration, groups)],
        sensors=[recovery_sensor(integration, jobs["daily"])],
    )
    if integration.codes:
        definitions = dg.Definitions.merge(definitions, _codes(integration))
    if integration.parties is not None:
        definitions = dg.Definitions.merge(definitions, _parties(integration, flows))
    if road.source.events is None:
        return definitions
    job = events_job(integration)
    told = dg.Definitions(
        assets=with_code([events_asset(integration, flows)]), jobs=[job], sensors=[events_sensor(integration, job)]
    )
    return dg.Definitions.merge(definitions, told)


def _codes(integration: Integration) -> dg.Definitions:
    job = codes_job(integration)
    assets = [code_asset(integration, name) for name in integration.codes]
    return dg.Definitions(assets=with_code(assets), jobs=[job], schedules=codes_schedule(integration, job))


def _parties(integration: Integration, flows: Sequence[Flow]) -> dg.Definitions:
    job = parties_job(integration)
    assets = [parties_asset(integration, flow, flow.aligns[0]) for flow in flows if flow.aligns]
    return dg.Definitions(assets=with_code(assets), jobs=[job], schedules=parties_schedule(integration, job))
