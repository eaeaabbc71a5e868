"""Dagster's databases are made before several processes open them at once."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from st_pipelines.assets.launch import make_storage, prepare_home
from st_pipelines.cli.demo_company import REPOSITORY

OPEN = "import dagster as dg\nwith dg.DagsterInstance.get() as one: one.get_runs(limit=1); one.all_asset_keys()"


def test_two_processes_find_whole_databases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = prepare_home(tmp_path / "dagster", REPOSITORY / "dagster.yaml")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    make_storage()
    made = {path.relative_to(home) for path in home.rglob("*.db")}
    assert {Path("history/runs.db"), Path("history/runs/index.db"), Path("schedules/schedules.db")} <= made
    workers = [subprocess.Popen([sys.executable, "-c", OPEN], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        _, said = worker.communicate(timeout=120)
        assert worker.returncode == 0, said
    with sqlite3.connect(home / "history" / "runs.db") as runs:
        assert len(runs.execute("SELECT version_num FROM alembic_version").fetchall()) == 1
