"""What a webhook names is read again by id, posted, proved, and only then is the delivery settled."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert

from st_pipelines.database.engine import now_us, transaction
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.delivery import arrival
from st_pipelines.inbox.pending import postpone
from st_pipelines.inbox.storing import store
from st_pipelines.integrations import event_posting
from st_pipelines.integrations.event_partitions import remove_covered
from st_pipelines.integrations.events import Drained, drain
from st_pipelines.store.names import events_read_at
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
    made = [json.dumps({"eventId": str(uuid4()), "eventType": event, "data": {"id": one}}).encode()
            for event, one in events]  # fmt: skip
    with company.session() as session:
        store(session.engine, [arrival(CONNECTION, body) for body in (*made, *bodies)])


def drained(company: Company) -> Drained:
    with company.session() as session:
        return drain(session, "events-run", "test")


def no_pause(company: Company, *numbers: int) -> None:
    """Nobody waits for the pause in a test."""
    with company.session() as session:
        postpone(session.engine, numbers, seconds=0, reason="test")


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


def test_an_unknown_event_another_entity_and_a_body_without_an_id_are_ignored_with_the_reason(company: Company) -> None:
    before = len(reasons(company))
    deliver(company, ("rocket.launched", 1), ("job.completed", 2), bodies=[b"[]", b'{"eventType": "invoice.updated"}'])
    done = drained(company)
    assert (dict(done.settled), done.records) == ({"ignored": 4}, 0)
    said = " | ".join(reasons(company)[before:])
    for reason in ("rocket.launched is not known", "job.completed is not known", "not a JSON object",
                   "names no invoices id"):  # fmt: skip
        assert reason in said


def test_a_record_that_does_not_exist_is_looked_for_again_and_then_ignored(company: Company) -> None:
    deliver(company, ("invoice.created", 123456789))
    looks = 0
    while inbox(company).get("pending"):
        assert dict(drained(company).settled) in ({"postponed": 1}, {"ignored": 1})
        looks += 1
        waiting = company.rows("SELECT n, attempts, not_before, reason FROM inbox_event WHERE state = 'pending'")
        for row in waiting:
            assert row.attempts == looks and "does not exist" in row.reason
            no_pause(company, row.n)
    assert "invoices 123456789 does not exist at the source" in reasons(company)[-1]
    assert looks <= 3


def test_everything_that_documents_name_comes_with_them(company: Company) -> None:
    order = next(one for one in company.records("servicetitan", "purchase_orders") if one["status"] == "Sent")
    (bill,) = company.business("add_bill", purchase_order_id=order["id"], vendor_number="EVENT-1")
    payment = next(one for one in company.records("servicetitan", "payments") if Decimal(one["unappliedAmount"]) > 1)
    owed = next(one for one in company.records("servicetitan", "invoices")
                if one["customer"] == payment["customer"] and Decimal(one["balance"]) > 1)  # fmt: skip
    company.business("apply_payment", payment_id=payment["id"], invoice_id=owed["id"], amount="0.50")
    deliver(company, ("inventory-bill.created", bill["id"]), ("paymentApplied", payment["id"]))
    done = drained(company)
    assert dict(done.settled) == {"done": 2}
    assert done.documents[key("bill", bill)].state == "waiting"  # for its goods
    company.require_proof(but={key("bill", bill): Decimal(bill["billAmount"])})

    receipt, _ = company.business("receive_purchase_order", purchase_order_id=order["id"])
    deliver(company, ("receipt.created", receipt["id"]))
    assert dict(drained(company).settled) == {"done": 1}
    assert company.live()[key("bill", bill)] == Decimal(bill["billAmount"])
    company.require_proof()


def test_a_void_and_a_cancelled_bill_are_seen(company: Company) -> None:
    live = company.live()
    invoice = next(one for one in company.records("servicetitan", "invoices") if key("invoice", one) in live)
    bill = next(one for one in company.records("servicetitan", "bills") if key("bill", one) in live)
    company.business("void_invoice", invoice_id=invoice["id"])
    company.business("set_fields", entity="bills", record_id=bill["id"], fields={"active": False})
    deliver(company, ("invoice.voided", invoice["id"]), ("bill.canceled", bill["id"]))
    assert dict(drained(company).settled) == {"done": 2}
    assert not {key("invoice", invoice), key("bill", bill)} & company.live().keys()
    company.require_proof()


def test_an_event_about_a_day_before_our_first_posts_nothing(company: Company) -> None:
    """Polling would never read it, so an event must not post it either."""
    line = {"type": "Service", "quantity": "1", "price": "10.00"}
    (invoice,) = company.business("add_invoice", business_unit_id=101, lines=[line])
    old = {"modifiedOn": "2026-09-12T10:00:00.0000000Z", "invoiceDate": "2026-09-12T00:00:00Z"}
    company.business("set_fields", entity="invoices", record_id=invoice["id"], fields=old)
    deliver(company, ("invoice.created", invoice["id"]))
    assert dict(drained(company).settled) == {"ignored": 1}
    assert "not the integration's" in reasons(company)[-1]
    assert not company.postings(key("invoice", invoice))
    company.business("set_fields", entity="invoices", record_id=invoice["id"], fields={"syncStatus": "Pending"})


def test_what_was_read_earlier_never_goes_back_over_what_an_event_posted(company: Company) -> None:
    live = company.live()
    invoice = next(one for one in company.records("servicetitan", "invoices")
                   if key("invoice", one) in live and one["items"] and one["adjustmentToId"] is None)  # fmt: skip
    company.business("touch", entity="invoices", record_ids=[invoice["id"]])
    company.read([LATE])  # a day's run has read the record …
    company.control("servicetitan", "clock", {"advance": 1})
    price = Decimal(invoice["items"][0]["price"]) + 3
    (changed,) = company.business("edit_invoice_line", invoice_id=invoice["id"], price=str(price))
    deliver(company, ("invoice.updated", invoice["id"]))
    drained(company)  # … when an event posts a newer version
    assert company.post([LATE]).sent == 0
    assert company.live()[key("invoice", invoice)] == Decimal(changed["total"])
    company.require_proof()


def test_a_target_that_is_down_loses_nothing(company: Company) -> None:
    line = {"type": "Service", "quantity": "1", "price": "55.00"}
    (invoice,) = company.business("add_invoice", business_unit_id=101, lines=[line])
    deliver(company, ("invoice.created", invoice["id"]))
    company.arm("qad", {"action": "drop_before", "match": {"path": "/api/"}, "count": None})
    with pytest.raises(Exception, match="demo_qad"):
        drained(company)
    company.disarm()
    (row,) = company.rows("SELECT n, attempts, reason FROM inbox_event WHERE state = 'pending'")
    assert row.attempts == 1 and "demo_qad" in row.reason
    no_pause(company, row.n)
    assert dict(drained(company).settled) == {"done": 1}
    assert company.live()[key("invoice", invoice)] == Decimal("55.00") + Decimal(invoice["salesTax"])
    company.require_proof()


def test_a_drain_that_is_killed_anywhere_goes_on(company: Company) -> None:
    line = {"type": "Service", "quantity": "1", "price": "33.00"}
    made = [company.business("add_invoice", business_unit_id=101, lines=[line])[0] for _ in range(4)]
    deliver(company, *(("invoice.created", one["id"]) for one in made))
    # Killed while it waits for an answer: of reading, of a write that is still applied, of the read-back.
    for system, match in (
        ("servicetitan", {"path": "/invoices"}), ("qad", {"method": "POST", "path": "/api/erp/"}),
        ("qad", {"method": "GET", "path": "/api/"}),
    ):  # fmt: skip
        company.arm(system, {"action": "delay", "seconds": 0.6, "match": match, "count": None})
        program = (
            "from st_pipelines.integrations.registry import load_integration; "
            "from st_pipelines.integrations.session import Session; from st_pipelines.settings import Settings; "
            "from st_pipelines.integrations.events import drain; s = Settings(); "
            "drain(Session(load_integration(s.mappings / 'demo_qad'), s), 'killed', 'test')"
        )
        with company._process(program) as process:
            company.await_fault(system)
            process.kill()
        company.disarm()
    done = drained(company)
    for _ in range(5):
        if not inbox(company).get("pending"):
            break
        no_pause(company, *(row.n for row in company.rows("SELECT n FROM inbox_event WHERE state = 'pending'")))
        done = drained(company)
    assert not inbox(company).get("pending"), done
    company.require_proof()


def test_a_record_that_breaks_the_mapping_keeps_only_itself_waiting(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {"type": "Service", "quantity": "1", "price": "21.00"}
    made = [company.business("add_invoice", business_unit_id=101, lines=[line])[0] for _ in range(5)]
    bad = key("invoice", made[2])
    rule = event_posting.map_partition

    def broken(session: Any, flow: Any, partition: str, *rest: Any) -> Any:
        ids = session.store.read_table("demo_qad", "source", "invoices", partition)["id"].to_pylist()
        if flow.name == "invoices" and made[2]["id"] in ids:
            raise ValueError(f"a rule has a defect that only {bad} shows")
        return rule(session, flow, partition, *rest)

    monkeypatch.setattr(event_posting, "map_partition", broken)
    deliver(company, *(("invoice.created", one["id"]) for one in made))
    done = drained(company)
    assert dict(done.settled) == {"done": 4, "postponed": 1}
    assert any(bad in reason for reason in done.reasons)
    live = company.live()
    assert bad not in live and all(key("invoice", one) in live for one in made if one is not made[2])
    monkeypatch.undo()
    no_pause(company, *(row.n for row in company.rows("SELECT n FROM inbox_event WHERE state = 'pending'")))
    assert dict(drained(company).settled) == {"done": 1} and bad in company.live()
    company.require_proof()


def test_a_round_clears_the_inbox_of_what_was_handled_long_ago(company: Company) -> None:
    with company.session() as session, transaction(session.engine) as connection:
        long_ago = now_us(connection) - (session.settings.keep_deliveries_days + 1) * 86_400_000_000
        connection.execute(insert(inbox_event).values(
            connection="elsewhere", event_key="old", received_at=long_ago, handled_at=long_ago, state="unusable",
            body_sha256="", body=b""))  # fmt: skip
    before = inbox(company)
    deliver(company, ("technician.updated", 1))
    drained(company)
    after = inbox(company)
    assert after.get("unusable", 0) == before["unusable"] - 1
    assert after["ignored"] == before.get("ignored", 0) + 1


def test_partitions_of_events_go_when_their_days_are_sealed(company: Company) -> None:
    with company.session() as session:
        flow = session.road.flow("invoices")
        keys = [one for one in session.store.partitions("demo_qad", "mapped", flow.name) if events_read_at(one)]
        assert keys
        assert remove_covered(session) == []  # the day in progress was read before some of them
    company.run([LATE])
    before = company.live()
    with company.session() as session:
        removed = remove_covered(session)
        left = [one for one in session.store.partitions("demo_qad", "mapped", flow.name) if events_read_at(one)]
        assert not [one for one in session.store.partitions("demo_qad", "source", "invoices") if one in removed]
    assert removed and not set(left) & set(removed)
    assert company.run([LATE]).sent == 0 and company.live() == before
    company.require_proof()


def test_the_ledger_may_be_on_postgresql(read_month: Path, fresh_postgres: str, tmp_path: Path) -> None:
    with started(tmp_path / "home", copied_from=read_month, database_url=fresh_postgres) as company:
        line = {"type": "Service", "quantity": "1", "price": "80.00"}
        (invoice,) = company.business("add_invoice", business_unit_id=101, lines=[line])
        deliver(company, ("invoice.created", invoice["id"]), ("rocket.launched", 1))
        done = drained(company)
        assert dict(done.settled) == {"done": 1, "ignored": 1}
        assert done.documents[key("invoice", invoice)].state == "posted" and done.is_clean
        assert company.live()[key("invoice", invoice)] == Decimal(invoice["total"])
