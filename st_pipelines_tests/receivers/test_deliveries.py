"""W5-W7: what is signed is kept once, readable or not, and the answer says only that."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.receivers.event import DEEPEST, MOST_VALUES, Event, Places, read_event
from st_pipelines_tests.receivers.receiver import Receiver, hex_of


def test_stale_delivery_sent_again_is_acknowledged_and_kept_once(receiver: Receiver) -> None:
    body = b'{"id": "e9", "type": "payment.created"}'
    answers = [receiver.post(body) for _ in range(3)]
    answers.append(receiver.post(body, X_ServiceTitan_Webhook_Id="another-id-in-a-header-that-nobody-signed"))
    assert [answer.shown for answer in answers] == [(200, {"content-length": "0"}, b"")] * 4
    assert [row.event_key for row in receiver.rows()] == ["e9"]


def test_without_an_id_the_body_tells_repeats(receiver: Receiver) -> None:
    for body in (b'{"n": 1}', b'{"n": 1}', b'{"n":1}', b"[]"):
        assert receiver.post(body).status == 200
    assert [row.body for row in receiver.rows()] == [b'{"n": 1}', b'{"n":1}', b"[]"]
    assert all(row.event_key == f"sha256:{row.body_sha256}" for row in receiver.rows())


def test_records_id_in_place_of_an_events_id_loses_nothing(receiver: Receiver) -> None:
    receiver.post(b'{"id": 77, "modifiedOn": "10:00"}')
    receiver.post(b'{"id": 77, "modifiedOn": "11:00"}')
    assert [row.body for row in receiver.rows()] == [
        b'{"id": 77, "modifiedOn": "10:00"}', b'{"id": 77, "modifiedOn": "11:00"}']  # fmt: skip


UNUSABLE = {
    "not UTF-8": (b'{"id": "\xff"}', "not UTF-8"),
    "UTF-16": ('{"id": "e1"}'.encode("utf-16"), "not UTF-8"),
    "not JSON": (b"hello", "not JSON"),
    "nothing": (b"", "not JSON"),
    "cut off": (b'{"id": "e1"', "not JSON"),
    "text behind it": (b'{"id": "e1"} x', "not JSON"),
    "NaN": (b'{"id": NaN}', "not JSON"),
    "deep arrays": (b"[" * 20_000 + b"]" * 20_000, "nested deeper than 64"),
    "deep objects": (b'{"a":' * 1_000 + b"1" + b"}" * 1_000, "nested deeper than 64"),
    "deep without an end": (b"[" * 500_000, "more than 50000 values"),
    "many values": (b"[" + b"1," * 60_000 + b"1]", "more than 50000 values"),
}


@pytest.mark.parametrize("body, reason", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_signed_but_unreadable_is_kept_with_the_reason(receiver: Receiver, body: bytes, reason: str) -> None:
    answer = receiver.post(body, X_ServiceTitan_Event="invoice.updated")
    assert answer.shown == (200, {"content-length": "0"}, b"")
    (row,) = receiver.rows()
    assert (row.state, row.reason, row.body, row.event_type) == ("unusable", reason, body, "invoice.updated")
    assert receiver.metric('st_pipelines_webhook_answers_total{connection="st",outcome="unusable"}') > 0


def test_unsigned_and_unreadable_is_not_even_looked_at(receiver: Receiver) -> None:
    for body, _ in UNUSABLE.values():
        assert receiver.post(body, hex_of(body, "x" * 40)).status == 403
    assert receiver.rows() == []


def test_unknown_event_is_kept_for_the_work_to_judge(receiver: Receiver) -> None:
    receiver.post(b'{"id": "e1", "eventType": "moon.eclipsed"}')
    assert [(row.event_type, row.state) for row in receiver.rows()] == [("moon.eclipsed", "pending")]


@pytest.mark.parametrize(
    ("body", "headers", "event"),
    [
        (b'{"eventId": "a", "id": "b", "event": "t"}', [], Event("a", "t")),
        (b'{"event_id": 12345678901234567890}', [], Event("12345678901234567890")),
        (b'{"eventId": null, "event_id": {"x": 1}, "id": 5}', [], Event("5")),
        (b'{"id": 1.5, "type": ["x"]}', [], Event()),
        (b'{"id": true}', [], Event()),
        (b' \n{"id": "a\\u00e9"}', [], Event("aé")),
        (b'{"id": "x"}', [(b"x-servicetitan-event", b" job.created ")], Event("x", "job.created")),
        (b'{"type": "body"}', [(b"x-servicetitan-event", b"")], Event("", "body")),
        (b'{"id": "x"}', [(b"x-servicetitan-webhook-id", b"hook")], Event("x")),
        (b'[{"id": "x"}]', [], Event()),
        (b'"text"', [], Event()),
        (b'{"text": "[[[[{{{{,,,,' + b"[" * 5_000 + b'"}', [], Event()),
        (b"[" * DEEPEST + b"]" * DEEPEST, [], Event()),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), [], Event(unusable="nested deeper than 64")),
        (b"[" + b"1," * (MOST_VALUES - 3) + b"1]", [], Event()),
        (b'{"a": [1, }', [], Event(unusable="not JSON")),
    ],
)
def test_where_id_and_type_are_found(body: bytes, headers: list[tuple[bytes, bytes]], event: Event) -> None:
    assert read_event(body, headers, Places()) == event


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers() | st.floats(), lambda inner: (
    st.lists(inner) | st.dictionaries(st.sampled_from(["id", "type", "x"]) | st.text(), inner))).map(
        lambda value: json.dumps(value).encode()))  # fmt: skip
def test_reading_never_fails_and_agrees_with_the_standard_library(body: bytes) -> None:
    event = read_event(body, [], Places())
    try:
        json.loads(body.decode("utf-8"), parse_constant=lambda _name: 1 / 0)
        readable = True
    except (ValueError, ZeroDivisionError):
        readable = False
    assert readable == (event.unusable == "")
