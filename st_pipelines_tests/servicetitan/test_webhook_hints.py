"""Whatever a webhook looks like, it is read as one record to look at or as a reason; its content is never used."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.servicetitan.webhooks import Hint, NoHint, read_hint

SUBJECTS = {
    "invoices": [("invoice",), ("accounting", "invoice"), ("invoices",)],
    "payments": [("payment",), ("payments",)],
    "bills": [("bill",), ("inventory", "bill"), ("inventory", "bills")],
    "customers": [("customer",), ("crm", "customer")],
    "vendors": [("vendor",), ("inventory", "vendor")],
    "purchase_orders": [("purchase", "order"), ("purchase", "orders")],
    "receipts": [("receipt",), ("inventory", "receipt")],
    "locations": [("location",)],
}
SPELLINGS = (
    ".".join,
    "_".join,
    "-".join,
    "/".join,
    " ".join,
    lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    lambda words: "".join(word.capitalize() for word in words),
    lambda words: "_".join(words).upper(),
)
verbs = st.sampled_from(["created", "updated", "deleted", "voided", "posted", "received", "paid", "changed"])


def body(**content: Any) -> bytes:
    return json.dumps(content).encode()


@given(st.data(), st.sampled_from(sorted(SUBJECTS)), verbs, st.integers(1, 2**63 - 1))
def test_any_spelling_of_a_known_event_names_its_entity(
    data: st.DataObject, entity: str, verb: str, number: int
) -> None:
    words = data.draw(st.sampled_from(SUBJECTS[entity]))
    spelled = data.draw(st.sampled_from(SPELLINGS))((*words, verb))  # type: ignore[no-untyped-call]
    in_header = data.draw(st.booleans())
    content: dict[str, Any] = {"data": {"id": number}}
    if not in_header:
        content[data.draw(st.sampled_from(["eventType", "event_type", "event", "type"]))] = spelled
    found = read_hint(spelled if in_header else "", body(**content))
    assert isinstance(found, Hint), spelled
    assert (found.entity, found.record_id) == (entity, number)


@pytest.mark.parametrize(
    "content",
    [
        {"data": {"id": 7}}, {"data": {"id": "7"}}, {"invoiceId": 7}, {"data": {"invoiceId": 7}}, {"id": 7},
        {"invoice": {"id": 7}}, {"eventId": "5b2c", "id": "not a number", "data": {"id": 7}}, {"entityId": "7"},
        {"payload": {"id": 7, "total": "1.00"}}, {"id": 99, "data": {"id": 7}}, {"id": 99, "invoice_id": 7},
    ],
)  # fmt: skip
def test_the_id_is_found_in_every_documented_place(content: dict[str, Any]) -> None:
    assert read_hint("invoice.updated", body(**content)) == Hint("invoices", 7, "invoice.updated")


@pytest.mark.parametrize(
    "value", [0, -1, 2**63, 7.0, True, None, "", "07", "7.0", "٧", "7; drop", [7], {"id": 7}, "9" * 30]
)
def test_what_is_no_id_is_not_taken_for_one(value: Any) -> None:
    found = read_hint("invoice.updated", body(data={"id": value}))
    assert isinstance(found, NoHint) and found.kind == "no id"


@pytest.mark.parametrize(
    "event",
    ["job.completed", "rocket.launched", "invoiceItemCreated", "invoice.email.sent", "apBill.created", "customer",
     "estimateApproved", "creditMemoCreated", "location.contact.updated", "created"],
)  # fmt: skip
def test_an_event_about_something_else_is_not_taken_for_a_known_one(event: str) -> None:
    found = read_hint(event, body(data={"id": 7}))
    if event == "customer":  # a name without a verb still says what to look at
        assert found == Hint("customers", 7, "customer")
    else:
        assert isinstance(found, NoHint) and found.kind == "unknown event" and event in found.reason


def test_a_contact_is_read_through_its_customer() -> None:
    assert read_hint("contact.updated", body(data={"id": 7}, customerId=9)) == Hint("customers", 9, "contact.updated")
    inside = body(data={"id": 7, "customerId": 9})
    assert read_hint("customer-contact.created", inside) == Hint("customers", 9, "customer-contact.created")
    found = read_hint("contact.updated", body(data={"id": 7}))
    assert isinstance(found, NoHint) and found.kind == "no id"


def test_a_company_names_events_itself_and_switches_some_off() -> None:
    names = {"billing.document.finalized": "invoices", "InvoiceUpdated": ""}
    assert read_hint("billingDocumentFinalized", body(id=7), names) == Hint("invoices", 7, "billingDocumentFinalized")
    found = read_hint("invoice.updated", body(id=7), names)
    assert isinstance(found, NoHint) and found.kind == "ignored event"


def test_the_header_goes_before_the_body() -> None:
    found = read_hint("payment.created", body(type="invoice.created", id=7))
    assert found == Hint("payments", 7, "payment.created")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_a_body_that_is_no_object_is_told_with_its_reason(content: bytes) -> None:
    found = read_hint("invoice.updated", content)
    assert isinstance(found, NoHint) and found.kind == "unreadable"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@given(st.text(max_size=60) | st.just(""), st.binary(max_size=60) | json_values.map(lambda v: json.dumps(v).encode()))
def test_nothing_makes_it_fail(event: str, content: bytes) -> None:
    found = read_hint(event, content)
    assert (isinstance(found, Hint) and found.record_id > 0) or (isinstance(found, NoHint) and found.reason)


@given(
    st.dictionaries(st.sampled_from(["total", "amount", "customer", "syncStatus", "items"]), json_values, max_size=5)
)
def test_content_beside_the_id_changes_nothing(content: dict[str, Any]) -> None:
    assert read_hint("invoice.updated", body(data={**content, "id": 7})) == Hint("invoices", 7, "invoice.updated")


def test_an_event_name_is_harmless_where_it_is_shown() -> None:
    found = read_hint("rocket\n\x1b[31m launched" * 20, b"{}")
    assert (
        isinstance(found, NoHint)
        and "\n" not in found.reason
        and "\x1b" not in found.reason
        and len(found.event) <= 100
    )
