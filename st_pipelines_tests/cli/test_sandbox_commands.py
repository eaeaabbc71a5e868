"""A running sandbox is changed and put back from the command line, by another process than the one that runs it."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from st_pipelines.sandbox.server import RunningSandbox, running_sandbox
from st_pipelines_tests.cli.command import CommandLine, command_line

CONTROLS = "/_sandbox"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningSandbox, Path]]:
    home = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(home) as running:
        yield running, home


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    return command_line(tmp_path)


def test_a_scenario_is_played_and_reset_puts_everything_back(
    sandbox: tuple[RunningSandbox, Path], run: CommandLine, tmp_path: Path
) -> None:
    running, home = sandbox
    source = running["servicetitan"] + CONTROLS
    invoice = next(
        one for one in httpx.get(f"{source}/state", params={"entity": "invoices"}).json()["records"] if one["active"]
    )
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({
        "servicetitan": {
            "clock": {"advance": 3600},
            "business": [{"action": "void_invoice", "invoice_id": invoice["id"]}],
            "faults": [{"action": "throttle"}, {"action": "delay", "seconds": 0.1}],
        },
        "qad": {"faults": {"action": "truncate", "count": 3}},
    }))  # fmt: skip
    done = run.here("sandbox", "load", str(scenario), "--home", str(home), "--json")
    assert done.code == 0, done.err
    assert [(one["system"], one["step"]) for one in done.json["done"]] == [
        ("servicetitan", "clock"), ("servicetitan", "business"), ("servicetitan", "faults"), ("servicetitan", "faults"),
        ("qad", "faults"),
    ]  # fmt: skip

    def held() -> tuple[bool, int, int]:
        mine = {"entity": "invoices", "id": str(invoice["id"])}
        (record,) = httpx.get(f"{source}/state", params=mine).json()["records"]
        armed = [len(httpx.get(f"{running[of]}{CONTROLS}/faults").json()["faults"]) for of in ("servicetitan", "qad")]
        return record["active"], armed[0], armed[1]

    assert held() == (False, 2, 1)
    back = run.here("sandbox", "reset", "--home", str(home), "--json")
    assert back.code == 0 and back.json["servicetitan"]["invoices"] > 0
    assert held() == (True, 0, 0)


def test_what_a_scenario_cannot_mean_is_told_before_anything_happens(
    sandbox: tuple[RunningSandbox, Path], run: CommandLine, tmp_path: Path
) -> None:
    running, home = sandbox
    before = httpx.get(f"{running['servicetitan']}{CONTROLS}/faults").json()["faults"]
    for content, said in (
        ('{"servicetitan": {"faults": [{"action": "throttle"}]}, "sap": {}}', "sap: not a system of this sandbox"),
        ('{"servicetitan": {"faults": [{"action": "throttle"}], "wether": []}}', "unknown wether"),
        ("[]", "not a readable scenario"),
    ):
        scenario = tmp_path / "scenario.json"
        scenario.write_text(content)
        done = run.here("sandbox", "load", str(scenario), "--home", str(home))
        assert (done.code, said in done.err) == (2, True), done.err
    assert httpx.get(f"{running['servicetitan']}{CONTROLS}/faults").json()["faults"] == before


def test_a_refusal_and_a_sandbox_that_is_not_there_are_told_in_a_sentence(
    sandbox: tuple[RunningSandbox, Path], run: CommandLine, tmp_path: Path
) -> None:
    _, home = sandbox
    scenario = tmp_path / "scenario.json"
    scenario.write_text('{"qad": {"faults": {"action": "explode"}}}')
    done = run.here("sandbox", "load", str(scenario), "--home", str(home))
    assert done.code == 3 and "unknown action 'explode'" in done.err
    nowhere = run.here("sandbox", "reset", "--home", str(tmp_path))
    assert nowhere.code == 3 and "sandbox up" in nowhere.err
