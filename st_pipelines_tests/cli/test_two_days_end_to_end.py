"""Two days from ServiceTitan into QAD by hand: plan, apply, run again, reconcile; then somebody damages the books.

The sandboxes are real processes; between the steps they are stopped, changed and started again on the same home.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.cli.demo_company import SANDBOX_CONNECTIONS
from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.server import running_sandbox
from st_pipelines_tests.cli.command import CommandLine, command_line
from st_pipelines_tests.integrations.company import only_demo_qad

DAYS = ("--from", "2026-10-01", "--to", "2026-10-02")


@contextmanager
def connected(run: CommandLine) -> Iterator[None]:
    """Both sandboxes up, and the connections pointing at where they listen this time."""
    with running_sandbox(run.home / "sandbox") as sandbox:
        for name, system in (("demo_servicetitan", "servicetitan"), ("demo_qad", "qad")):
            settings, secrets = SANDBOX_CONNECTIONS[system]
            here = {key: value.format(address=sandbox[system]) if isinstance(value, str) else value
                    for key, value in settings.items()}  # fmt: skip
            given = json.dumps({"system": system, "settings": here, "secrets": dict(secrets)})
            added = run.here("connections", "add", name, "--replace", "--from", "-", stdin=given)
            assert added.code == 0, added
        yield


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    ready = command_line(tmp_path)
    ready.environment["ST_PIPELINES_MAPPINGS"] = str(only_demo_qad(tmp_path))
    assert ready.here("connections", "new-key").code == 0
    return ready


def assert_whole_story(run: CommandLine, life: dict[str, Any], number: str) -> None:
    """From the job in ServiceTitan to the lines in QAD's ledger, and back from the voucher."""
    source, rules, posting = life["source"], life["rules"], life["postings"][0]
    assert str(source["record"]["id"]) == life["doc_key"].split(":")[3]
    assert source["record"]["customer"]["id"] and len(source["page_sha256"]) == 64
    assert rules["same_mapping"] and all(line["account_rows"] for line in rules["lines"])
    revenue = [line for line in rules["lines"] if line["cost_center"]]
    assert revenue and all("business_units.csv, line" in line["cost_center_rows"][0] for line in revenue)
    assert hashlib.sha256(posting["payload"].encode()).hexdigest() == posting["body_sha256"]
    assert json.loads(posting["payload"]) and len(posting["answer_sha256"]) == 64
    (live,) = run.here("documents", "show", "--from-target", number, "--live", "--json").json
    assert live["doc_key"] == life["doc_key"] and len(live["live"]) == 1
    assert live["live"][0]["number"] == number and Decimal(live["live"][0]["total"]) == Decimal(posting["amount"])
    assert sum(Decimal(line["amount"]) for line in live["live"][0]["gl_lines"]) == 0
    screen = run.here("documents", "show", life["doc_key"], "--live").out
    places = [screen.index(part) for part in ("1. In servicetitan", "2. Mapped", "3. In the ledger", "4. Sent",
                                              "5. In the target", "6. The audit trail")]  # fmt: skip
    assert places == sorted(places)
    assert str(source["record"]["customer"]["name"])[:12] in screen and number in screen
    assert run.here("documents", "show", "--from-target", "no such id").code == 2
    assert run.here("documents", "show").code == 2


def test_plan_apply_reconcile_and_find_the_damage(run: CommandLine, tmp_path: Path) -> None:
    with connected(run):
        assert run.here("connections", "ping", "demo_qad", "--json").json["ok"] is True
        assert run.here("integrations", "check", "--json").code == 0

        planned = run.here("plan", *DAYS, "--payloads", "--out", "plan.json", "--json")
        assert planned.code == 0, planned
        writes = planned.json["writes"]
        customers = [write for write in writes if write["kind"] == "business_relation"]
        assert customers and all(json.loads(write["payload"]) for write in customers)
        invoices = [write for write in writes if write["kind"] == "customer_invoice"]
        assert invoices and all("waits for" in write["payload_fault"] for write in invoices)
        assert run.here("status", "--json").json["documents"] == [], "a dry run leaves no trace in the ledger"

        applied = run.here("apply", "plan.json", "--json")
        assert applied.code == 0 and applied.json["sent"] == len(writes), applied
        again = run.here("apply", "plan.json", "--json")
        assert again.code == 3 and "moved since this plan" in again.json["error"] and "Nothing was posted" in again.err

        assert run.here("run", *DAYS, "--json").json["sent"] == 0
        assert run.here("status", "--json").code == 0
        clean = run.here("reconcile", "--month", "2026-10", "--csv", "csv", "--json")
        assert clean.code == 0 and clean.json["variance"] == {"USD": "0.00"}, clean
        assert "The books agree." in Path(clean.json["files"]["report"]).read_text()
        assert (tmp_path / "csv" / "totals.csv").read_text().startswith("business_unit,")
        assert run("audit", "verify").code == 0

        key = invoices[0]["document"]
        shown = run.here("documents", "show", key, "--json")
        assert shown.code == 0
        (life,) = shown.json
        assert [posting["state"] for posting in life["postings"]] == ["posted"]
        assert "posted" in [event["event"] for event in life["events"]]
        number = life["postings"][0]["target_number"]
        assert run.here("documents", "show", number, "--json").json[0]["doc_key"] == key
        assert_whole_story(run, life, number)

    books = Books(tmp_path / "sandbox" / "qad.db")
    voucher = next(row for row in books.all("customer_invoices") if row["customLong0"] == key)
    name = ".".join(str(voucher[part]) for part in ("entityCode", "daybookCode", "postingYear", "voucherNumber"))
    books.delete("customer_invoices", name)
    books.close()

    with connected(run):
        found = run.here("reconcile", "--month", "2026-10", "--json")
        assert found.code == 1 and found.json["alarm"] is True, found
        assert [(one["cause"], one["document"]) for one in found.json["variances"]] == [("missing", key)]
        assert found.json["variance"] == {"USD": invoices[0]["amount"]}
        screen = run("reconcile", "--month", "2026-10")
        assert screen.code == 1 and "The books do not agree" in screen.out and "Missing in target" in screen.out

    unreachable = run.here("reconcile", "--month", "2026-10", "--json")
    assert unreachable.code == 3 and "demo_qad" in unreachable.json["error"] and "Traceback" not in unreachable.err
