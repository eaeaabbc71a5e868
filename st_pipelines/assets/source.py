"""Extract assets ``[integration, source, entity]``: one per kind of record, daily by modification."""

from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import Metadata, as_done
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group, read_every_day, source_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.reading import SourceEntity
from st_pipelines.integrations.registry import Integration


def source_asset(integration: Integration, entity: SourceEntity) -> dg.AssetsDefinition:
    """Pages land raw, then typed; unreadable records are counted here and held later, never dropped."""

    @dg.asset(
        key=[integration.name, "source", entity.name],
        deps=[dg.AssetKey([integration.name, "source", other]) for other in entity.named_by],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, pool=source_pool(integration),
        group_name=group(integration, "source"), kinds={integration.source.system, "parquet"},
        owners=[integration.owner], tags={"layer": "source"}, code_version="1",
        description=f"{entity.description} Read only: the pages are kept as {integration.source.system} gave them, "
        "then typed. What the books are later compared with.",
    )  # fmt: skip
    def extract(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.extracting import extract_days

        days = [date.fromisoformat(key) for key in context.partition_keys]
        read_days = extract_days(sessions.session(integration.name), entity, days, context.run.run_id)
        return as_done(context, map(_metadata, read_days), connection=integration.source.connection)

    return extract


def _metadata(read: Any) -> tuple[date, Metadata]:
    return read.day, {
        "dagster/partition_row_count": read.records, "pages": read.pages,
        "unreadable": read.unreadable, "digest": read.digest[:12],
    }  # fmt: skip


def reference_asset(
    integration: Integration, side: str, system: str, entity: str, description: str, pool: str
) -> dg.AssetsDefinition:
    """Reference data ``[integration, reference, <side>_<entity>]``: codes that documents are joined with."""

    @dg.asset(
        key=[integration.name, "reference", f"{side}_{entity}"], pool=pool, group_name=group(integration, "reference"),
        kinds={system, "parquet"}, owners=[integration.owner], tags={"layer": "reference"},
        freshness_policy=read_every_day(), code_version="1",
        description=f"{description} As {system} has it today; documents are joined with it and checked against it.",
    )  # fmt: skip
    def refresh(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.extracting import refresh_reference

        rows = refresh_reference(sessions.session(integration.name), side, entity)
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    return refresh
