"""Alignment assets ``[integration, parties, customers|vendors]``: where the parties of both systems stand, and what
only the target has or changed is sent to the source. Invariant: while a proposal is open the check is red and says
which command settles it. They exist only where ``integration.yaml`` has a section ``parties``.
"""

from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from st_pipelines.assets.automation import layer_job, layer_schedule
from st_pipelines.assets.metadata import table
from st_pipelines.assets.partitions import group, source_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow

OPEN = ("source", "source_name", "other", "other_name", "because")


def parties_asset(integration: Integration, flow: Flow, role: str) -> dg.AssetsDefinition:
    key = dg.AssetKey([integration.name, "parties", flow.name])
    source, target = integration.source.system, integration.target.system

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "posted", flow.name])], pool=source_pool(integration),
        group_name=group(integration, "parties"), kinds={source, target}, owners=[integration.owner],
        tags={"layer": "parties"}, code_version="1",
        description=f"Which {role} of {source} is which of {target}. Exact keys that are unique link by themselves; "
        f"the rest waits for a person. What only {target} has, or changed where it has the say, is sent to {source}.",
        check_specs=[
            dg.AssetCheckSpec("no_party_waits_for_a_person", asset=key,
                              description="Every likely pair was linked or told apart, and no field is in conflict."),
        ],
    )  # fmt: skip
    def align(context: dg.AssetExecutionContext, sessions: Sessions) -> dg.MaterializeResult:
        from st_pipelines.integrations.align_parties import standing
        from st_pipelines.integrations.parties_back import send_back

        session = sessions.session(integration.name)
        both_ways = integration.parties is not None and integration.parties.both_ways
        done = send_back(session, role, context.run.run_id, f"dagster run {context.run.run_id}") if both_ways else None
        if done is not None and done.stopped:
            raise dg.Failure(f"Sending parties to {source} stopped: {done.stopped}. Nothing was lost; run it again "
                             "once it is mended.", allow_retries=False)  # fmt: skip
        now = standing(session, role)
        conflicts = now.conflicts | {reference for reference, _ in done.conflicts} if done else now.conflicts
        open_ones, waits = len(now.proposed), len(now.proposed) + len(conflicts)
        return dg.MaterializeResult(
            metadata={
                "linked": now.linked, "created": now.created, "created_in_source": now.created_in_source,
                "proposed": open_ones, "conflicts": len(conflicts), "separate": now.separate,
                "sent_to_source": done.sent if done else 0, "in_step": done.in_step if done else 0,
                "waiting_pairs": table(now.proposed, OPEN),
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="no_party_waits_for_a_person", passed=not waits, description=_cure(open_ones, conflicts),
                    metadata={"waiting_pairs": table(now.proposed, OPEN)},
                )
            ],
        )  # fmt: skip

    return align


def parties_job(integration: Integration) -> AssetJob:
    return layer_job(
        integration, "parties",
        "Compare the parties of both systems and send what only the target has, or changed, to the source.",
    )  # fmt: skip


def parties_schedule(integration: Integration, job: AssetJob) -> list[dg.ScheduleDefinition]:
    return layer_schedule(
        integration, job, integration.schedules.parties,
        "Customers and vendors of both systems are compared; what only the target has goes to the source.",
    )  # fmt: skip


def _cure(proposed: int, conflicts: Any) -> str | None:
    said = []
    if proposed:
        said.append(
            f"{proposed} likely pair(s) wait: compare them with st-pipelines parties list --state proposed, then "
            "parties link or parties separate, with --by and --reason; the next run goes on with them."
        )
    if conflicts:
        said.append(
            f"{len(conflicts)} part(ies) were changed on both sides ({', '.join(sorted(conflicts)[:5])}): enter the "
            "right value in both systems."
        )
    return " ".join(said) or None
