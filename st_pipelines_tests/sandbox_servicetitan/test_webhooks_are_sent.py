"""The sandbox sends webhooks as ServiceTitan is known to: signed, again on a schedule, and wrong on demand."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_pipelines.sandbox.server import serving
from st_pipelines_tests.sandbox_servicetitan.api import Api

KEY = "k" * 40


class Receiver:
    """Takes what comes and answers as told: with each of ``answers`` once, then with 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self._news = threading.Condition()

    async def take(self, request: Request) -> Response:
        body = await request.body()
        with self._news:
            self.got.append((dict(request.headers), body))
            self._news.notify_all()
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def wait_for(self, count: int) -> list[Any]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.got) >= count, timeout=10), len(self.got)
            return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    with serving(Starlette(routes=[Route("/in", one.take, methods=["POST"])])) as origin:
        one.url = f"{origin}/in"  # type: ignore[attr-defined]
        yield one


def register(api: Api, receiver: Receiver, **changes: Any) -> None:
    given = {"url": receiver.url, "key": KEY, "events": ["invoices"], "time_scale": 0.001}  # type: ignore[attr-defined]
    api.control("webhooks", {**given, **changes})


def some(api: Api, count: int = 1) -> list[int]:
    return [one["id"] for one in api.every("accounting", "/invoices", activeState="All")[:count]]


def signed(headers: dict[str, str], body: bytes) -> bool:
    return headers.get("x-servicetitan-signature") == hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()


def settled(api: Api, receiver: Receiver, count: int) -> list[dict[str, Any]]:
    receiver.wait_for(count)
    api.control("webhooks/settle", {})
    log = api.control("webhooks/log")
    assert not log["pending"]
    found: list[dict[str, Any]] = log["deliveries"]
    return found


@pytest.mark.parametrize("digest", ["hex", "base64"])
def test_a_change_is_told_with_a_signature_over_the_body(api: Api, receiver: Receiver, digest: str) -> None:
    register(api, receiver, digest=digest)
    (invoice,) = api.act("void_invoice", invoice_id=some(api)[0])
    (event,) = receiver.wait_for(1)
    headers, body = receiver.got[0]
    expected = hmac.new(KEY.encode(), body, hashlib.sha256).digest()
    assert headers["x-servicetitan-signature"] == (
        expected.hex() if digest == "hex" else base64.b64encode(expected).decode()
    )
    assert (headers["x-servicetitan-event"], event["eventType"]) == ("invoice.updated", "invoice.updated")
    assert (event["data"]["id"], event["data"]["active"]) == (invoice["id"], False)


def test_a_new_record_is_told_as_created_and_other_entities_are_not_told(api: Api, receiver: Receiver) -> None:
    register(api, receiver, naming="camel")
    payment = api.every("accounting", "/payments")[0]
    api.act("touch", entity="payments", record_ids=[payment["id"]])
    line = {"type": "Service", "quantity": "1", "price": "10.00"}
    (invoice,) = api.act("add_invoice", business_unit_id=101, lines=[line])
    (event,) = receiver.wait_for(1)
    assert (event["eventType"], event["data"]["id"]) == ("invoiceCreated", invoice["id"])


@pytest.mark.parametrize(
    ("envelope", "keys"),
    [
        ("data", {"eventId", "eventType", "createdOn", "data"}),
        ("id", {"event_id", "event_type", "createdOn", "invoiceId"}),
    ],
)
def test_the_envelope_is_a_switch(api: Api, receiver: Receiver, envelope: str, keys: set[str]) -> None:
    register(api, receiver, envelope=envelope)
    api.act("touch", entity="invoices", record_ids=some(api))
    (event,) = receiver.wait_for(1)
    assert set(event) == keys


def test_a_failed_delivery_is_sent_again_until_any_success(api: Api, receiver: Receiver) -> None:
    receiver.answers = [500, 404, 302]
    register(api, receiver)
    api.act("touch", entity="invoices", record_ids=some(api))
    (delivery,) = settled(api, receiver, 4)
    assert (delivery["state"], delivery["answers"]) == ("delivered", ["500", "404", "302", "200"])
    assert len({body for _, body in receiver.got}) == 1


def test_after_the_last_pause_only_a_person_sends_again(api: Api, receiver: Receiver) -> None:
    receiver.answers = [503] * 5
    register(api, receiver)
    api.act("touch", entity="invoices", record_ids=some(api))
    (delivery,) = settled(api, receiver, 5)
    assert (delivery["state"], len(receiver.got)) == ("failed", 5)
    assert api.control("webhooks/replay", {"state": "failed"})["replayed"] == [delivery["number"]]
    (delivery,) = settled(api, receiver, 6)
    assert delivery["state"] == "delivered"


def test_every_switch_does_what_it_says(api: Api, receiver: Receiver) -> None:
    register(api, receiver)
    names = ("drop", "duplicate", "forge", "unsigned", "unknown_event", "unknown_id", "reorder")
    ids = some(api, len(names) + 1)
    api.control(
        "webhooks/faults",
        [{"action": name, "match": {"body": f"^{one}$"}} for name, one in zip(names, ids, strict=False)],
    )
    api.act("touch", entity="invoices", record_ids=ids)
    log = settled(api, receiver, len(ids))
    by_fault = {"+".join(one["faults"]): one for one in log}
    assert by_fault["drop"]["state"] == "dropped" and not by_fault["drop"]["answers"]
    assert sum(one["faults"] == ["duplicate"] for one in log) == 2
    assert by_fault["unknown_event"]["event"] == "rocket.launched"
    assert by_fault["unknown_id"]["id"] not in ids
    received = [(headers, body, json.loads(body)) for headers, body in receiver.got]
    true = {one["data"]["id"] for headers, body, one in received if signed(headers, body)}
    assert true == {one["data"]["id"] for _, _, one in received} - {ids[2], ids[3]}
    order = [one["data"]["id"] for _, _, one in received]
    assert order.index(ids[-1]) < order.index(ids[6]), "the reordered one came after the next"
    assert {one["fired"] for one in api.control("webhooks/faults")["faults"]} == {1}


def test_existing_records_can_be_told_without_a_change(api: Api, receiver: Receiver) -> None:
    register(api, receiver, events=["invoices", "payments"])
    before = api.control("state?entity=invoices")["records"]
    announced = api.control(
        "webhooks/emit", {"entities": ["invoices", "payments"], "modifiedBefore": "2026-10-10T00:00:00Z"}
    )
    assert 0 < announced["announced"] == len(receiver.wait_for(announced["announced"]))
    assert api.control("state?entity=invoices")["records"] == before


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://example.com/in"}, {"key": "short"}, {"events": ["rockets"]}, {"digest": "md5"}, {"nonsense": 1}],
)
def test_a_wrong_registration_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    given = {"url": "http://127.0.0.1:1/in", "key": KEY, **wrong}
    assert api.http.post("/_sandbox/webhooks", json=given).status_code == 400


def test_a_reset_forgets_hooks_and_log(api: Api, receiver: Receiver) -> None:
    register(api, receiver)
    api.act("touch", entity="invoices", record_ids=some(api))
    settled(api, receiver, 1)
    api.control("reset", {})
    assert api.control("webhooks")["hooks"] == {}
    assert api.control("webhooks/log")["deliveries"] == []
