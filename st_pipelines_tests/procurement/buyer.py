"""A manufacturer under test: QAD with its orders and receipts, a ServiceNow instance, a ledger between them.

``live`` and ``wanted`` are an oracle of their own: they read the books of both sandboxes and add up by hand.
"""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import yaml

from st_pipelines.cli.demo_company import SANDBOX_CONNECTIONS, SANDBOX_OPTIONS
from st_pipelines.cli.one_pass import Pass, align, chosen_flows, days_between, post, read_days
from st_pipelines.credentials.keyring import load_keyring, new_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database
from st_pipelines.database.migrate import upgrade
from st_pipelines.integrations.reconcile import Reconciled, reconcile_month
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.session import Session
from st_pipelines.sandbox.server import RunningSandbox, running_sandbox
from st_pipelines.settings import Settings

DEMO = Path(__file__).resolve().parents[2] / "mappings" / "demo_servicenow"
LIFE = days_between(date(2026, 9, 1), date(2026, 11, 2))  # two months, and the day on which the sandbox's clock stands
Sums = dict[tuple[str, str], tuple[Decimal, Decimal]]  # (order, line) to pieces and money


@dataclass
class Buyer:
    home: Path
    sandbox: RunningSandbox
    folder: Path = DEMO
    database_url: str = ""

    @property
    def settings(self) -> Settings:
        url = self.database_url or f"sqlite:///{self.home / 'ledger.db'}"
        return Settings(home=self.home, database_url=url, mappings=self.folder.parent)

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session(load_integration(self.folder), self.settings) as session:
            yield session

    def connect(self, **changes: Any) -> None:
        settings = self.settings
        if not settings.master_key_file.exists():
            settings.master_key_file.parent.mkdir(parents=True, exist_ok=True)
            new_key_file(settings.master_key_file)
        engine = open_database(settings.ledger_url)
        upgrade(engine)
        vault, integration = (
            Vault(engine, load_keyring(default_file=settings.master_key_file)),
            load_integration(self.folder),
        )
        for side in (integration.source, integration.target):
            given, secrets = SANDBOX_CONNECTIONS[side.system]
            filled = {name: value.format(address=self.sandbox[side.system]) if isinstance(value, str) else value
                      for name, value in given.items()}  # fmt: skip
            vault.add(side.connection, side.system, {**filled, **changes.get(side.system, {})},
                      {name: Secret(value) for name, value in secrets.items()}, replace=True)  # fmt: skip
        engine.dispose()

    def run(self, days: Sequence[date] = LIFE, *, codes_first: bool = True) -> Pass:
        with self.session() as session:
            flows, run_id = chosen_flows(session, ()), str(uuid4())
            codes = align(session, run_id, "tests", lambda _: None) if codes_first else []
            read_days(session, flows, days, run_id, lambda _: None)
            done = post(session, flows, days, run_id, "tests", lambda _: None)
            return replace(done, sent=done.sent + sum(one.sent + one.sent_back for one in codes))

    def month(self, first: date) -> Reconciled:
        with self.session() as session:
            return reconcile_month(session, first, "reconciling")

    # ------------------------------------------------------------------------------------------------- their side
    def origin(self, system: str) -> str:
        parts = urlsplit(self.sandbox[system])
        return f"{parts.scheme}://{parts.netloc}"

    def state(self, system: str, entity: str) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.origin(system)}/_sandbox/state", params={"entity": entity})
        return list(json.loads(answer.text, parse_float=Decimal)["records"])

    def writes(self, system: str) -> int:
        return sum(one["method"] == "POST" and "/import/" in one["path"] for one in self.log(system))

    def log(self, system: str) -> list[dict[str, Any]]:
        """Every request that the sandbox saw."""
        seen = httpx.get(f"{self.origin(system)}/_sandbox/log", params={"limit": 100_000}).json()
        return list(seen["requests"])

    def act(self, system: str, **order: Any) -> Any:
        answer = httpx.post(f"{self.origin(system)}/_sandbox/business", json=order)
        answer.raise_for_status()
        return answer.json()

    def arm(self, system: str, **fault: Any) -> None:
        httpx.post(f"{self.origin(system)}/_sandbox/faults", json=fault).raise_for_status()

    def received_in_qad(self) -> dict[tuple[str, str], Decimal]:
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in self.state("qad", "receipts"):
            sums[row["purchaseOrderNumber"], str(row["purchaseOrderLine"])] += Decimal(str(row["quantityReceived"]))
        return dict(sums)

    def received_in_servicenow(self) -> dict[tuple[str, str], Decimal]:
        orders = {row["sys_id"]: row["erp_number"] for row in self.state("servicenow", "sn_shop_purchase_order")}
        lines = {row["sys_id"]: (orders[row["purchase_order"]], row["erp_line_number"])
                 for row in self.state("servicenow", "sn_shop_purchase_order_line")}  # fmt: skip
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in self.state("servicenow", "sn_shop_receipt"):
            sums[lines[row["purchase_order_line"]]] += Decimal(row["quantity_received"])
        return dict(sums)


@contextmanager
def buyer(
    home: Path, *, copied_from: Path | None = None, size: str = "small", database_url: str = "", **changes: Any
) -> Iterator[Buyer]:
    """``changes`` go into ``integration.yaml`` of a copy of the demo's folder. ``copied_from``: another one's home."""
    folder = home / "mappings" / "demo_servicenow"
    if copied_from is None:
        shutil.copytree(DEMO, folder)
    else:
        shutil.copytree(copied_from, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.db-wal", "*.db-shm"))
    content = yaml.safe_load((folder / "integration.yaml").read_text())
    content.update(changes)
    (folder / "integration.yaml").write_text(yaml.safe_dump(content))
    with running_sandbox(
        home / "sandbox", systems=("qad", "servicenow"), size=size, settings=SANDBOX_OPTIONS["servicenow"]
    ) as sandbox:
        made = Buyer(home, sandbox, folder, database_url)
        made.connect()
        yield made
