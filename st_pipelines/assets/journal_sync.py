"""The asset ``[integration, written_back, journal_entries]``: the source's own journal hears what is in the books.

Invariant: monthly, after the month was reconciled; it exists only where ``options.journal_sync`` is on. Running it
again says nothing twice, because each entry keeps what it was told.
"""

from datetime import date
from typing import Any

import dagster as dg

from st_pipelines.assets.days import require_all
from st_pipelines.assets.metadata import table
from st_pipelines.assets.partitions import SINGLE_RUN, group, monthly, source_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration

COLUMNS = ("entry", "outcome", "documents", "message")


def journal_asset(integration: Integration) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "written_back", "journal_entries"])
    system = integration.source.system

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "period", "control_totals"])],
        partitions_def=monthly(integration), backfill_policy=SINGLE_RUN, pool=source_pool(integration),
        group_name=group(integration, "written_back"), kinds={system}, owners=[integration.owner],
        tags={"layer": "written_back"}, code_version="1",
        description=f"Each journal entry of {system} is told whether its documents stand in the books: synced where "
        "all were read back, an error with our reason where one is held or rejected.",
        check_specs=[
            dg.AssetCheckSpec("journal_took_every_word", asset=key, description=f"{system} refuses no entry's status.")
        ],
    )  # fmt: skip
    def tell(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.journal_sync import rows, tell_journal

        session, actor = sessions.session(integration.name), f"dagster run {context.run.run_id}"
        done, stopped = list[Any](), ""
        for month in map(date.fromisoformat, context.partition_keys):
            told = tell_journal(session, month, context.run.run_id, actor)
            if told.stopped:
                stopped = (
                    f"{system} could not be told: {told.stopped}. Nothing was lost; run it again once it is mended."
                )
                break
            done.append(told)
        require_all(context, {one.month.isoformat(): dict(one.counts) for one in done}, stopped)
        failed = sum(len(told.failed) for told in done)
        return dg.MaterializeResult(
            metadata={"entries": table(rows(done), COLUMNS)},
            check_results=[
                dg.AssetCheckResult(
                    check_name="journal_took_every_word", passed=not failed, severity=dg.AssetCheckSeverity.WARN,
                    description=f"{failed} entries were not told: read their messages, cure them in {system}, run the "
                    "month again." if failed else None,
                )
            ],
        )  # fmt: skip

    return tell
