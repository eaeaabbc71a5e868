"""Posted, refused, not sent or unknown: only what QAD said in so many words counts (reliability L9)."""

import json
from typing import Any

import pytest

from st_pipelines.posting.target import NotSent, Outcome, Posted, Refused, Unknown, Write, WrongCompany
from st_pipelines.systems.http.exact_json import decode
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.samples import BOOKS, CUSTOMER, bill, invoice, key, party
from st_pipelines_tests.qad.scripted import Answer, said, scripted
from st_pipelines_tests.qad.tenant import Tenant

ECHO = {"entityCode": "10USACO", "domainCode": "10USA", "daybookCode": "ARINV", "postingYear": 2026,
        "voucherNumber": 17, "customLong0": key("invoice", 7001)}  # fmt: skip
OK = {"success": True, "errors": []}


def _sent(profile: Profile, answer: Answer) -> Outcome:
    with scripted(profile, answer) as script:
        target = QadTarget(script.qad)
        document = invoice()
        body = target.render(document, "create", document.doc_key, CUSTOMER, None, "")
        outcome = target.send(Write("create", document.kind, BOOKS, document.doc_key, "k", body))
        writes = [one for one in script.seen if one[0] == "POST"]
        assert len(writes) == 1  # never repeated, whatever came back
        assert writes[0][3] == BOOKS
        assert writes[0][4] == body
        assert writes[0][2] == []  # no keys in the query: a create
    return outcome


def test_success_with_our_reference_and_qads_number_is_posted(profile: Profile) -> None:
    outcome = _sent(profile, lambda request, body: {"submitResult": OK, "customerInvoices": [ECHO]})
    assert isinstance(outcome, Posted)
    assert (outcome.target_id, outcome.number) == ("10USACO|ARINV|2026|17", "ARINV/2026/17")
    assert len(outcome.response_sha256) == 64
    wrapped = _sent(profile, lambda request, body: {"submitResult": OK, "data": {"customerInvoices": [ECHO]}})
    assert isinstance(wrapped, Posted)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"submitResult": {}},
        {"submitResult": OK},  # success without a number
        {"submitResult": OK, "customerInvoices": [{**ECHO, "voucherNumber": ""}]},
        {"submitResult": OK, "customerInvoices": [{**ECHO, "customLong0": key("invoice", 7002)}]},  # another's answer
        {"submitResult": OK, "customerInvoices": [ECHO, ECHO]},
        {"submitResult": {"success": "true", "errors": []}, "customerInvoices": [ECHO]},
        {"submitResult": {"errors": [{"message": "half a thought"}]}},
        {"errors": []},
        [],
        "done",
        None,
    ],
    ids=str,
)
def test_what_says_neither_success_nor_failure_is_unknown(profile: Profile, answer: Any) -> None:
    assert isinstance(_sent(profile, lambda request, body: said(answer)), Unknown)


@pytest.mark.parametrize(
    ("content", "status", "media_type"),
    [
        (b"<html>Bad Gateway</html>", 502, "text/html"),
        (b"<html>Welcome</html>", 200, "text/html"),
        (b"", 200, "application/json"),
        (b'{"submitResult": {"success": true', 200, "application/json"),
        (b'{"submitResult": {"success": NaN}}', 200, "application/json"),
        (b"{}", 503, "application/json"),
        (b"<html>Not Found</html>", 404, "text/html"),
        (b"", 302, "text/html"),
    ],
)
def test_a_garbled_gateway_or_server_answer_is_unknown(
    profile: Profile, content: bytes, status: int, media_type: str
) -> None:
    assert isinstance(_sent(profile, lambda request, body: said(content, status, media_type)), Unknown)


def _failure(*errors: dict[str, Any]) -> dict[str, Any]:
    return {"submitResult": {"success": False, "errors": list(errors)}}


def test_a_failure_inside_http_200_is_refused_with_field_and_words(profile: Profile) -> None:
    problem = {
        "fieldName": "CostCentreCode",
        "message": "The field costCentreCode is mandatory.",
        "code": "3",
        "severity": 1,
    }
    outcome = _sent(profile, lambda request, body: _failure(problem))
    assert isinstance(outcome, Refused)
    assert (outcome.field, outcome.code, outcome.read_back_first) == ("costCentreCode", "3", False)
    assert "costCentreCode: The field costCentreCode is mandatory. (code 3)" in outcome.reason


@pytest.mark.parametrize(
    "problem",
    [
        {"message": "10000042 already exists.", "fieldName": "customerCode", "code": "5"},
        {"message": "The concurrency hash is stale.", "fieldName": "concurrencyHash"},
    ],
)
def test_a_duplicate_or_stale_answer_is_read_back_before_it_is_believed(
    profile: Profile, problem: dict[str, Any]
) -> None:
    outcome = _sent(profile, lambda request, body: _failure(problem))
    assert isinstance(outcome, Refused)
    assert outcome.read_back_first


def test_a_refusal_without_reasons_is_read_back_too(profile: Profile) -> None:
    outcome = _sent(profile, lambda request, body: _failure())
    assert isinstance(outcome, Refused)
    assert outcome.read_back_first


def test_a_lock_is_tried_again_later(profile: Profile) -> None:
    outcome = _sent(profile, lambda request, body: _failure({"message": "Record is locked by mfg", "code": "95"}))
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s > 0


@pytest.mark.parametrize("status", [200, 403])
def test_a_missing_permission_is_named(profile: Profile, status: int) -> None:
    bare = {"errors": [{"severity": 1, "code": "403", "message": "Access is denied", "fieldName": ""}]}
    outcome = _sent(profile, lambda request, body: said(bare, status))
    assert isinstance(outcome, Refused)
    assert "Access is denied" in outcome.reason
    assert outcome.code == "403"


def test_a_throttle_is_proven_not_executed(profile: Profile) -> None:
    def answer(request: Any, body: bytes) -> Any:
        made = said({"error": "slow down"}, 429)
        made.headers["Retry-After"] = "3"
        return made

    outcome = _sent(profile, answer)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after_s >= 3


def test_nobody_there_is_not_sent(profile: Profile) -> None:
    with scripted(profile, lambda request, body: {}) as script:
        target = QadTarget(script.qad)
        body = target.render(invoice(), "create", key("invoice", 7001), CUSTOMER, None, "")
    outcome = target.send(Write("create", "customer_invoice", BOOKS, key("invoice", 7001), "k", body))
    assert isinstance(outcome, NotSent)


def test_an_answer_from_other_books_stops_all_sending_to_that_company(profile: Profile) -> None:
    with scripted(
        profile, lambda request, body: {"submitResult": OK, "customerInvoices": [{**ECHO, "entityCode": "99X"}]}
    ) as script:
        target = QadTarget(script.qad)
        body = target.render(invoice(), "create", key("invoice", 7001), CUSTOMER, None, "")
        write = Write("create", "customer_invoice", BOOKS, key("invoice", 7001), "k", body)
        with pytest.raises(WrongCompany, match="99X"):
            target.send(write)
        second = target.send(write)
        assert isinstance(second, NotSent)
        assert "99X" in second.reason
        assert len(script.seen) == 1


def test_an_update_sends_all_keys_and_a_body_of_another_record_is_not_sent(profile: Profile) -> None:
    held = {"businessRelationCode": "STC42", "businessRelationName1": "Old", "concurrencyHash": "h1", "isActive": True}

    def answer(request: Any, body: bytes) -> Any:
        if request.method == "GET":
            return {"data": {"businessRelationV2s": [held]}}
        return {"submitResult": OK}

    with scripted(profile, answer) as script:
        target, document = QadTarget(script.qad), samples.relation(party())
        body = target.render(document, "update", document.doc_key, {}, document, "STC42")
        assert decode(body)["businessRelationV2s"][0]["concurrencyHash"] == "h1"
        outcome = target.send(Write("update", document.kind, BOOKS, document.doc_key, "k", body, "STC42"))
        assert outcome == Posted("STC42", "STC42", outcome.response_sha256)  # type: ignore[union-attr]
        assert ("businessRelationCode", "STC42") in script.seen[-1][2]
        seen = len(script.seen)
        other = target.send(Write("update", document.kind, BOOKS, document.doc_key, "k", body, "STC43"))
        assert isinstance(other, Refused)
        assert len(script.seen) == seen


@pytest.mark.parametrize("action", ["apply_then_drop", "truncate", "garble", "html"])
def test_a_write_that_qad_took_and_whose_answer_was_lost_is_unknown_and_then_found(qad: Tenant, action: str) -> None:
    qad.customer()
    qad.arm(action=action, apply=True, match={"method": "POST", "path": "customerInvoices"})
    assert isinstance(qad.send(invoice()), Unknown)
    (found,) = qad.target.find("customer_invoice", BOOKS, [key("invoice", 7001)])[key("invoice", 7001)]
    assert qad.target.differences(invoice(), found) == []
    assert len(qad.state("customer_invoices")) == 1


def test_an_expired_session_is_renewed_once_and_the_write_goes_out_once(qad: Tenant) -> None:
    qad.customer()
    qad.control("clock", {"advance": 1000})  # the token has rested longer than its idle life
    qad.post(invoice(7001))
    qad.control("clock", {"advance": 4000})  # and is older than its absolute life
    qad.post(invoice(7002))
    assert len(qad.state("customer_invoices")) == 2


def test_a_sign_in_that_stays_refused_is_not_sent(qad: Tenant) -> None:
    qad.customer()
    write = qad.write(invoice())
    qad.arm(action="expire_token", count=None, match={"path": "/api/"})
    assert isinstance(qad.target.send(write), NotSent)
    qad.disarm()
    assert qad.state("customer_invoices") == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": (samples.line(1, "4999", "10.00"),)}, "glCode"),
        ({"lines": (samples.line(1, "4000", "10.00", centre="9900"),)}, "costCentreCode"),
        ({"lines": (samples.line(1, "4000", "10.00", centre=""),)}, "costCentreCode"),
        ({"terms": "N99"}, "creditTermsCode"),
    ],
)
def test_qads_own_refusals_name_their_field(qad: Tenant, changes: dict[str, Any], field: str) -> None:
    qad.customer()
    outcome = qad.send(invoice(**changes))
    assert isinstance(outcome, Refused)
    assert outcome.field == field
    assert qad.state("customer_invoices") == []


def test_a_closed_period_is_refused_and_the_date_is_not_moved(qad: Tenant) -> None:
    qad.customer()
    qad.vendor()
    qad.arm(action="closed_period", count=None)
    for document in (invoice(), bill()):
        outcome = qad.send(document)
        assert isinstance(outcome, Refused)
        assert outcome.field == "postingDate"
        assert "closed" in outcome.reason


def test_a_customer_that_changed_meanwhile_is_not_overwritten(qad: Tenant) -> None:
    qad.customer()
    first = qad.write(samples.master(party(terms="N15")), "update")
    second = qad.write(samples.master(party(terms="N45")), "update")
    assert isinstance(qad.target.send(first), Posted)
    outcome = qad.target.send(second)
    assert isinstance(outcome, Refused)
    assert outcome.read_back_first
    assert qad.state("customers")[0]["creditTermsCode"] == "N15"


def test_a_relation_code_that_is_taken_is_read_back_and_not_adopted_blindly(qad: Tenant) -> None:
    qad.post(samples.relation(party(name="Somebody Else")))
    outcome = qad.send(samples.relation(party()))
    assert isinstance(outcome, Refused)
    assert outcome.read_back_first
    (found,) = qad.target.find("business_relation", BOOKS, [f"{key('customer', 42)}:relation"]).popitem()[1]
    said = qad.target.differences(samples.relation(party()), found)
    assert "businessRelationName1: planned \"Ada's Bakery & Co\", QAD holds 'Somebody Else'" in said


def test_the_frozen_body_is_sent_byte_for_byte(qad: Tenant) -> None:
    qad.customer()
    write = qad.write(invoice())
    assert json.loads(write.body)["customerInvoices"][0]["invoiceReference"] == "J-7001"
    assert qad.write(invoice()).body == write.body
