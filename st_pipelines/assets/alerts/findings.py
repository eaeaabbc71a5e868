"""What is wrong, as Dagster recorded it: failed runs, failed checks of good runs, assets that are overdue.

Invariant: a check that failed is told whether its run succeeded or not; what a person must do is the check's or the
failure's own sentence.
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState

from st_pipelines.assets.alerts.message import Alert, Finding, alert
from st_pipelines.assets.launch import PARTITION, RANGE_END, RANGE_START

RUN_AGAIN = "Open the run, mend what it names, then run these days again: nothing is posted twice."
OVERDUE = (
    "See whether the schedules are on, the daemon is healthy (Deployment) and the last run succeeded; then run the "
    "missing days again. docs/runbooks/outage-and-backfill.md"
)


def of_run(instance: dg.DagsterInstance, run: dg.DagsterRun, ui_url: str) -> Alert | None:
    """Nothing where the run succeeded and all its checks passed."""
    failed = run.status == dg.DagsterRunStatus.FAILURE
    findings = [_failure(instance, run)] if failed else []
    checks = _failed_checks(instance, run)
    findings += checks
    if not findings:
        return None
    headline = f"the run {run.job_name} failed" if failed else _count(len(checks), "check")
    return alert(_integration(run), _days(run), headline, findings, ui_url)


def overdue(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> list[dg.AssetKey]:
    """Those whose freshness policy says that they should have been refreshed by now. Evaluated by Dagster's daemon."""
    records = instance.get_freshness_state_records(keys)
    return sorted((key for key, one in records.items() if one.freshness_state == FreshnessState.FAIL), key=_text)


def of_overdue(keys: Iterable[dg.AssetKey], ui_url: str) -> list[Alert]:
    """One message an integration."""
    by_integration: dict[str, list[Finding]] = {}
    for key in keys:
        found = Finding(f"{_text(key)} was not refreshed in time.", OVERDUE, _page(key))
        by_integration.setdefault(key.path[0], []).append(found)
    return [alert(name, "", f"{len(some)} asset(s) overdue", some, ui_url) for name, some in by_integration.items()]


def _failure(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Finding:
    """The first step that failed, in the words of its root cause."""
    path = f"/runs/{run.run_id}"
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.get_dagster_event()
        failure = event.step_failure_data
        told = failure.user_failure_data.description if failure.user_failure_data else None
        error = failure.error
        while error is not None and error.cause is not None:
            error = error.cause
        what = told or (error.message if error else None) or "no message"
        return Finding(f"{event.step_key}: {what}", RUN_AGAIN, path)
    return Finding("No step failed: the run's process died or was ended by run monitoring.", RUN_AGAIN, path)


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[Finding]:
    findings = []
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.get_dagster_event().asset_check_evaluation_data
        if check.passed:
            continue
        variance = _shown(check.metadata, "variance")
        what = f"Check {check.check_name} of {_text(check.asset_key)} failed{variance}."
        path = f"{_page(check.asset_key)}?view=checks&checkDetail={check.check_name}"
        findings.append(Finding(what, check.description or RUN_AGAIN, path))
    return findings


def _shown(metadata: Mapping[str, dg.MetadataValue], name: str) -> str:
    value = metadata[name].value if name in metadata else None
    return f", {name} {value}" if isinstance(value, str) else ""


def _days(run: dg.DagsterRun) -> str:
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    if first and last and first != last:
        return f"{first} to {last}"
    return first or run.tags.get(PARTITION, "")


def _integration(run: dg.DagsterRun) -> str:
    """By its tag; a run of assets that were picked by hand has none, their keys name it."""
    picked = {key.path[0] for key in run.asset_selection or ()}
    return run.tags.get("st_pipelines/integration") or ", ".join(sorted(picked)) or run.job_name


def _count(number: int, what: str) -> str:
    return f"1 {what} failed" if number == 1 else f"{number} {what}s failed"


def _text(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _page(key: dg.AssetKey) -> str:
    return f"/assets/{_text(key)}"
