"""A year of days on which nothing happened: all daily assets of the integration in one Dagster run."""

import os
import re
import shutil
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DAYS = 365
ELSEWHERE = "2024-01"  # the month of the sandbox's business: none of the days has a record
MAPPINGS = Path(__file__).resolve().parents[1] / "mappings"


def run() -> list[dict[str, Any]]:
    """Rows for ``bench``: name, value, unit, bar, ok, note."""
    last = datetime.now(UTC).date() - timedelta(days=2)
    first = last - timedelta(days=DAYS - 1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ.pop("ST_PIPELINES_DATABASE_URL", None)
        os.environ["ST_PIPELINES_MAPPINGS"] = str(_mappings(home / "mappings", first))
        # Imported only now: definitions are made of the mappings folder that the environment names.
        from bench.rerun import seen
        from st_pipelines.assets.launch import run_job
        from st_pipelines.cli.demo_company import demo_company

        with demo_company("demo_qad", home / "home", size="small", month=ELSEWHERE) as company:
            from st_pipelines.definitions import defs

            run_job(defs, "demo_qad_reference")
            seen(company.sandbox)
            times = [_timed(lambda: run_job(defs, "demo_qad_daily", first, last)) for _ in range(2)]
            asked, writes = seen(company.sandbox)
            _require_all(first, last)
    (wall, cpu), (again, again_cpu) = times
    return [
        _row(f"{DAYS} empty days in one run", wall, "s", 60.0, f"{cpu:.1f} s CPU; all daily assets, with all events"),
        _row("the same days again", again, "s", None, f"{again_cpu:.1f} s CPU"),
        *(_row(f"requests to {system}, both runs", count, "requests", None, "") for system, count in asked.items()),
        _row("writes sent", writes, "writes", 0, "by QAD's own log"),
    ]  # fmt: skip


def _mappings(folder: Path, first: date) -> Path:
    shutil.copytree(MAPPINGS / "demo_qad", folder / "demo_qad")
    path = folder / "demo_qad" / "integration.yaml"
    text, changed = re.subn(r"(?m)^first_day:.*$", f"first_day: {first}", path.read_text(encoding="utf-8"))
    if changed != 1:
        raise RuntimeError("integration.yaml has no first_day to change")
    path.write_text(text, encoding="utf-8")
    return folder


def _timed(work: Any) -> tuple[float, float]:
    wall, cpu = time.monotonic(), time.process_time()
    work()
    return time.monotonic() - wall, time.process_time() - cpu


def _require_all(first: date, last: date) -> None:
    """Every partition of every daily asset is materialized, or the figure means nothing."""
    import dagster as dg

    from st_pipelines.definitions import defs

    with dg.DagsterInstance.get() as instance:
        for key in defs.resolve_job_def("demo_qad_daily").asset_layer.executable_asset_keys:
            found = instance.get_materialized_partitions(key)
            missing = [day for n in range((last - first).days + 1) if (day := str(first + timedelta(n))) not in found]
            if missing:
                raise RuntimeError(
                    f"{key.to_user_string()}: {len(missing)} days are not materialized, e.g. {missing[0]}"
                )


def _row(name: str, value: float, unit: str, bar: float | None, note: str) -> dict[str, Any]:
    value = round(value, 2)
    return {"name": name, "value": value, "unit": unit, "bar": bar, "ok": bar is None or value <= bar, "note": note}


if __name__ == "__main__":
    for row in run():
        print(row)
