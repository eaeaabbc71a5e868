"""``st-pipelines up``: the demo company, the sandboxes, the receiver and the Dagster UI, left running until Ctrl-C.

Invariant: everything listens on loopback only, and everything is stopped together. What somebody changes in the
sandbox is told by a webhook and shows up posted; for that, and only here, the events sensor is switched on.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console

from st_pipelines.cli.demo import HOME

READY_S = 120.0
_START_SENSOR = """mutation Start($which: SensorSelector!) {
  startSensor(sensorSelector: $which) { __typename ... on PythonError { message } ... on UnauthorizedError { message } }
}"""
_START_RUN = """mutation Run($what: ExecutionParams!) {
  launchRun(executionParams: $what) { __typename ... on PythonError { message } ... on UnauthorizedError { message } }
}"""


def up(
    integration: Annotated[str, typer.Argument(help="A demo integration.")] = "demo_qad",
    home: Annotated[Path, typer.Option(help="Home of the demo; the same as `demo` uses.")] = HOME,
    size: Annotated[str, typer.Option(help="small, demo or large; of a new home.")] = "demo",
    port: Annotated[int, typer.Option(help="Port of the Dagster UI; 0 takes a free one.")] = 3000,
) -> None:
    """Start sandboxes, receiver and the Dagster UI and print their addresses."""
    from st_pipelines.cli.demo_company import REPOSITORY, demo_company
    from st_pipelines.cli.demo_events import receiving, register

    console = Console()
    chosen = port or _free_port()
    with demo_company(integration, home, size=size, ticking=True) as company, receiving() as receiver:
        tells = "servicetitan" in company.sandbox.addresses  # the other sandboxes send nothing by themselves
        if tells:
            register(company, receiver)
        log = (home / "dagster.log").open("ab")
        dagster = subprocess.Popen(
            [str(Path(sys.executable).with_name("dg")), "dev", "--host", "127.0.0.1", "--port", str(chosen)],
            cwd=REPOSITORY, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{chosen}"
            with console.status("Dagster starts …"):
                _wait_until_ready(dagster, f"{address}/server_info", home / "dagster.log")
                _start_listening(address, [one.name for one in company.integrations], tells)
            console.print(f"Dagster UI     {address}/asset-groups", soft_wrap=True, highlight=False)
            for system, where in company.sandbox.addresses.items():
                console.print(f"{system:<14} {where}", soft_wrap=True, highlight=False)
            console.print(f"{'webhooks':<14} {receiver}", soft_wrap=True, highlight=False)
            if tells:
                console.print("A change in the sandbox shows up posted: st-pipelines sandbox load --help")
            console.print("Ctrl-C stops everything.")
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            dagster.wait()
        except KeyboardInterrupt:
            console.print("stopping")
        finally:
            if dagster.poll() is None:
                os.killpg(dagster.pid, signal.SIGTERM)
                dagster.wait()
            log.close()


def _start_listening(address: str, integrations: Sequence[str], tells: bool) -> None:
    """Switches the events sensor on where the source tells of changes, as a person does in the UI. Without reference
    data nothing could be mapped, so a new home reads it first: the same job that a person would start."""
    where = {"repositoryName": "__repository__", "repositoryLocationName": "st_pipelines"}
    for name in integrations:
        if tells:
            _ask(address, _START_SENSOR, {"which": {**where, "sensorName": f"{name}_events"}})
        of_job = {"selector": {**where, "jobName": f"{name}_reference"}, "runConfigData": {}, "mode": "default"}
        _ask(address, _START_RUN, {"what": of_job})


def _ask(address: str, question: str, variables: dict[str, Any]) -> None:
    answer = httpx.post(f"{address}/graphql", json={"query": question, "variables": variables}, timeout=60)
    said = answer.raise_for_status().json()
    faults = [str(one.get("message", one)) for one in said.get("errors", ())]
    faults += [value["message"] for value in (said.get("data") or {}).values() if value.get("message")]
    if faults:
        raise RuntimeError(f"Dagster refuses: {'; '.join(faults)}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Connecting is tried again by the transport until the webserver answers, at most ``READY_S``."""
    until = time.monotonic() + READY_S
    with httpx.Client(transport=httpx.HTTPTransport(retries=3), timeout=5.0) as client:
        while process.poll() is None and time.monotonic() < until:
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.3)  # nothing to wait on: another program's port opens without telling us
    raise RuntimeError(f"Dagster did not start; see {log}")
