"""``st-pipelines up``: what somebody changes in the sandbox is told, received, and posted by Dagster's own daemon."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LINE = {"type": "Service", "quantity": "1", "price": "80.00"}
POSTED_S = 150.0


@pytest.fixture
def up(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Addresses by name; everything is stopped together afterwards."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ST_PIPELINES_", "DAGSTER_"))
    }
    command = [sys.executable, "-u", "-c", "from st_pipelines.cli.app import main; main()", "up", "--size", "small",
               "--port", "0", "--home", str(tmp_path)]  # fmt: skip
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        addresses, said = dict[str, str](), []
        for line in process.stdout:
            said.append(line)
            found = re.match(r"(\S+|Dagster UI)\s+(http://\S+)", line)
            if found:
                addresses[found[1]] = found[2]
            if "Ctrl-C" in line:
                break
        assert "webhooks" in addresses, said
        try:
            yield addresses
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def test_a_change_in_the_sandbox_shows_up_posted(up: dict[str, str], tmp_path: Path) -> None:
    answer = httpx.post(
        f"{up['servicetitan']}/_sandbox/business",
        json={"action": "add_invoice", "business_unit_id": 101, "lines": [LINE]},
        timeout=30,
    )
    key = f"ST:1234567:invoice:{answer.raise_for_status().json()['changed'][0]['id']}"
    until, found = time.monotonic() + POSTED_S, list[Any]()
    with closing(sqlite3.connect(f"file:{tmp_path / 'ledger.db'}?mode=ro", uri=True)) as ledger:
        while not found:
            assert time.monotonic() < until, (tmp_path / "dagster.log").read_text(errors="replace")[-3000:]
            time.sleep(0.5)  # the daemon tells nobody
            found = ledger.execute(
                "SELECT run_id FROM posting WHERE doc_key = ? AND state = 'posted'", (key,)
            ).fetchall()
    held = httpx.get(f"{up['qad'].partition('/clouderp')[0]}/_sandbox/state", params={"entity": "customer_invoices"})
    assert [one["customLong0"] for one in held.json()["records"]] == [key]
    ui = up["Dagster UI"].partition("/asset-groups")[0]
    question = {
        "query": "query Of($run: ID!) {runOrError(runId: $run) {... on Run {jobName}}}",
        "variables": {"run": found[0][0]},
    }
    assert httpx.post(f"{ui}/graphql", json=question, timeout=60).json()["data"]["runOrError"]["jobName"] == (
        "demo_qad_events"
    )
