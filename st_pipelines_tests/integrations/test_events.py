"""What a webhook names is read again by id, posted, proved, and only then is the delivery settled."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.storing import store
from st_pipelines.integrations.events import Drained, drain
from st_pipelines_tests.integrations.company import LATE, Company, Record, started

CONNECTION = "demo_servicetitan"


@pytest.fixture(scope="module")
def company(posted_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with started(tmp_path_factory.mktemp("events") / "home", copied_from=posted_month) as opened:
        yield opened


def key(kind: str, record: Record) -> str:
    return f"ST:1234567:{kind}:{record['id']}"


def deliver(company: Company, *events: tuple[str, Any], bodies: Sequence[bytes] = ()) -> None:
    """Puts deliveries into the inbox, as the receiver does."""
    made = [json.dumps({"eventType": event, "data": {"id": one}}).encode() for event, one in events]
    with company.session() as session:
        store(session.engine, [arrival(CONNECTION, body) for body in (*made, *bodies)])


def drained(company: Company) -> Drained:
    with company.session() as session:
        return drain(session, "events-run", "test")


def inbox(company: Company) -> dict[str, int]:
    return {row.state: row.n for row in company.rows("SELECT state, count(*) AS n FROM inbox_event GROUP BY state")}


def reasons(company: Company) -> list[str]:
    return [row.reason for row in company.rows("SELECT reason FROM inbox_event WHERE state = 'ignored' ORDER BY n")]


def test_a_changed_invoice_is_read_again_and_posted_once(company: Company) -> None:
    live = company.live()
    chosen = next(one for one in company.records("servicetitan", "invoices")
                  if key("invoice", one) in live and one["items"] and one["adjustmentToId"] is None)  # fmt: skip
    price = Decimal(chosen["items"][0]["price"]) + 10
    (invoice,) = company.business("edit_invoice_line", invoice_id=chosen["id"], price=str(price))
    # Three spellings, a repeat, and amounts in the event that are not true: only the id counts.
    false = json.dumps({"data": {"id": invoice["id"], "total": "1.00"}, "type": "InvoiceUpdated"}).encode()
    deliver(company, ("invoice.updated", invoice["id"]), ("invoiceUpdated", invoice["id"]), bodies=[false])
    done = drained(company)
    assert (done.deliveries, dict(done.settled), done.sent.sent) == (3, {"done": 3}, 2)
    assert done.is_clean and all(one.variance_minor == 0 for one in done.reconciled.values())
    assert company.live()[key("invoice", invoice)] == Decimal(invoice["total"])
    assert done.documents[key("invoice", invoice)].partition_key == LATE.isoformat()
    company.require_proof()
    assert company.run([LATE]).sent == 0  # its daily partition finds it posted
    company.require_proof()
