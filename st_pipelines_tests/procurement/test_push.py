"""A Business Rule of ServiceNow tells of approved invoices: the receiver takes what is signed, the record is read again
by its sys_id and posted; without any of it the schedules reach the same books."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import httpx
import pytest
from sqlalchemy import select

from st_pipelines.assets.events import events_asset, events_job, events_sensor
from st_pipelines.assets.resources import Sessions
from st_pipelines.cli.demo_company import WEBHOOK_KEY
from st_pipelines.credentials.secret import Secret
from st_pipelines.database.engine import reading
from st_pipelines.database.schema import inbox_event
from st_pipelines.inbox.pending import postpone
from st_pipelines.integrations.events import Drained, drain
from st_pipelines.integrations.registry import load_integration
from st_pipelines.integrations.roads import road_of
from st_pipelines.systems.servicenow.hints import read_hint
from st_pipelines_tests.cli.command import COMMAND
from st_pipelines_tests.procurement.accounts_payable import Payables, payables

SYS_ID = "0123456789abcdef0123456789abcdef"


@contextmanager
def receiving(company: Payables) -> Iterator[str]:
    """``st-pipelines serve`` on the company's ledger; gives where ServiceNow's connection is told."""
    home = company.back.home
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_PIPELINES_")}
    with (home / "receiver.log").open("ab") as log:
        process = subprocess.Popen(
            [str(COMMAND), "serve", "--port", "0", "--metrics-port", "0"], cwd=home, stdout=subprocess.PIPE, stderr=log,
            env=kept | {"ST_PIPELINES_HOME": str(home)}, start_new_session=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, (home / "receiver.log").read_text()
        yield json.loads(line)["webhooks"].replace("<connection>", "demo_sn").rstrip("/")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Payables]:
    with payables(tmp_path_factory.mktemp("push")) as made:
        made.post()  # reads the lists of QAD once
        yield made


@pytest.fixture(scope="module")
def address(company: Payables) -> Iterator[str]:
    with receiving(company) as where:
        yield where if where.endswith("demo_sn") else f"{where}/demo_sn"


@pytest.fixture
def told(company: Payables, address: str) -> Iterator[Payables]:
    """ServiceNow's rule is on."""
    switch(company, push_url=address, push_secret=WEBHOOK_KEY)
    yield company
    switch(company, push_url="")


def switch(company: Payables, **changes: Any) -> None:
    httpx.post(f"{company.back.origin('servicenow')}/_sandbox/settings", json=changes).raise_for_status()


def answers(company: Payables) -> list[str]:
    sent = httpx.get(f"{company.back.origin('servicenow')}/_sandbox/pushes").json()["sent"]
    return [one["answer"] for one in sent]


def drained(company: Payables) -> Drained:
    """One round, without the pauses that deliveries were put off by."""
    with company.back.session() as session:
        with reading(session.engine) as connection:
            waiting = list(
                connection.execute(select(inbox_event.c.n).where(inbox_event.c.state == "pending")).scalars()
            )
        postpone(session.engine, waiting, seconds=0, reason="test")
        return drain(session, "events-run", "tests")


def test_an_approved_invoice_is_posted_from_the_push_alone_and_the_schedules_find_it_posted(told: Payables) -> None:
    made = told.approved("P-1001")
    assert answers(told)[-1] == "200"
    done = drained(told)
    assert (done.settled, done.records) == (Counter(done=1), 1)
    (booked,) = told.booked("P-1001")
    assert told.told(made["sys_id"])[0].endswith(f"/{booked['voucherNumber']}")
    before = told.writes()
    told.run()
    assert told.booked("P-1001") == [booked]
    assert told.writes() == before


def test_without_the_push_the_books_are_the_same(told: Payables) -> None:
    told.approved("P-2001")
    drained(told)
    switch(told, push_url="")
    told.approved("P-2002")
    told.post()
    pushed, polled = told.booked("P-2001")[0], told.booked("P-2002")[0]
    own = ("supplierInvoiceReference", "customLong0", "voucherNumber", "registrationNumber", "concurrencyHash",
           "description", "lastModifiedDate", "lastModifiedTime")  # fmt: skip
    assert {name: value for name, value in pushed.items() if name not in own} == {
        name: value for name, value in polled.items() if name not in own
    }


def test_a_hint_is_never_data_and_a_repeated_one_posts_nothing_more(told: Payables, address: str) -> None:
    made = told.approved("P-3001")
    lie = json.dumps(
        {"event": "invoice.approved", "sys_id": made["sys_id"], "invoice_amount": "USD;999999.00"}
    ).encode()
    for _ in range(2):
        digest = base64.b64encode(hmac.new(WEBHOOK_KEY.encode(), lie, hashlib.sha256).digest()).decode()
        assert httpx.post(address, content=lie, headers={"X-ServiceNow-Signature": digest}).status_code == 200
    drained(told)
    (booked,) = told.booked("P-3001")
    assert str(booked["invoiceAmountTC"]).rstrip("0").rstrip(".") == "100"
    assert drained(told).deliveries == 0


@pytest.mark.parametrize("secret", ["x" * 40, WEBHOOK_KEY + "x"])
def test_what_is_signed_otherwise_is_refused_and_kept_nowhere(secret: str, told: Payables) -> None:
    switch(told, push_secret=secret)
    told.approved(f"P-4{len(secret)}")
    assert answers(told)[-1] == "403"
    assert drained(told).deliveries == 0
    told.post()
    assert len(told.booked(f"P-4{len(secret)}")) == 1  # by its day


def test_while_the_secret_is_rotated_both_count(told: Payables) -> None:
    new = "a-longer-secret-of-servicenow-0002"
    with told.back.session() as session:
        session.vault.replace_secret("demo_sn", "webhook_secret", Secret(new), keep_as="webhook_secret_previous")
    for number, secret in (("P-5001", WEBHOOK_KEY), ("P-5002", new)):
        switch(told, push_secret=secret)
        for _ in range(50):  # the receiver looks into the vault once a second
            told.approved(f"{number}-{_}")
            if answers(told)[-1] == "200":
                break
        assert answers(told)[-1] == "200"
    assert drained(told).settled["done"] >= 2
    with told.back.session() as session:
        session.vault.replace_secret(
            "demo_sn", "webhook_secret", Secret(WEBHOOK_KEY), keep_as="webhook_secret_previous"
        )


def test_an_invoice_that_is_not_there_or_not_approved_is_looked_for_again_and_given_up(
    told: Payables, address: str
) -> None:
    body = json.dumps({"event": "invoice.approved", "sys_id": SYS_ID}).encode()
    digest = hmac.new(WEBHOOK_KEY.encode(), body, hashlib.sha256).hexdigest()
    assert httpx.post(address, content=body, headers={"X-ServiceNow-Signature": digest}).status_code == 200
    first, *more = (drained(told) for _ in range(3))
    assert first.settled == Counter(postponed=1)
    assert [one.settled for one in more if one.deliveries] == [Counter(ignored=1)]
    assert any("does not exist at the source" in reason for reason in first.reasons)


def test_the_sensor_asks_for_a_run_and_its_asset_posts(told: Payables, monkeypatch: pytest.MonkeyPatch) -> None:
    home = str(told.back.home)
    monkeypatch.setenv("ST_PIPELINES_HOME", home)
    monkeypatch.setenv("ST_PIPELINES_MAPPINGS", f"{home}/mappings")
    integration = load_integration(told.back.folder)
    job, flows = events_job(integration), list(road_of(integration).flows)
    sensor = events_sensor(integration, job)
    defs = dg.Definitions(
        assets=[events_asset(integration, flows)], jobs=[job], sensors=[sensor], resources={"sessions": Sessions()},
        executor=dg.in_process_executor,
    )  # fmt: skip
    told.approved("P-6001")
    assert answers(told)[-1] == "200"
    with dg.instance_for_test() as instance:
        asked = sensor.evaluate_tick(dg.build_sensor_context(instance, definitions=defs))
        assert len(asked.run_requests or ()) == 1
        ran = defs.resolve_job_def(job.name).execute_in_process(instance=instance)
        assert ran.success
        checks = {one.check_name: one.passed for one in ran.get_asset_check_evaluations()}
    assert len(told.booked("P-6001")) == 1
    assert checks["books_hold_what_was_planned"] and checks["variance_is_zero"], checks


@pytest.mark.parametrize(
    ("event", "body", "names", "entity", "said"),
    [
        ("", {"table": "sn_shop_invoice", "sys_id": SYS_ID}, {}, "invoices", ""),
        ("InvoiceApproved", {"sys_id": SYS_ID}, {}, "invoices", ""),
        ("", {"event": "ap.ready", "sys_id": SYS_ID}, {"AP.ready": "invoices"}, "invoices", ""),
        ("", {"event": "invoice.approved", "sys_id": SYS_ID}, {"invoice.approved": ""}, "", "is not wanted"),
        ("", {"table": "sn_shop_invoice_line", "sys_id": SYS_ID}, {}, "", "is not known"),
        ("", {"event": "invoice.approved", "sys_id": "1' OR 1"}, {}, "", "carries no sys_id"),
        ("", {"event": "invoice.approved", "sys_id": 12}, {}, "", "carries no sys_id"),
        ("", {"sys_id": SYS_ID}, {}, "", "names the event or the table"),
    ],
)
def test_what_a_hint_says(event: str, body: Any, names: dict[str, str], entity: str, said: str) -> None:
    found = read_hint(event, json.dumps(body).encode(), names)
    assert (found.entity, found.sys_id) == ((entity, SYS_ID) if entity else ("", ""))
    assert said in found.reason


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"sys_id": ', b"[" * 100_000])
def test_a_hint_that_cannot_be_read_never_raises(body: bytes) -> None:
    assert "not a JSON object" in read_hint("invoice.approved", body, {}).reason
