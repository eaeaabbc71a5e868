"""Code assets ``[integration, codes, cost_centers|…]``: one list of codes of both systems, brought to one. Invariant: a
difference that is left after a run is named, with what to do; counts of both sides are there to plot.

They exist only for the lists that ``integration.yaml`` names under ``codes``.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from st_pipelines.assets.automation import layer_job, layer_schedule
from st_pipelines.assets.metadata import table
from st_pipelines.assets.partitions import group, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration

LAYER, AGREE, WAITS = "codes", "both_sides_hold_the_same_codes", "no_code_waits_for_a_person"
DIFFERENCES = ("code", "source", "target", "to_do")


def code_asset(integration: Integration, name: str) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, LAYER, name])
    source, target = integration.source.system, integration.target.system

    @dg.asset(
        key=key, pool=target_pool(integration), group_name=group(integration, LAYER), kinds={source, target},
        owners=[integration.owner], tags={"layer": LAYER}, code_version="1",
        description=f"The {name.replace('_', ' ')} of {source} and {target}: made, renamed, retired and taken back on "
        "the other side as their owner says, never deleted. Two lists that agree cost a look and no write.",
        check_specs=[
            dg.AssetCheckSpec(AGREE, asset=key, description="Each code in use stands on both sides, named alike."),
            dg.AssetCheckSpec(WAITS, asset=key, description="No code is held, and each was taken as it was sent."),
        ],
    )  # fmt: skip
    def align(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.align_codes import align_codes

        done = align_codes(sessions.session(integration.name), name, context.run.run_id,
                           f"dagster run {context.run.run_id}")  # fmt: skip
        if done.stopped:
            raise dg.Failure(f"Writing {name} stopped: {done.stopped}. Nothing was lost; run it again once it is "
                             "mended.", allow_retries=False)  # fmt: skip
        rows = [{"code": one.code, "source": one.source, "target": one.target, "to_do": one.to_do}
                for one in done.differences]  # fmt: skip
        shown = {"differences": table(rows, DIFFERENCES)}
        return dg.MaterializeResult(
            metadata={
                f"in_use_{source}": done.active[0], f"in_use_{target}": done.active[1], "on_both_sides": done.pairs,
                f"sent_to_{target}": done.sent, f"sent_to_{source}": done.sent_back, "held": done.held,
                "different": len(rows), **shown,
            },
            check_results=[
                dg.AssetCheckResult(check_name=AGREE, passed=not rows, metadata=shown, description=_first(rows)),
                dg.AssetCheckResult(
                    check_name=WAITS, passed=not (done.held or done.differing),
                    metadata={"held": done.held, "read_back_otherwise": len(done.differing)},
                    description=_waiting(done),
                ),
            ],
        )  # fmt: skip

    return align


def codes_job(integration: Integration) -> AssetJob:
    return layer_job(
        integration, LAYER, "Bring cost centers, accounts and terms of both systems to one, before documents name them."
    )  # fmt: skip


def codes_schedule(integration: Integration, job: AssetJob) -> list[dg.ScheduleDefinition]:
    return layer_schedule(
        integration, job, integration.schedules.codes,
        "Codes of both systems are compared; each side is told what the other has the say of.",
    )  # fmt: skip


def _first(rows: Sequence[dict[str, str]]) -> str | None:
    if not rows:
        return None
    one = rows[0]
    more = f" And {len(rows) - 1} more, in the table." if len(rows) > 1 else ""
    return f"{one['code'] or 'A record without a code'}: {one['source'] or 'not in the source'}; " \
           f"{one['target'] or 'not in the target'}. {one['to_do']}{more}"  # fmt: skip


def _waiting(done: Any) -> str | None:
    said = [f"{done.held} code(s) wait: st-pipelines holds list shows both records side by side."] if done.held else []
    if done.differing:
        said.append(f"{', '.join(done.differing[:5])} read back otherwise than written: see rights and transform maps.")
    return " ".join(said) or None
