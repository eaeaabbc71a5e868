"""Sets up the demo company: key, connections, Dagster home, sandbox. Invariant: the same home is the same company, so a
second run finds what the first one posted.

Only the sandbox's public credentials are in here; they open nothing but a loopback server.
"""

import os
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from st_pipelines.assets.launch import prepare_home
from st_pipelines.credentials.keyring import KEY_VARIABLE, load_keyring, new_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.integrations.registry import Integration, load_integrations
from st_pipelines.sandbox.server import RunningSandbox, running_sandbox
from st_pipelines.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]

WEBHOOK_KEY = "whk.sandbox.0123456789abcdef0123456789ab"  # what the sandbox signs its webhooks with

# Settings and secrets of each sandbox system; ``{address}`` is where it listens this time.
SANDBOX_CONNECTIONS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, str]]] = {
    "servicetitan": (
        {"base_url": "{address}", "auth_url": "{address}", "tenant": "1234567", "quiet_period_s": 1.0},
        {
            "app_key": "ak1.sandbox",
            "client_id": "cid.sandbox",
            "client_secret": "cs.sandbox",
            "webhook_secret": WEBHOOK_KEY,
        },
    ),
    "qad": (
        {"base_url": "{address}", "client_id": "qad-client", "quiet_period_s": 1.0},
        {"username": "api.user", "password": "api.password"},
    ),
    "servicenow": (
        {
            "base_url": "{address}",
            "username": "qad.integration",
            "settle_s": 1.0,
            "quiet_period_s": 1.0,
            "rate_per_s": 1000.0,
        },
        {"client_id": "sn-client", "client_secret": "sn-secret", "webhook_secret": WEBHOOK_KEY},
    ),
}

# What a system must have in it, or how its instance is set up, where it is a source or target of that kind.
SANDBOX_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "servicenow": {"procurement": "yes", "currency_reading": "pair"},
}


@dataclass(frozen=True)
class DemoCompany:
    """``integrations``: ``integration`` and the one that goes the other way between the same two connections, in the
    order in which they run. ``month``: the last month of business in the sandbox, as ``2026-10``."""

    integration: Integration
    settings: Settings
    sandbox: RunningSandbox
    integrations: Sequence[Integration]
    month: str


def months_of(company: DemoCompany) -> tuple[date, date]:
    """First and last day of the months of business that the integration covers."""
    year, month = (int(part) for part in company.month.split("-"))
    return company.integration.first_day.replace(day=1), date(year, month, monthrange(year, month)[1])


@contextmanager
def demo_company(
    name: str, home: Path, *, size: str, ticking: bool = False, month: str = "2026-10"
) -> Iterator[DemoCompany]:
    """Everything running and connected. Points this process and its children at ``home`` by the environment."""
    home = home.resolve()
    environment = {
        "ST_PIPELINES_HOME": str(home),
        "DAGSTER_HOME": str(prepare_home(home / "dagster", REPOSITORY / "dagster.yaml")),
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
    }
    os.environ.update(environment)
    os.environ.setdefault("ST_PIPELINES_MAPPINGS", str(REPOSITORY / "mappings"))
    settings = Settings()
    known = load_integrations(settings.mappings)
    integration = next((each for each in known if each.name == name), None)
    if integration is None:
        raise LookupError(f"there is no integration {name!r} under {settings.mappings}")
    together = [each for each in known if _connections(each) == _connections(integration)]
    systems = (integration.source.system, integration.target.system)
    options = {name: value for system in systems for name, value in SANDBOX_OPTIONS.get(system, {}).items()}
    if options and not ticking:
        options["clock"] = min(each.first_day for each in together).isoformat()  # its life is lived while it runs
    with running_sandbox(
        home / "sandbox", systems=sorted(systems), size=size, month=month, ticking=ticking, settings=options
    ) as sandbox:
        _connect(integration, settings, sandbox)
        yield DemoCompany(integration, settings, sandbox, together, month)


def _connections(integration: Integration) -> set[str]:
    return {integration.source.connection, integration.target.connection}


def _connect(integration: Integration, settings: Settings, sandbox: RunningSandbox) -> None:
    if not os.environ.get(KEY_VARIABLE) and not settings.master_key_file.exists():
        settings.master_key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new_key_file(settings.master_key_file)
    engine = open_database(settings.ledger_url)
    upgrade(engine)
    vault = Vault(engine, load_keyring(default_file=settings.master_key_file))
    for side in (integration.source, integration.target):
        given, secrets = SANDBOX_CONNECTIONS[side.system]
        address = sandbox[side.system]
        vault.add(
            side.connection, side.system,
            {name: value.format(address=address) if isinstance(value, str) else value for name, value in given.items()},
            {name: Secret(value) for name, value in secrets.items()}, replace=True,
        )  # fmt: skip
    engine.dispose()
