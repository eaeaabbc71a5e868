"""The demo company under test: a sandbox process, a ledger, and what both systems themselves say about it.

``Company.live`` and ``Company.wanted`` are an oracle of their own: they read the books of the two sandboxes and add up
by hand, so that neither mapping nor ledger nor reconciliation is asked whether it did right.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from st_pipelines.audit.verify import verify
from st_pipelines.cli.demo_company import SANDBOX_CONNECTIONS
from st_pipelines.cli.one_pass import Pass, chosen_flows, days_between, post, read_days, tell
from st_pipelines.credentials.keyring import load_keyring, new_key_file
from st_pipelines.credentials.secret import Secret
from st_pipelines.credentials.vault import Vault
from st_pipelines.database.engine import open_database, reading
from st_pipelines.database.migrate import upgrade
from st_pipelines.integrations.map_day import MappedDay
from st_pipelines.integrations.reconcile import Reconciled, reconcile_month
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.session import Session
from st_pipelines.integrations.write_back import WriteBack
from st_pipelines.posting.holds import release
from st_pipelines.posting.totals import check_identity
from st_pipelines.sandbox.server import RunningSandbox, running_sandbox
from st_pipelines.settings import Settings
from st_pipelines_tests.cli.command import CommandLine, Ran

Record = dict[str, Any]
DEMO = Path(__file__).resolve().parents[2] / "mappings" / "demo_qad"
MONTH = days_between(date(2026, 10, 1), date(2026, 11, 1))
LATE = date(2026, 11, 2)  # where the sandbox's clock stands: changes made now are modified on this day
QUIET_S = 0.7  # how long QAD may still work on a request that was cut off
_VOUCHERS = {"customer_invoices": "invoice", "customer_payments": "payment", "supplier_invoices": "bill"}
_ELIGIBLE = ("Posted", "Exported")


def unattended(_: str) -> None:
    """Progress that nobody watches."""


@dataclass
class Company:
    """One company on one home. ``mappings`` holds the folder ``demo_qad``; ``changes`` change its connections."""

    home: Path
    sandbox: RunningSandbox
    mappings: Path = DEMO.parent
    database_url: str = ""

    # ------------------------------------------------------------------------------------------------- our side

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, mappings=self.mappings, database_url=self.database_url, _env_file=None)  # type: ignore[call-arg]

    def connect(self, **changes: Mapping[str, Any]) -> None:
        """(Re)writes both connections; ``servicetitan={…}`` or ``qad={…}`` change settings of one."""
        key_file = self.settings.master_key_file
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new_key_file(key_file)
        engine = open_database(self.settings.ledger_url)
        upgrade(engine)
        vault = Vault(engine, load_keyring({}, key_file))
        for system in ("servicetitan", "qad"):
            given, secrets = SANDBOX_CONNECTIONS[system]
            settings = {name: value.format(address=self.sandbox[system]) if isinstance(value, str) else value
                        for name, value in given.items()}  # fmt: skip
            if system == "qad":
                settings |= {"quiet_period_s": QUIET_S, "request_deadline_s": 8.0}
            vault.add(f"demo_{system}", system, {**settings, **changes.get(system, {})},
                      {name: Secret(value) for name, value in secrets.items()}, replace=True)  # fmt: skip
        engine.dispose()

    @contextmanager
    def session(self) -> Iterator[Session]:
        with Session(load_integration(self.mappings / "demo_qad"), self.settings) as opened:
            yield opened

    def read(self, days: Sequence[date], flows: Sequence[str] = ()) -> list[MappedDay]:
        """Reference data and the days' records, read and mapped."""
        with self.session() as session:
            return read_days(session, chosen_flows(session, flows), days, "run", unattended)

    def post(self, days: Sequence[date], flows: Sequence[str] = ()) -> Pass:
        """What the store has of these days, planned and posted."""
        with self.session() as session:
            return post(session, chosen_flows(session, flows), days, "run", "test", unattended)

    def tell(self, days: Sequence[date]) -> dict[str, WriteBack]:
        """ServiceTitan is told what stands in QAD; by flow."""
        with self.session() as session:
            told = tell(session, chosen_flows(session, ()), days, f"tell-{uuid4().hex}", "test", unattended)
        return {one.flow: one for one in told}

    def run(self, days: Sequence[date], flows: Sequence[str] = ()) -> Pass:
        self.read(days, flows)
        return self.post(days, flows)

    def settle(self, days: Sequence[date], *, most: int = 6) -> list[Pass]:
        """Runs what was read already until nothing is left to send or to settle."""
        runs = []
        for _ in range(most):
            runs.append(self.post(days))
            if not self.open():
                return runs
        raise AssertionError(f"after {most} runs still open: {self.open()}")

    def environment(self) -> dict[str, str]:
        """For processes of their own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_PIPELINES_")}
        given = {
            "ST_PIPELINES_HOME": str(self.home),
            "ST_PIPELINES_MAPPINGS": str(self.mappings),
            "ST_PIPELINES_DATABASE_URL": self.database_url,
        }
        return kept | given

    def command(self, *arguments: str, limited: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
        """``st-pipelines …`` as a process of its own, its output caught; ``limited`` is done in it before it starts."""
        return self._process("from st_pipelines.cli.app import main; main()", *arguments, limited=limited)

    def _process(
        self, program: str, *arguments: str, limited: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment(), cwd=self.home,
            preexec_fn=limited,
        )  # fmt: skip

    def poster(self, days: Sequence[date], *, limited: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
        """A process of its own that posts what the store has of these days; prints how many writes it sent."""
        program = (
            "import sys; from datetime import date; from pathlib import Path; "
            "from st_pipelines.cli.one_pass import chosen_flows, post; "
            "from st_pipelines.integrations.registry import load_integration; "
            "from st_pipelines.integrations.session import Session; from st_pipelines.settings import Settings; "
            "settings = Settings(); integration = load_integration(settings.mappings / 'demo_qad'); "
            "session = Session(integration, settings).__enter__(); "
            "days = [date.fromisoformat(day) for day in sys.argv[1:]]; "
            "print(post(session, chosen_flows(session, ()), days, 'run', 'test', lambda _: None).sent)"
        )
        return self._process(program, *(day.isoformat() for day in days), limited=limited)

    def said(self, *arguments: str) -> tuple[int, str]:
        """Exit code and everything that ``st-pipelines …`` said, ``here``."""
        ran = self.here(*arguments)
        return ran.code, ran.out + ran.err

    def here(self, *arguments: str) -> Ran:
        """``st-pipelines …`` by its entry point in this process: the same, without a process's start."""
        return CommandLine(self.home, self.environment()).here(*arguments)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of the ledger."""
        engine = open_database(self.settings.ledger_url)
        try:
            with reading(engine) as connection:  # waits for nobody, not even for a process that was stopped
                return list(connection.execute(text(statement), values))
        finally:
            engine.dispose()

    def open(self) -> Counter[tuple[str, str]]:
        """Postings that may still be sent or are not known, by flow and state."""
        found = self.rows(
            "SELECT flow, state, count(*) AS n FROM posting p WHERE state IN ('sending', 'unknown') OR "
            "(state = 'planned' AND NOT EXISTS (SELECT 1 FROM posting_need w WHERE w.posting_id = p.posting_id "
            "AND w.satisfied_at IS NULL)) GROUP BY flow, state"
        )
        return Counter({(row.flow, row.state): row.n for row in found})

    def held(self) -> dict[str, tuple[str, str]]:
        """Document key to code and reason of each held posting."""
        found = self.rows("SELECT doc_key, reason_code, reason FROM posting WHERE state = 'held' ORDER BY posting_id")
        return {row.doc_key: (row.reason_code, row.reason) for row in found}

    def release(self, code: str) -> int:
        """What a person does about everything that is held for this reason; gives how many that were."""
        found = self.rows("SELECT posting_id FROM posting WHERE state = 'held' AND reason_code = :code", code=code)
        with self.session() as session:
            ids = [row.posting_id for row in found]
            release(session.engine, session.context("decision", "test"), ids, by="Ann", reason="not in QAD")
        return len(found)

    def postings(self, doc_key: str) -> list[tuple[str, str, str]]:
        """(op, state, external reference) of one document, in order."""
        found = self.rows(
            "SELECT op, state, external_ref FROM posting WHERE doc_key = :key AND state <> 'superseded' ORDER BY seq",
            key=doc_key,
        )
        return [(row.op, row.state, row.external_ref) for row in found]

    # ------------------------------------------------------------------------------------------------- the sandboxes

    def control(self, system: str, path: str, content: Any = None, *, method: str = "") -> Any:
        """A control route of a sandbox."""
        verb = method or ("GET" if content is None else "POST")
        answer = httpx.request(verb, f"{self.sandbox[system]}/_sandbox/{path}", json=content, timeout=30)
        answer.raise_for_status()
        return json.loads(answer.content, parse_float=Decimal) if answer.content else None

    def records(self, system: str, entity: str) -> list[Record]:
        found: list[Record] = self.control(system, f"state?entity={entity}")["records"]
        return found

    def record(self, entity: str, identity: int) -> Record:
        return next(one for one in self.records("servicetitan", entity) if one["id"] == identity)

    def business(self, action: str, **arguments: Any) -> list[Record]:
        """Something that people do in ServiceTitan."""
        changed: list[Record] = self.control("servicetitan", "business", {"action": action, **arguments})["changed"]
        return changed

    def arm(self, system: str, *faults: Record) -> None:
        self.control(system, "faults", list(faults))

    def await_fault(self, system: str) -> None:
        """Returns when an armed failure of this system has fired: a request is there and has no answer yet."""
        until = time.monotonic() + 60
        while not any(one["fired"] for one in self.control(system, "faults")["faults"]):
            assert time.monotonic() < until, f"{system} was never asked"
            time.sleep(0.02)  # the sandbox tells nobody of a request before it has answered it

    def disarm(self) -> dict[str, int]:
        """How often each armed action fired; all are off afterwards."""
        fired: Counter[str] = Counter()
        for system in self.sandbox.addresses:
            for fault in self.control(system, "faults")["faults"]:
                fired[f"{system} {fault['action']}"] += fault["fired"]
            self.control(system, "faults", method="DELETE")
        return dict(fired)

    # ------------------------------------------------------------------------------------------------- the oracle

    def live(self) -> dict[str, Decimal]:
        """What stands in QAD: document key to its signed amount; a void takes away what it undoes. Fails where a
        document stands twice, or where a reference is on two records."""
        stands: Counter[str] = Counter()
        sums: dict[str, Decimal] = {}
        seen: Counter[str] = Counter()
        for entity in _VOUCHERS:
            for one in self.records("qad", entity):
                reference = one["customLong0"]
                seen[reference] += 1
                key = document_key(reference)
                void = reference.endswith(":void")
                if entity == "customer_payments":
                    if one["paymentStatus"] == "Voided":
                        continue
                    amount = Decimal(one["amountTC"]) * (-1 if one["paymentType"] == "Refund" else 1)
                else:
                    amount = Decimal(one["invoiceAmountTC"]) * (-1 if one["invoiceType"] == "Credit Note" else 1)
                stands[key] += -1 if void else 1
                sums[key] = sums.get(key, Decimal(0)) + amount
        assert not {key: n for key, n in seen.items() if n > 1}, "a reference is on more than one record in QAD"
        assert not {key: n for key, n in stands.items() if n not in (0, 1)}, "a document stands more than once in QAD"
        gone = {key: sums[key] for key, n in stands.items() if not n and sums[key]}
        assert not gone, f"a voided document left an amount: {gone}"
        return {key: sums[key] for key, n in stands.items() if n}

    def wanted(self) -> dict[str, Decimal]:
        """What ServiceTitan says ought to stand: active, posted or exported, not zero; of bills what was received."""
        found = {}
        for one in self.records("servicetitan", "invoices"):
            if one["active"] and one["syncStatus"] in _ELIGIBLE and Decimal(one["total"]):
                found[f"ST:1234567:invoice:{one['id']}"] = Decimal(one["total"])
        for one in self.records("servicetitan", "payments"):
            if one["active"] and one["syncStatus"] in _ELIGIBLE and Decimal(one["total"]):
                found[f"ST:1234567:payment:{one['id']}"] = Decimal(one["total"])
        received = {one["id"] for one in self.records("servicetitan", "purchase_orders")
                    if one["status"] in ("Received", "Exported")}  # fmt: skip
        lines = {line["id"] for one in self.records("servicetitan", "receipts") if one["active"]
                 for line in one["items"]}  # fmt: skip
        for one in self.records("servicetitan", "bills"):
            came = all(item["receiptItemId"] in lines or (item["receiptItemId"] is None
                       and one["purchaseOrderId"] in received) for item in one["items"])  # fmt: skip
            if one["active"] and one["syncStatus"] in _ELIGIBLE and came and Decimal(one["billAmount"]):
                found[f"ST:1234567:bill:{one['id']}"] = Decimal(one["billAmount"])
        return found

    def reconciled(self, month: date = MONTH[0]) -> Reconciled:
        with self.session() as session:
            return reconcile_month(session, month, "test")

    def require_proof(self, *, but: Mapping[str, Decimal] | None = None) -> None:
        """Both books agree document by document, our own reconciliation agrees with that, trail and totals hold.

        ``but``: documents that ServiceTitan wants and that are rightly not there (held), with their amounts."""
        missing = dict(but or {})
        assert self.live() == {key: amount for key, amount in self.wanted().items() if key not in missing}
        postings = self.rows(
            "SELECT DISTINCT substr(business_date, 1, 7) AS month FROM posting WHERE amount_minor <> 0"
        )
        for month in sorted(row.month for row in postings):
            found = self.reconciled(date.fromisoformat(f"{month}-01"))
            kept = {one.doc_key for one in found.result.causes} - missing.keys()
            assert not kept, [row for row in found.cause_rows if row["document"] in kept]
            if not missing:
                assert (found.is_clean, found.variance_minor) == (True, 0)
        with self.session() as session:
            audit = verify(session.engine)
            assert audit.ok, audit.findings
            identity = check_identity(session.engine, "demo_qad")
            assert identity.holds, identity.breaks


def document_key(reference: str) -> str:
    """``ST:1234567:invoice:42:2:void`` is about ``ST:1234567:invoice:42``."""
    return ":".join(reference.split(":")[:4])


@contextmanager
def started(
    home: Path,
    *,
    copied_from: Path | None = None,
    mappings: Path | None = None,
    database_url: str = "",
    settings: Mapping[str, str] | None = None,
) -> Iterator[Company]:
    """A company with a running sandbox and written connections, on a copy of another one's home if so wished."""
    if copied_from is not None:
        shutil.copytree(copied_from, home, ignore=shutil.ignore_patterns("*.db-wal", "*.db-shm"))
    with running_sandbox(home / "sandbox", size="small", settings=settings) as sandbox:
        company = Company(home, sandbox, mappings or only_demo_qad(home), database_url)
        company.connect()
        yield company


def only_demo_qad(home: Path) -> Path:
    """A mappings folder with the demo company alone: a command that names no integration means it."""
    folder = home / "mappings_of_one"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "demo_qad").exists():
        (folder / "demo_qad").symlink_to(DEMO)
    return folder


def copied_mappings(folder: Path) -> Path:
    """A mappings folder of one's own, to be edited; gives the folder above ``demo_qad``."""
    shutil.copytree(DEMO, folder / "demo_qad")
    return folder


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text(encoding="utf-8")
    after = change(before)
    assert after != before, f"{path.name}: the edit changed nothing"
    path.write_text(after, encoding="utf-8")
