"""The production variant, started for real from the unit files: all services on PostgreSQL, a run through the queue of
the daemon, health answered, everything stopped cleanly."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, text

from st_pipelines.cli.demo_company import SANDBOX_CONNECTIONS
from st_pipelines.credentials.keyring import load_keyring
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database
from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.deploy import services

READY_S = 240.0  # of one service or run; the processors are shared with whatever else runs
pytestmark = pytest.mark.timeout(900)
LAUNCH = """mutation($run: ExecutionParams!) { launchRun(executionParams: $run) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
HEALTH = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


@dataclass
class Production:
    environment: dict[str, str]
    logs: Path
    started: dict[str, "subprocess.Popen[bytes]"]

    def ask(self, query: str, **variables: Any) -> Any:
        url = f"http://127.0.0.1:{self.environment['ST_PIPELINES_UI_PORT']}/graphql"
        answer = httpx.post(url, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def receiver(self, path: str, port: str = "RECEIVER") -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.environment[f'ST_PIPELINES_{port}_PORT']}{path}")

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Asks until it holds; a service that died ends the waiting with its own words."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            for name, process in self.started.items():
                if process.poll() is not None:
                    pytest.fail(f"{name} ended: {(self.logs / f'{name}.log').read_text()[-3000:]}")
            try:
                if holds():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)  # other processes: nothing to wait on but their answer
        pytest.fail(f"{what}: not within {READY_S} s")


def _databases(postgres_url: str) -> tuple[str, str]:
    """The ledger's and Dagster's, made by the statement that compose runs."""
    ledger = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    name = f"{postgres_url.partition('?')[0].rsplit('/', 1)[1]}_dagster"
    statement = next(
        line
        for line in (services.DEPLOY / "create-databases.sql").read_text().splitlines()
        if not line.startswith("--")
    )
    with ledger.connect() as connection:
        connection.execute(text(statement.replace("st_pipelines_dagster", name)))
    ledger.dispose()
    return postgres_url, postgres_url.replace(name.removesuffix("_dagster"), name)


def _cli(environment: dict[str, str], *arguments: str) -> None:
    program = "from st_pipelines.cli.app import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=services.REPOSITORY, env=environment, check=True,
        capture_output=True,
    )  # fmt: skip


@pytest.fixture
def production(postgres_url: str, tmp_path: Path) -> Iterator[Production]:
    """The steps of ``deploy/README.md``, then every service."""
    ledger, dagster = _databases(postgres_url)
    home = tmp_path / "home"
    (home / "dagster").mkdir(parents=True, mode=0o700)
    (home / "dagster" / "dagster.yaml").write_text((services.DEPLOY / "dagster.yaml").read_text())
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("ST_PIPELINES_", "DAGSTER_"))}
    environment = outside | services.example() | services.free_ports() | {
        "ST_PIPELINES_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"),
        "ST_PIPELINES_MAPPINGS": str(services.REPOSITORY / "mappings"),
        "ST_PIPELINES_DATABASE_URL": ledger, "DAGSTER_PG_URL": dagster,
    }  # fmt: skip
    _cli(environment, "connections", "new-key")
    _cli(environment, "database", "upgrade")
    with running_sandbox(tmp_path / "sandbox", size="small") as sandbox:
        engine = open_database(ledger)
        vault = Vault(engine, load_keyring({}, home / "keys" / "master.key"))
        for system in ("servicetitan", "qad"):
            given, secrets = SANDBOX_CONNECTIONS[system]
            address = sandbox[system]
            filled = {name: value.format(address=address) if isinstance(value, str) else value
                      for name, value in given.items()}  # fmt: skip
            vault.add(f"demo_{system}", system, filled, {name: Secret(value) for name, value in secrets.items()})
        engine.dispose()
        with services.running(environment, tmp_path) as started:
            yield Production(environment, tmp_path, started)


def _run(production: Production, job: str, tags: dict[str, str]) -> None:
    selector = {"repositoryLocationName": "st_pipelines", "repositoryName": "__repository__", "pipelineName": job}
    run = {
        "selector": selector, "mode": "default", "runConfigData": {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }  # fmt: skip
    launched = production.ask(LAUNCH, run=run)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    ended: list[str] = []

    def has_ended() -> bool:
        ended[:] = [production.ask(STATUS, id=launched["run"]["runId"])["runOrError"]["status"]]
        return ended[0] in ("SUCCESS", "FAILURE", "CANCELED")

    production.until(job, has_ended)
    assert ended == ["SUCCESS"]


def _one(engine: Engine, statement: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def test_all_services_run_on_postgresql_and_stop_cleanly(production: Production) -> None:
    production.until("the receiver", lambda: production.receiver("/readyz").status_code == 200)
    assert production.receiver("/healthz").status_code == 200
    assert b"st_pipelines" in production.receiver("/metrics", "METRICS").content
    production.until("the UI", lambda: bool(production.ask("{ version }")["version"]))
    production.until("the code server", lambda: "demo_qad_daily" in str(production.ask(
        "{ repositoriesOrError { ... on RepositoryConnection { nodes { pipelines { name } } } } }"
    )))  # fmt: skip
    check = [
        sys.executable,
        "-m",
        "dagster",
        "api",
        "grpc-health-check",
        "-p",
        production.environment["ST_PIPELINES_CODE_PORT"],
    ]
    assert subprocess.run(check, env=production.environment, capture_output=True, check=False).returncode == 0

    _run(production, "demo_qad_reference", {})
    _run(production, "demo_qad_daily", {"dagster/partition": "2026-10-06"})

    needed = [
        each for each in production.ask(HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"] if each["required"]
    ]
    assert {each["daemonType"] for each in needed} >= {"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR", "BACKFILL"}
    assert all(each["healthy"] for each in needed), needed

    ledger = create_engine(production.environment["ST_PIPELINES_DATABASE_URL"])
    dagster = create_engine(production.environment["DAGSTER_PG_URL"])
    assert _one(ledger, "SELECT count(*) FROM posting WHERE state = 'posted'") > 0
    assert _one(dagster, "SELECT count(*) FROM runs WHERE status = 'SUCCESS'") == 2
    ledger.dispose()
    dagster.dispose()

    assert set(services.stop(production.started).values()) == {0}
    assert not services.left(production.started)
