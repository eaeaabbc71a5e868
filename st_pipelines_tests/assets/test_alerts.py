"""Failed runs, failed checks of good runs and overdue assets reach people, once, with what to do and where to look."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import dagster_slack.resources
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.events import DagsterEvent, DagsterEventType
from slack_sdk.errors import SlackApiError

from st_pipelines.assets.alerts.channels import channels
from st_pipelines.assets.alerts.message import Alert
from st_pipelines.assets.alerts.sensor import OVERLAP, Cursor, alert_sensors
from st_pipelines.settings import Settings
from st_pipelines_tests.assets.loopback_servers import Received, mail_server, slack_server

DAILY = dg.DailyPartitionsDefinition("2026-10-01", end_date="2026-11-01")
KEY = dg.AssetKey(["acme", "reconciled", "invoices"])
UI = "https://dagster.acme.example"
CURE = "Open the report: it lists each variance with its cause and its cure."


@dg.asset(
    key=KEY, partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run(),
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=2)),
    check_specs=[dg.AssetCheckSpec("variance_is_zero", asset=KEY)],
    config_schema={"variance": dg.Field(str, default_value="0.00 USD"), "fault": dg.Field(str, default_value="")},
)  # fmt: skip
def invoices(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    if context.op_execution_context.op_config["fault"]:
        try:
            raise ValueError(context.op_execution_context.op_config["fault"])
        except ValueError as cause:
            raise RuntimeError("the step could not go on") from cause
    variance = context.op_execution_context.op_config["variance"]
    good = variance == "0.00 USD"
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(
        check_name="variance_is_zero", passed=good, description=None if good else CURE,
        metadata={"variance": variance},
    )])  # fmt: skip


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(temp_dir=str(tmp_path_factory.mktemp("dagster"))) as opened:
        yield opened


def run(instance: dg.DagsterInstance, last: str = "2026-10-06", **config: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [invoices], instance=instance, raise_on_error=False,
        run_config={"ops": {"acme__reconciled__invoices": {"config": config}}},
        tags={
            "st_pipelines/integration": "acme", "dagster/asset_partition_range_start": "2026-10-05",
            "dagster/asset_partition_range_end": last,
        },
    )  # fmt: skip


class Channel:
    """A sensor with its cursor, ticking as the daemon ticks it."""

    def __init__(self, instance: dg.DagsterInstance, settings: Settings, name: str) -> None:
        built = alert_sensors(settings, [dg.Definitions(assets=[invoices])])
        self.sensor = next(each for each in built if each.name == name)
        self.instance = instance
        known = [run.run_id for run in instance.get_runs()]  # other tests' runs are old news
        self.cursor = Cursor(datetime.now(UTC).isoformat(), told=known, overdue=[]).text()

    def tick(self) -> str:
        result: Any = self.sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        self.cursor = result.cursor
        return str(result.skip_reason.skip_message)


def settings(**given: Any) -> Settings:
    return Settings(ui_url=UI, _env_file=None, **given)  # type: ignore[call-arg]


@pytest.fixture
def mail() -> Iterator[Received]:
    with mail_server() as received:
        yield received


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    with slack_server() as received:
        real = dagster_slack.resources.WebClient
        here = functools.partial(real, base_url=f"http://127.0.0.1:{received.port}/api/")
        monkeypatch.setattr(dagster_slack.resources, "WebClient", here)
        monkeypatch.setenv("ST_PIPELINES_SLACK_TOKEN", "xoxb-secret")
        yield received


def by_mail(mail: Received) -> Settings:
    return settings(
        mail_to="controller@acme.example, data@acme.example", mail_from="pipelines@acme.example",
        smtp_host="127.0.0.1", smtp_port=mail.port, smtp_security="none",
    )  # fmt: skip


def test_a_variance_is_mailed_though_its_run_succeeded(instance: dg.DagsterInstance, mail: Received) -> None:
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    done = run(instance, variance="12.34 USD")
    assert done.success
    channel.tick()
    (sent,) = mail.mails
    assert sent["Subject"] == "[st_pipelines] acme, 2026-10-05 to 2026-10-06: 1 check failed"
    assert sent["To"] == "controller@acme.example, data@acme.example"
    text = sent.get_content()
    assert "Check variance_is_zero of acme/reconciled/invoices failed, variance 12.34 USD." in text
    assert f"What to do: {CURE}" in text
    assert f"{UI}/assets/acme/reconciled/invoices?view=checks&checkDetail=variance_is_zero" in text


def test_a_failed_run_reaches_slack_with_its_root_cause(instance: dg.DagsterInstance, slack: Received) -> None:
    channel = Channel(instance, settings(slack_channel="#books"), "alerts_to_slack")
    done = run(instance, fault="QAD 10USA_10USACO: period 2026-10 is closed")
    channel.tick()
    (sent,) = slack.posts
    assert (sent["path"], sent["channel"]) == ("/api/chat.postMessage", "#books")
    assert "period 2026-10 is closed" in sent["text"]
    assert "acme, 2026-10-05 to 2026-10-06" in sent["text"]
    assert f"{UI}/runs/{done.run_id}" in sent["text"]
    assert slack.tokens == ["Bearer xoxb-secret"]


def test_what_was_told_is_not_told_again_and_a_good_run_is_silent(
    instance: dg.DagsterInstance, mail: Received
) -> None:  # fmt: skip
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    run(instance, variance="1.00 USD")
    channel.tick()
    run(instance)
    assert channel.tick().startswith("Nothing to tell")
    run(instance, last="2026-10-05", variance="2.00 USD")
    channel.tick()
    assert [mail["Subject"].split(": ")[0].split(", ")[1] for mail in mail.mails] == [
        "2026-10-05 to 2026-10-06", "2026-10-05",
    ]  # fmt: skip


def test_what_cannot_be_delivered_is_tried_again(instance: dg.DagsterInstance, slack: Received) -> None:
    channel = Channel(instance, settings(slack_channel="#books"), "alerts_to_slack")
    run(instance, variance="1.00 USD")
    slack.refusing = True
    before = channel.cursor
    with pytest.raises(SlackApiError, match="channel_not_found"):
        channel.tick()
    assert channel.cursor == before
    slack.refusing = False
    channel.tick()
    assert len(slack.posts) == 1


def test_a_refused_recipient_is_no_delivery(instance: dg.DagsterInstance, mail: Received) -> None:
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    run(instance, variance="1.00 USD")
    mail.refusing = True
    with pytest.raises(OSError, match="nobody of that name"):
        channel.tick()
    mail.refusing = False
    channel.tick()
    assert len(mail.mails) == 1


def _freshness(instance: dg.DagsterInstance, state: FreshnessState) -> None:
    """What the daemon writes when it has evaluated the policy."""
    now = datetime.now(UTC).timestamp()
    change = FreshnessStateChange(
        key=KEY, new_state=state, previous_state=FreshnessState.UNKNOWN, state_change_timestamp=now
    )
    event = DagsterEvent(DagsterEventType.FRESHNESS_STATE_CHANGE.value, "", event_specific_data=change)
    instance.report_dagster_event(run_id="", dagster_event=event)


def test_an_overdue_asset_is_told_once_until_it_is_overdue_again(instance: dg.DagsterInstance, mail: Received) -> None:
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    for state, told in (("FAIL", 1), ("FAIL", 1), ("PASS", 1), ("FAIL", 2), ("PASS", 2)):
        _freshness(instance, FreshnessState(state))
        channel.tick()
        assert len(mail.mails) == told
    assert mail.mails[0]["Subject"] == "[st_pipelines] acme: 1 asset(s) overdue"
    assert "acme/reconciled/invoices was not refreshed in time." in mail.mails[0].get_content()


def test_a_secret_in_an_error_is_masked(instance: dg.DagsterInstance, mail: Received) -> None:
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    run(instance, fault="401 for client_secret=hush-hush")
    channel.tick()
    text = mail.mails[0].get_content()
    assert "client_secret=***" in text
    assert "hush-hush" not in text


def test_what_happened_before_the_first_tick_is_history(instance: dg.DagsterInstance, mail: Received) -> None:
    channel = Channel(instance, by_mail(mail), "alerts_to_mail")
    run(instance, variance="1.00 USD")
    channel.cursor = Cursor.read(None, datetime.now(UTC) + OVERLAP).text()
    assert channel.tick().startswith("Nothing to tell")


def test_a_channel_that_is_not_configured_is_neither_wired_nor_imported() -> None:
    program = (
        "import sys; from st_pipelines.definitions import defs; "
        "print([s.name for s in defs.get_repository_def().sensor_defs if 'alert' in s.name], "
        "any(name.startswith(('slack_sdk', 'dagster_slack')) for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "['alerts'] False"


@pytest.mark.parametrize("variable", ["ST_PIPELINES_SLACK_TOKEN", "ST_PIPELINES_SMTP_PASSWORD"])
def test_a_secret_that_is_not_there_is_named(
    mail: Received, slack: Received, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:  # fmt: skip
    monkeypatch.delenv(variable, raising=False)
    given = by_mail(mail).model_copy(update={"slack_channel": "#books", "smtp_user": "pipelines"})
    send = channels(given)["slack" if "SLACK" in variable else "mail"]
    with pytest.raises(RuntimeError, match=f"{variable} is not set"):
        send(Alert("subject", "text"))
    assert not mail.mails
    assert not slack.posts


def test_half_a_mail_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="ST_PIPELINES_MAIL_TO needs"):
        settings(mail_to="controller@acme.example")
    with pytest.raises(ValueError, match="open connection"):
        settings(smtp_security="none", smtp_user="pipelines")
