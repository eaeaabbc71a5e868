"""Failure switches on QAD's own traffic: what was applied is in the books once, whatever the client saw."""

import httpx
import pytest

from st_pipelines_tests.sandbox.qad_client import KEYS, Qad, invoice


@pytest.fixture
def record(qad: Qad) -> dict[str, object]:
    return invoice(str(qad.customer()["customerCode"]), "10.00")


@pytest.mark.parametrize(("action", "held"), [("apply_then_drop", 1), ("truncate", 1), ("drop_before", 0)])
def test_a_lost_answer_and_a_lost_request_look_alike_from_outside(
    qad: Qad, record: dict[str, object], action: str, held: int
) -> None:
    qad.arm(action, match={"method": "POST", "path": "customerInvoices", "body": "ST:1:invoice:1"})
    with pytest.raises(httpx.RemoteProtocolError):
        qad.send("customerInvoices", record)
    assert len(qad.state("customer_invoices")) == held
    assert len(qad.rows("customerInvoices", "customLong0,eq,ST:1:invoice:1,literal")) == held


@pytest.mark.parametrize(("apply", "held"), [(True, 1), (False, 0)])
def test_a_bad_gateway_may_hide_a_commit(qad: Qad, record: dict[str, object], apply: bool, held: int) -> None:
    qad.arm("status", status=502, apply=apply, match={"method": "POST"})
    answer = qad.send("customerInvoices", record)
    assert answer.status_code == 502 and answer.text.startswith("<html>")
    assert len(qad.state("customer_invoices")) == held


def test_a_storm_of_429_ends_and_nothing_was_done_in_it(qad: Qad, record: dict[str, object]) -> None:
    qad.arm("throttle", count=3, match={"path": "/api/erp/"})
    assert [qad.send("customerInvoices", record).status_code for _ in range(4)] == [429, 429, 429, 200]
    assert len(qad.state("customer_invoices")) == 1


def test_a_refusal_can_be_put_into_qads_mouth(qad: Qad, record: dict[str, object]) -> None:
    qad.arm("refuse", text="Odd refusal", field="glCode", code="999")
    errors = qad.refused("customerInvoices", **record)
    assert errors == [{"fieldName": "GlCode", "message": "Odd refusal", "fieldValue": "", "code": "999", "severity": 1}]
    assert qad.state("customer_invoices") == []


def test_a_default_refusal_is_a_lock(qad: Qad, record: dict[str, object]) -> None:
    qad.arm("refuse")
    assert "locked" in qad.refused("customerInvoices", **record)[0]["message"]
    assert qad.create("customerInvoices", **record)["voucherNumber"] == 1


def test_a_late_write_appears_after_its_absence_was_seen(qad: Qad, record: dict[str, object]) -> None:
    qad.arm("apply_late", seconds=0.2, match={"method": "POST", "path": "customerInvoices"})
    with pytest.raises(httpx.RemoteProtocolError):
        qad.send("customerInvoices", record)
    assert qad.rows("customerInvoices", "customLong0,eq,ST:1:invoice:1,literal") == []
    while qad.http.get("/_sandbox/faults").json()["pending"]:
        pass
    assert len(qad.rows("customerInvoices", "customLong0,eq,ST:1:invoice:1,literal")) == 1


def test_a_lagging_index_hides_the_newest_record_from_lists_only(qad: Qad, record: dict[str, object]) -> None:
    first, second = (qad.create("customerInvoices", **record) for _ in range(2))
    qad.arm("lag_index", match={"method": "GET", "query": "page=1"})
    wanted = "customLong0,eq,ST:1:invoice:1,literal"
    assert qad.rows("customerInvoices", wanted) == [first]
    assert qad.read("customerInvoices", **{key: second[key] for key in KEYS["customerInvoices"]}) == second
    assert qad.rows("customerInvoices", wanted) == [first, second]


def test_an_answer_may_show_another_document(qad: Qad, record: dict[str, object]) -> None:
    first = qad.create("customerInvoices", **record)
    qad.arm("wrong_reply")
    assert qad.create("customerInvoices", **{**record, "customLong0": "ST:1:invoice:2"}) == first
    assert [one["customLong0"] for one in qad.state("customer_invoices")] == ["ST:1:invoice:1", "ST:1:invoice:2"]
