"""Table of contents for Dagster: read the integrations, build their assets, merge. Nothing else."""

import dagster as dg

from st_pipelines.assets.automation import failure_sensor
from st_pipelines.assets.integration import integration_definitions
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import load_integrations
from st_pipelines.integrations.roads import road_of
from st_pipelines.settings import Settings

_built = [integration_definitions(each, road_of(each)) for each in load_integrations(Settings().mappings)]

defs = dg.Definitions.merge(
    *(definitions for definitions, _ in _built),
    dg.Definitions(
        sensors=[failure_sensor([job for _, jobs in _built for job in jobs])],
        resources={"sessions": Sessions()},
        executor=dg.in_process_executor,
    ),
)
