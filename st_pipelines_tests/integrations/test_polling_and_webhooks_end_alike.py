"""The same business, told by webhooks through the real receiver, read by polling, or both: one and the same ledger.

Three companies begin with the same posted month. The same people do the same things in each ServiceTitan. One company
only polls, one only listens, one does both; what is told is doubled, reordered, forged and lost on the way.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.cli.demo_company import WEBHOOK_KEY
from st_pipelines.inbox.pending import postpone
from st_pipelines.integrations.events import drain, waiting
from st_pipelines_tests.integrations.company import LATE, Company, Record, started

CONNECTION = "demo_servicetitan"
LINE = {"type": "Service", "quantity": "1", "price": "120.00"}
# What goes wrong on the way, by event. Each of these fires once; what it hits is told again or never.
SWITCHES = [
    {"action": "duplicate", "match": {"path": "invoice"}},
    {"action": "reorder", "match": {"path": "invoice"}, "seconds": 30},
    {"action": "unknown_event", "match": {"path": "payment"}},
    {"action": "unknown_id", "match": {"path": "invoice"}},
    {"action": "forge", "match": {"path": "payment"}},
    {"action": "unsigned", "match": {"path": "bill"}},
]


@contextmanager
def receiver(company: Company) -> Iterator[str]:
    with company.command("serve", "--port", "0", "--metrics-port", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        try:
            yield str(json.loads(line)["webhooks"])
        finally:
            process.terminate()
            process.communicate()


def business(company: Company) -> None:
    """Late edits, a new document, voids, money applied later, a bill before its goods and then the goods."""
    live, payments = company.live(), company.records("servicetitan", "payments")
    settled = {part["appliedTo"] for one in payments for part in one["appliedTo"] or ()}
    standing = [one for one in company.records("servicetitan", "invoices")
                if key("invoice", one) in live and one["items"] and one["adjustmentToId"] is None
                and one["id"] not in settled and Decimal(one["items"][0]["price"]) > 0]  # fmt: skip
    edited, twice, voided, back = standing[:4]
    for invoice, by in ((edited, 10), (twice, 3), (twice, 5)):
        price = Decimal(invoice["items"][0]["price"]) + by
        company.business("edit_invoice_line", invoice_id=invoice["id"], price=str(price))
    company.business("void_invoice", invoice_id=voided["id"])
    company.business("void_invoice", invoice_id=back["id"])
    company.business("set_fields", entity="invoices", record_id=back["id"], fields={"active": True})
    company.business("add_invoice", business_unit_id=101, lines=[LINE], customer_id=edited["customer"]["id"])
    payment, owed = next(
        (paid, owed) for paid in payments for owed in standing[4:]
        if key("payment", paid) in live and owed["customer"] == paid["customer"]
        and Decimal(paid["unappliedAmount"]) > 1 and Decimal(owed["balance"]) > 1
    )  # fmt: skip
    company.business("apply_payment", payment_id=payment["id"], invoice_id=owed["id"], amount="0.50")
    order = next(one for one in company.records("servicetitan", "purchase_orders") if one["status"] == "Sent")
    company.business("add_bill", purchase_order_id=order["id"], vendor_number="LATE-1")
    company.business("receive_purchase_order", purchase_order_id=order["id"])


def key(kind: str, record: Record) -> str:
    return f"ST:1234567:{kind}:{record['id']}"


def tell(company: Company, address: str) -> list[Record]:
    """Does the business with everything going wrong on the way; then a person replays what failed."""
    hook = {"url": address + CONNECTION, "key": WEBHOOK_KEY, "time_scale": 0.001}
    company.control("servicetitan", "webhooks", hook)
    company.control("servicetitan", "webhooks/faults", SWITCHES)
    business(company)
    company.control("servicetitan", "webhooks/settle", {})
    log: list[Record] = company.control("servicetitan", "webhooks/log")["deliveries"]
    company.control("servicetitan", "webhooks/faults", method="DELETE")
    # What was lost for good (a wrong name, id or key) is told again by the next change of the record, here by nobody's.
    lost = [one for one in log if {"unknown_event", "unknown_id", "forge", "unsigned"} & set(one["faults"])]
    for entity in {one["entity"] for one in lost}:
        company.control(
            "servicetitan", "webhooks/emit", {"entities": [entity], "modifiedOnOrAfter": f"{LATE}T00:00:00Z"}
        )
    company.control("servicetitan", "webhooks/settle", {})
    return log


def listen(company: Company) -> int:
    """Drains the inbox until it is empty; gives the rounds."""
    with company.session() as session:
        for rounds in range(20):
            if not waiting(session).pending:
                return rounds
            drain(session, "events", "test")
            numbers = [row.n for row in company.rows("SELECT n FROM inbox_event WHERE state = 'pending'")]
            postpone(session.engine, numbers, seconds=0, reason="test")  # nobody waits for pauses in a test
    raise AssertionError(company.rows("SELECT n, event_type, reason FROM inbox_event WHERE state = 'pending'"))


@pytest.fixture(scope="module")
def companies(posted_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Company]]:
    root, made = tmp_path_factory.mktemp("alike"), {}
    with ExitStack() as stack:
        for name in ("polling", "webhooks", "both"):
            made[name] = stack.enter_context(started(root / name, copied_from=posted_month))
        business(made["polling"])
        made["polling"].run([LATE])
        for name in ("webhooks", "both"):
            with receiver(made[name]) as address:
                tell(made[name], address)
                if name == "both":
                    made[name].run([LATE])
                listen(made[name])
        made["both"].run([LATE])
        yield made


def ledger(company: Company) -> dict[str, dict[Any, Any]]:
    versions = company.rows(
        "SELECT doc_key, content_sha256, disposition, amount_minor, business_date FROM document_version "
        "WHERE is_latest = 1"
    )
    standing = company.rows(
        "SELECT p.doc_key, p.op, p.amount_minor, p.company FROM posting p WHERE p.state = 'posted' AND p.seq = "
        "(SELECT max(q.seq) FROM posting q WHERE q.doc_key = p.doc_key AND q.state = 'posted')"
    )
    return {
        "documents": {row.doc_key: tuple(row)[1:] for row in versions},
        "standing": {row.doc_key: tuple(row)[1:] for row in standing},
    }


@pytest.mark.parametrize("other", ["webhooks", "both"])
def test_the_ledgers_are_the_same(companies: dict[str, Company], other: str) -> None:
    assert ledger(companies[other]) == ledger(companies["polling"])


def test_the_books_are_the_same_and_each_proves_itself(companies: dict[str, Company]) -> None:
    for company in companies.values():
        company.require_proof()
    assert companies["polling"].live() == companies["webhooks"].live() == companies["both"].live()
    variances = {name: company.reconciled().variance_minor for name, company in companies.items()}
    assert variances == {"polling": 0, "webhooks": 0, "both": 0}


def test_a_forged_or_unsigned_delivery_never_reaches_the_inbox(companies: dict[str, Company]) -> None:
    log = companies["webhooks"].control("servicetitan", "webhooks/log")["deliveries"]
    refused = [one for one in log if {"forge", "unsigned"} & set(one["faults"])]
    assert refused and all(one["state"] == "failed" and "200" not in one["answers"] for one in refused)
    taken = companies["webhooks"].rows("SELECT count(*) AS n FROM inbox_event")[0].n
    delivered = {(one["event"], one["id"], one["number"]) for one in log if one["state"] == "delivered"}
    assert taken == len(delivered)  # a repeat is one row


def test_nothing_is_left_to_do(companies: dict[str, Company]) -> None:
    for name, company in companies.items():
        assert not company.open(), name
        states = {row.state for row in company.rows("SELECT DISTINCT state FROM inbox_event")}
        assert states <= {"done", "ignored"}, name


def test_the_demo_refuses_faults_with_webhooks() -> None:
    program = "from st_pipelines.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--by", "webhooks", "--faults"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "--by polling" in done.stderr
