"""The sensors that tell people: one writes the log, one more for each configured channel.

Invariant: each channel has its own cursor, which moves only over what was delivered: a mail server that is down delays
mails and repeats nothing in Slack.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import dagster as dg

from st_pipelines.assets.alerts.channels import Send, channels
from st_pipelines.assets.alerts.findings import of_overdue, of_run, overdue
from st_pipelines.assets.alerts.message import Alert
from st_pipelines.settings import Settings
from st_pipelines.systems.http.redact import one_line

FINISHED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
RUNS_A_TICK = 50
OVERLAP = timedelta(seconds=60)  # a run may be written a little later than its own time says
REMEMBERED = 500  # runs; an end that is written twice is told once


@dataclass
class Cursor:
    """``after``: instant of the last run looked at. ``told``: runs looked at lately. ``overdue``: keys told already."""

    after: str
    told: list[str] = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, given: str | None, now: datetime) -> Self:
        """The first tick starts now: what happened before is history."""
        return cls(**json.loads(given)) if given else cls(now.isoformat())

    def text(self) -> str:
        self.told = self.told[-REMEMBERED:]
        return json.dumps(asdict(self))


def alert_sensors(settings: Settings, watching: Sequence[dg.Definitions]) -> list[dg.SensorDefinition]:
    """Of ``watching`` every asset that has a freshness policy can be overdue; runs are watched all."""
    watched = [key for definitions in watching for key in _with_freshness(definitions)]
    sensors = [_sensor("alerts", "Writes every alert into the log of its tick.", None, settings.ui_url, watched)]
    for name, send in channels(settings).items():
        about = f"Sends every alert to {name}. Red ticks: it cannot be delivered; it is tried again with the next tick."
        sensors.append(_sensor(f"alerts_to_{name}", about, send, settings.ui_url, watched))
    return sensors


def _with_freshness(definitions: dg.Definitions) -> list[dg.AssetKey]:
    assets = [each for each in definitions.assets or () if isinstance(each, dg.AssetsDefinition)]
    return [spec.key for each in assets for spec in each.specs if spec.freshness_policy is not None]


def _sensor(
    name: str, about: str, send: Send | None, ui_url: str, watched: Sequence[dg.AssetKey]
) -> dg.SensorDefinition:
    @dg.sensor(
        name=name, description=f"{about} Failed runs, failed checks, overdue assets.", minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )  # fmt: skip
    def tell(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = Cursor.read(context.cursor, datetime.now(UTC))
        deliver = send or (lambda alert: context.log.error(alert.text))
        told = _told(context.instance, cursor, watched, ui_url, deliver, context.log.warning)
        return dg.SensorResult(
            cursor=cursor.text(),
            skip_reason=f"{told} alert(s)" if told else "Nothing to tell: no failed run or check, nothing overdue.",
        )

    return tell


def _told(
    instance: dg.DagsterInstance, cursor: Cursor, watched: Sequence[dg.AssetKey], ui_url: str, deliver: Send,
    warn: Callable[[str], None],
) -> int:  # fmt: skip
    """Delivers what is new and moves the cursor over it. Raises where the first message cannot be delivered; where a
    later one cannot, the next tick begins with it."""
    delivered = 0

    def delivers(alert: Alert) -> bool:
        nonlocal delivered
        try:
            deliver(alert)
        except Exception as fault:  # whatever the channel raises: the cursor stays before this message
            if not delivered:
                raise
            warn(f"not delivered, tried again with the next tick: {alert.subject}: {one_line(str(fault))}")
            return False
        delivered += 1
        return True

    since = datetime.fromisoformat(cursor.after) - OVERLAP
    records = instance.get_run_records(
        dg.RunsFilter(statuses=list(FINISHED), updated_after=since),
        order_by="update_timestamp", ascending=True, limit=RUNS_A_TICK + REMEMBERED,
    )  # fmt: skip
    for record in [one for one in records if one.dagster_run.run_id not in cursor.told][:RUNS_A_TICK]:
        found = of_run(instance, record.dagster_run, ui_url)
        if found is not None and not delivers(found):
            return delivered
        cursor.told.append(record.dagster_run.run_id)
        cursor.after = max(cursor.after, record.update_timestamp.isoformat())
    late = overdue(instance, watched)
    new = [key for key in late if key.to_user_string() not in cursor.overdue]
    for alert in of_overdue(new, ui_url):
        if not delivers(alert):
            return delivered
    cursor.overdue = [key.to_user_string() for key in late]
    return delivered
