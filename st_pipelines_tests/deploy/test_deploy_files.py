"""The files of ``deploy/`` agree with each other and with the settings; none holds a secret."""

import re
from typing import Any

import pytest
import yaml

from st_pipelines.assets.alerts.channels import SLACK_TOKEN, SMTP_PASSWORD
from st_pipelines.cli.audit import KEY_VARIABLE as AUDIT_KEY
from st_pipelines.credentials.keyring import KEY_VARIABLE
from st_pipelines.settings import Settings
from st_pipelines_tests.deploy import services

EXAMPLE = (services.DEPLOY / ".env.example").read_text(encoding="utf-8")
COMPOSE: Any = yaml.safe_load((services.DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SECRETS = (SLACK_TOKEN, SMTP_PASSWORD, AUDIT_KEY, KEY_VARIABLE)


def named() -> dict[str, str]:
    """Every variable of the example, those that are off too."""
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_the_example_names_every_setting_and_no_secret() -> None:
    assert {f"ST_PIPELINES_{name.upper()}" for name in Settings.model_fields} <= named().keys()
    for name in SECRETS:
        assert named()[name] == "", name
    for name, value in named().items():
        assert not re.search(r"://[^/@\s]+:[^/@\s]+@", value), name


def test_the_example_is_a_working_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services.example().items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None).ledger_url.startswith("postgresql+psycopg2://")  # type: ignore[call-arg]


@pytest.mark.parametrize("name", services.services())
def test_a_unit_runs_as_its_own_user_and_comes_back(name: str) -> None:
    unit = services.unit(name)
    assert unit["User"] == "st_pipelines"
    assert unit["Restart"] == "on-failure"
    assert unit["EnvironmentFile"] == "/etc/st_pipelines/env"
    target = (services.DEPLOY / "systemd" / "st-pipelines.target").read_text()
    assert name in target
    used = set(re.findall(r"\$\{(\w+)\}", unit["ExecStart"]))
    assert used <= services.example().keys()


def test_compose_runs_the_programs_of_the_units() -> None:
    """Addresses differ, because containers reach each other by name; programs and other options do not."""

    def words(command: list[str]) -> list[str]:
        ports = {"-h", "--host", "-p", "--port", "--metrics-port"}
        kept, skip = [], False
        for word in command:
            if not skip and word not in ports:
                kept.append(word)
            skip = word in ports
        return kept

    units = {name: services.command(name, services.example() | services.free_ports()) for name in services.services()}
    for name, command in units.items():
        short = name.removeprefix("st-pipelines-").removesuffix(".service")
        mine = [word.rsplit("/", 1)[-1] if "/.venv/" in word else word for word in command]
        assert words(COMPOSE["services"][short]["command"]) == words(mine[1:] if "python" in mine[0] else mine)


def test_the_two_instance_files_differ_in_storage_only() -> None:
    embedded = yaml.safe_load((services.REPOSITORY / "dagster.yaml").read_text())
    production = yaml.safe_load((services.DEPLOY / "dagster.yaml").read_text())
    assert embedded.pop("event_log_storage")
    assert production.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_PG_URL"}}}
    assert embedded == production
