"""The sandbox as a process: addresses, a graceful end, a crash, and the same books afterwards."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.sandbox.qad_client import Qad, invoice

COMMAND = [sys.executable, "-m", "st_pipelines.sandbox.server"]


def session(address: str, workspace: str = "10USA_10USACO") -> Qad:
    origin, base = address[: -len("/clouderp/demo")], "/clouderp/demo"
    return Qad(origin, workspace, base).login()


def test_a_killed_sandbox_keeps_every_acknowledged_record(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, systems=["qad"]) as first:
        qad = session(first["qad"])
        code = qad.customer()["customerCode"]
        kept = [qad.create("customerInvoices", **invoice(code, f"{n}.01")) for n in range(1, 6)]
        old_token = qad.token
        first.kill()
        with pytest.raises(httpx.TransportError):
            qad.get("/api/webshell/workspaces")
    with running_sandbox(tmp_path, systems=["qad"]) as second:
        qad = session(second["qad"])
        assert [one["invoiceAmountTC"] for one in qad.state("customer_invoices")] == [
            one["invoiceAmountTC"] for one in kept
        ]
        assert len(qad.state("gl_entries")) == 10
        assert qad.create("customerInvoices", **invoice(code, "9.00"))["voucherNumber"] == 6
        qad.token = old_token
        assert qad.get("/api/webshell/workspaces").status_code == 401


def test_it_announces_its_addresses_once_they_answer(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox:
        assert set(sandbox.addresses) == {"servicetitan", "qad"}
        assert json.loads((tmp_path / "addresses.json").read_bytes()) == sandbox.addresses
        for address in sandbox.addresses.values():
            assert httpx.get(address + "/_sandbox/state").json()["entities"]
        assert sandbox.stop() == 0


def test_sigterm_and_a_vanished_parent_end_it_gracefully(tmp_path: Path) -> None:
    for position, end in enumerate(("term", "parent")):
        home = tmp_path / str(position)
        process = subprocess.Popen(
            [*COMMAND, "--home", str(home), "--systems", "qad", "--until-stdin-closes"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        assert json.loads(process.stdout.readline())["qad"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGTERM) if end == "term" else process.stdin.close()
        assert process.wait(timeout=10) == 0
        process.stdin.close()
        process.stdout.close()


def test_the_clock_goes_on_from_where_it_stood(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, systems=["qad"]) as first:
        httpx.post(first["qad"] + "/_sandbox/clock", json={"advance": 3600})
    with running_sandbox(tmp_path, systems=["qad"]) as second:
        assert httpx.get(second["qad"] + "/_sandbox/clock").json()["now"] == "2026-11-02T13:00:00.000Z"


def test_another_month_moves_the_clock_and_the_periods(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, systems=["qad"], month="2027-12") as sandbox:
        assert httpx.get(sandbox["qad"] + "/_sandbox/clock").json()["now"] == "2028-01-02T12:00:00.000Z"
        qad = session(sandbox["qad"])
        opened = [(p["year"], p["period"]) for p in qad.rows("glPeriods") if p["isOpen"]]
        assert opened == [(2027, 11), (2027, 12), (2028, 1), (2028, 2)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--systems", "sap"], "unknown systems"), (["--month", "10/2026"], "2026-10"), (["--set", "x"], "NAME=VALUE")],
)
def test_wrong_usage_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    ended = subprocess.run([*COMMAND, "--home", str(tmp_path), *arguments], capture_output=True, text=True)
    assert ended.returncode != 0 and said in ended.stderr


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "qad.db").write_bytes(b"not a database" * 100)
    with pytest.raises(RuntimeError, match="not a database"), running_sandbox(tmp_path, systems=["qad"]):
        pass
