"""Mapping assets ``[integration, mapped, flow]``: documents joined with the mapping tables and the reference data."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import each_day
from st_pipelines.assets.metadata import amount, plotted, table
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group
from st_pipelines.assets.resources import Sessions
from st_pipelines.documents.mapped import DISPOSITIONS
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow, Road

MAP = "Add the missing rows to the mapping tables, then run these days again. docs/runbooks/mapping-change.md"


def mapped_asset(integration: Integration, road: Road, flow: Flow) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "mapped", flow.name])

    @dg.asset(
        key=key,
        deps=[
            *(dg.AssetKey([integration.name, "source", entity]) for entity in flow.reads),
            *(dg.AssetKey([integration.name, "reference", name]) for name in flow.joins),
        ],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, group_name=group(integration, "mapped"),
        kinds={"pandas", "parquet"}, owners=[integration.owner], tags={"layer": "mapped"}, code_version="1",
        description=f"{flow.description} As they will stand in the books: every line with its account and cost "
        "center from the mapping tables, balanced to the cent, or the document is held with the exact key that is "
        "missing.",
        check_specs=[
            dg.AssetCheckSpec("every_document_maps", asset=key, description="No document is held for a missing key."),
        ],
    )  # fmt: skip
    def map_documents(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.map_day import map_day

        session = sessions.session(integration.name)
        holds: dict[tuple[str, str], int] = {}
        currency = integration.options.currency

        def body(day: date) -> Mapping[str, Any]:
            mapped = map_day(session, flow, day)
            for reason, count in mapped.holds.items():
                holds[reason] = holds.get(reason, 0) + count
            ready = mapped.totals_minor.get("ready", 0)
            return {
                "dagster/partition_row_count": mapped.documents, "lines": mapped.lines, "facts": mapped.facts,
                **{name: mapped.counts.get(name, 0) for name in DISPOSITIONS},
                "ready_total": amount(ready, currency), "ready_amount": plotted(ready, currency),
            }  # fmt: skip

        result = each_day(context, body, mapping_version=session.mapping.version)
        rows = [
            {"code": code, "missing": missing, "documents": count} for (code, missing), count in sorted(holds.items())
        ]
        check = dg.AssetCheckResult(
            check_name="every_document_maps", passed=not holds, severity=dg.AssetCheckSeverity.WARN,
            description=None if not holds else MAP,
            metadata={"held": sum(holds.values()), "missing": table(rows, ("code", "missing", "documents"))},
        )  # fmt: skip
        return dg.MaterializeResult(metadata=result.metadata, check_results=[check])

    return map_documents
