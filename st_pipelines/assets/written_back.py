"""Write-back assets ``[integration, written_back, flow]``: the source is told which documents stand in the books.

Invariant: nothing is told that was not read back, and a day with an answer that is not known is not materialized; the
next run settles it. They exist only where the integration wants them (``options.mark_exported``).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import require_all
from st_pipelines.assets.metadata import table
from st_pipelines.assets.partitions import SINGLE_RUN, daily, group, source_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow

REFUSED = ("document", "told_as", "reason", "asked_again_after")


def written_back_asset(integration: Integration, flow: Flow) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "written_back", flow.name])
    system = integration.source.system

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "posted", flow.name])],
        partitions_def=daily(integration), backfill_policy=SINGLE_RUN, pool=source_pool(integration),
        group_name=group(integration, "written_back"), kinds={system}, owners=[integration.owner],
        tags={"layer": "written_back"}, code_version="1",
        description=f"{system} is told which {flow.name} stand in the books, with their number there, once they were "
        "read back.",
        check_specs=[
            dg.AssetCheckSpec("source_took_every_mark", asset=key, description=f"{system} refuses to mark no document.")
        ],
    )  # fmt: skip
    def tell(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.write_back import refusals, write_back

        session = sessions.session(integration.name)
        days = [date.fromisoformat(day) for day in context.partition_keys]
        done = write_back(session, flow, days, context.run.run_id, actor=f"dagster run {context.run.run_id}")
        context.log.info(f"flow={flow.name} told={done.told} said={dict(done.said)} stopped={done.stopped or 'no'}")
        finished = {
            day.isoformat(): _metadata(counts) for day, counts in done.days.items() if not _unsettled(counts)
        }  # fmt: skip
        unsettled = sorted({day.isoformat() for day in done.days} - finished.keys())
        require_all(context, finished, _what_to_do(system, unsettled, done.stopped))
        refused = refusals(session, flow)
        return dg.MaterializeResult(
            metadata={"connection": integration.source.connection, "told_now": done.told},
            check_results=[
                dg.AssetCheckResult(
                    check_name="source_took_every_mark", passed=not refused, severity=dg.AssetCheckSeverity.WARN,
                    description=_cure(system, len(refused)) if refused else None,
                    metadata={"refused": table(refused, REFUSED)},
                )
            ],
        )  # fmt: skip

    return tell


def _unsettled(counts: Mapping[str, int]) -> bool:
    return bool(counts["due"] or counts["unknown"])


def _metadata(counts: Mapping[str, int]) -> dict[str, Any]:
    return {"dagster/partition_row_count": sum(counts.values()), **counts}


def _what_to_do(system: str, unsettled: list[str], stopped: str) -> str:
    if stopped:
        return f"{system} could not be told: {stopped}. Nothing was lost; run these days again once it is mended."
    if not unsettled:
        return ""
    return (
        f"{len(unsettled)} day(s) have documents of which nobody knows whether {system} has marked them: "
        f"{', '.join(unsettled)}. Run them again: each record is read before it is marked."
    )


def _cure(system: str, refused: int) -> str:
    return (
        f"{system} refuses to mark {refused} document(s); the books are right all the same. Cure each reason there "
        "(a pending batch is posted, a locked one opened), then: st-pipelines marks again KEY --by YOU --reason WHY."
    )
