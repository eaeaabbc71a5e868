"""Table of contents for Dagster: read the integrations, build their assets, merge. Nothing else."""

import dagster as dg

from st_pipelines.assets.alerts.sensor import alert_sensors
from st_pipelines.assets.history import history_job, history_schedule
from st_pipelines.assets.integration import integration_definitions
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import load_integrations
from st_pipelines.integrations.roads import road_of
from st_pipelines.settings import Settings

_settings = Settings()
_built = [integration_definitions(each, road_of(each)) for each in load_integrations(_settings.mappings)]

defs = dg.Definitions.merge(
    *_built,
    dg.Definitions(
        jobs=[history_job],
        schedules=[history_schedule],
        sensors=alert_sensors(_settings, _built),
        resources={"sessions": Sessions()},
        executor=dg.in_process_executor,
    ),
)
