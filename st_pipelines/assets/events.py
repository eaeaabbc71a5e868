"""The event asset ``[integration, events, documents]`` and its sensor: what webhooks name, posted within seconds.

Invariant: the inbox decides what is to be done, Dagster only when: a run that dies leaves its deliveries waiting, and
two runs post nothing twice. Not partitioned: a posting is counted by the day on which its record was modified.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from st_pipelines.assets.metadata import amount, plotted, table
from st_pipelines.assets.partitions import group, run_tags, target_pool
from st_pipelines.assets.resources import Sessions
from st_pipelines.integrations.registry import Integration
from st_pipelines.integrations.road import Flow

SENSOR_TAG = "dagster/sensor_name"  # Dagster sets it on runs that a sensor requested
DOCUMENTS = ("document", "flow", "state", "amount", "number", "day")
REASONS = ("deliveries", "reason")
AFTER_FAILURE = timedelta(seconds=60)  # a run that died before it could put its deliveries off is not followed at once
LATE_S = 900.0  # an event that waits longer is worth a look; polling posts its document meanwhile


def events_key(integration: Integration) -> dg.AssetKey:
    return dg.AssetKey([integration.name, "events", "documents"])


def events_asset(integration: Integration, flows: Sequence[Flow]) -> dg.AssetsDefinition:
    key, source, target = events_key(integration), integration.source, integration.target
    joined = sorted({name for flow in flows for name in flow.joins})

    @dg.asset(
        key=key, deps=[dg.AssetKey([integration.name, "reference", name]) for name in joined], output_required=False,
        pool=target_pool(integration), group_name=group(integration, "events"), kinds={source.system, target.system},
        owners=[integration.owner], tags={"layer": "events"}, code_version="1",
        description=f"Documents that webhooks of {source.system} name: read again by id, mapped, posted to "
        f"{target.connection} and read back. The daily assets find them posted; without webhooks they post them.",
        check_specs=[
            dg.AssetCheckSpec("variance_is_zero", asset=key,
                              description="Source and target agree on every business date that the events touched."),
            dg.AssetCheckSpec("books_hold_what_was_planned", asset=key,
                              description="Each document that was posted reads back as it was planned."),
            dg.AssetCheckSpec("inbox_is_empty", asset=key,
                              description=f"No delivery has waited for more than {LATE_S / 60:.0f} minutes."),
        ],
    )  # fmt: skip
    def post_events(context: dg.AssetExecutionContext, sessions: Sessions) -> Iterator[Any]:
        from st_pipelines.integrations.events import rounds, waiting

        session = sessions.session(integration.name)
        # A run that a person starts ends when nothing is due; one of the sensor's waits a little for the next event.
        linger_s = integration.events.linger_s if SENSOR_TAG in context.run.tags else 0.0
        done = []
        for one in rounds(session, context.run.run_id, f"dagster run {context.run.run_id}", linger_s=linger_s):
            done.append(one)
            metadata = _metadata(one, waiting(session), integration.options.currency)
            context.log_event(dg.AssetMaterialization(key, metadata=metadata))
            context.log.info(f"deliveries={one.deliveries} settled={dict(one.settled)} sent={one.sent.sent}")
        yield from _checks(key, done, waiting(session))

    return post_events


def events_job(integration: Integration) -> AssetJob:
    """Runs beside the daily job, not after it: a backfill of a year must not keep today's invoices waiting."""
    return dg.define_asset_job(
        f"{integration.name}_events", selection=dg.AssetSelection.assets(events_key(integration)),
        run_tags={**run_tags(integration, "events"), "dagster/priority": "10"},
        description="Post what webhooks name, until the inbox is empty.",
    )  # fmt: skip


def events_sensor(integration: Integration, job: AssetJob) -> dg.SensorDefinition:
    """Looks into the inbox; requests a run when something is due and none is under way. Starts stopped, as the
    schedules do."""

    @dg.sensor(
        name=f"{integration.name}_events", job=job, minimum_interval_seconds=integration.events.every_s,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Posts what webhooks of {integration.source.system} name within seconds of their arrival.",
    )  # fmt: skip
    def look_into_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from st_pipelines.integrations.event_inbox import peek
        from st_pipelines.settings import Settings

        inbox = peek(integration, Settings())
        last = context.instance.get_run_records(dg.RunsFilter(job_name=job.name), limit=1)
        if not inbox.due:
            return dg.SkipReason(f"Nothing is due. {inbox.text}")
        if last and not last[0].dagster_run.is_finished:
            return dg.SkipReason(f"Run {last[0].dagster_run.run_id} is under way. {inbox.text}")
        if last and last[0].dagster_run.is_failure and _ended(last[0]) > datetime.now(UTC) - AFTER_FAILURE:
            return dg.SkipReason(f"Run {last[0].dagster_run.run_id} has just failed; read its error. {inbox.text}")
        # The same inbox is not requested twice; after a run that died it is (dagster.md: a run key is for ever).
        run_key = f"{inbox.due}@{last[0].dagster_run.run_id if last else 'first'}"
        context.log.info(inbox.text)
        return dg.SensorResult([dg.RunRequest(run_key=run_key)], cursor=inbox.due)

    return look_into_inbox


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time or 0, UTC)


def _metadata(one: Any, lag: Any, currency: str) -> Mapping[str, Any]:
    states: dict[str, int] = {}
    for document in one.documents.values():
        states[document.state] = states.get(document.state, 0) + 1
    posted = [d.amount_minor for d in one.documents.values() if d.state == "posted" and d.currency == currency]
    variance = sum(found.variance_minor for found in one.reconciled.values())
    rows = [
        {"document": d.label or d.doc_key, "flow": d.flow, "state": d.state, "number": d.number,
         "amount": amount(d.amount_minor, d.currency), "day": d.partition_key} for d in one.documents.values()
    ]  # fmt: skip
    reports = {f"report_{name}": dg.MetadataValue.path(found.report_path) for name, found in one.reconciled.items()}
    return {
        "deliveries": one.deliveries, **{name: one.settled[name] for name in ("done", "ignored", "postponed")},
        "dagster/row_count": len(one.documents), **dict(sorted(states.items())), "sent": one.sent.sent,
        "posted_total": amount(sum(posted), currency), "posted_amount": plotted(sum(posted), currency),
        "variance": amount(variance, currency), "variance_amount": plotted(variance, currency),
        "seconds_since_oldest_arrived": round(one.age_s, 1), "seconds": one.seconds,
        "waiting": lag.pending, "oldest_waits_s": round(lag.oldest_age_s, 1),
        "documents": table(rows, DOCUMENTS),
        "not_done": table([{"deliveries": n, "reason": text} for text, n in one.reasons.items()], REASONS),
        **reports,
    }  # fmt: skip


def _checks(key: dg.AssetKey, done: Sequence[Any], lag: Any) -> Iterator[dg.AssetCheckResult]:
    variant = [name for one in done for name, found in one.reconciled.items() if not found.is_clean]
    differing = [name for one in done for name in one.sent.differing]
    late = lag.oldest_age_s > LATE_S
    yield dg.AssetCheckResult(
        asset_key=key, check_name="variance_is_zero", passed=not variant,
        description=f"Open the report of {', '.join(variant)}: each variance has its cause." if variant else None,
    )  # fmt: skip
    yield dg.AssetCheckResult(
        asset_key=key, check_name="books_hold_what_was_planned", passed=not differing,
        description="Differs from the plan: " + ", ".join(differing) if differing else None,
    )  # fmt: skip
    yield dg.AssetCheckResult(
        asset_key=key, check_name="inbox_is_empty", passed=not late, severity=dg.AssetCheckSeverity.WARN,
        description=f"The oldest has waited for {lag.oldest_age_s:.0f} s; the last run says why." if late else None,
        metadata={"waiting": lag.pending, "oldest_waits_s": round(lag.oldest_age_s, 1)},
    )  # fmt: skip
