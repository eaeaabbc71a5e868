"""Business relations, customers in two steps, suppliers: numbers, lengths, codes, hashes."""

from typing import Any

import pytest

from st_pipelines_tests.sandbox.qad_client import PROFILES, VIEWS, Qad, exact


def fields(errors: list[dict[str, Any]]) -> list[str]:
    return [error["fieldName"] for error in errors]


def test_blank_codes_get_numbers_of_eight_characters(qad: Qad) -> None:
    assert [qad.customer()["customerCode"] for _ in range(2)] == ["C0000001", "C0000002"]
    assert qad.supplier()["supplierCode"] == "S0000001"


def test_a_code_of_ones_own_is_kept_and_refused_the_second_time(qad: Qad) -> None:
    assert qad.customer(customerCode="ST42")["customerCode"] == "ST42"
    relation = qad.create(
        "businessRelationV2s", businessRelationCode="STC42", businessRelationName1="A", languageCode="us"
    )
    errors = qad.refused("businessRelationV2s", **relation)
    assert fields(errors) == ["businessRelationCode"] and "already exists" in errors[0]["message"]


def test_over_long_text_is_refused_with_code_47_and_the_length(qad: Qad) -> None:
    errors = qad.refused("businessRelationV2s", businessRelationName1="x" * 37, languageCode="us")
    assert (errors[0]["fieldName"], errors[0]["code"]) == ("businessRelationName1", "47")
    assert "36" in errors[0]["message"]
    assert qad.state("business_relations") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sharedSetCode", "OTHER"), ("businessRelationCode", "NOBODY"), ("currencyCode", "XXX"),
        ("creditTermsCode", "N99"), ("invoiceStatusCode", "NONE"), ("invoiceStatusCode", "AP-GLALLOC"),
        ("salesAccountGLProfileCode", "NONE"), ("invoiceControlGLProfileCode", ""), ("creditTermsCode", ""),
    ],
)  # fmt: skip
def test_a_code_that_cannot_be_resolved_is_called_mandatory(qad: Qad, field: str, value: str) -> None:
    relation = qad.create("businessRelationV2s", businessRelationName1="A", languageCode="us")
    given = {
        "sharedSetCode": "CUST", "businessRelationCode": relation["businessRelationCode"], "isActive": True,
        "currencyCode": "USD", "creditTermsCode": "N30", "invoiceStatusCode": "AR-ALLOC", **PROFILES,
        "salesAccountGLProfileCode": "SALES",
    }  # fmt: skip
    errors = qad.refused("customerV2s", **{**given, field: value})
    assert fields(errors) == [field] and "mandatory" in errors[0]["message"]
    assert qad.state("customers") == [] and qad.state("customer_domains") == []


def test_the_second_step_of_a_customer_can_fail_alone(qad: Qad) -> None:
    code = qad.customer()["customerCode"]
    half = qad.read("mfgCustomers", domainContext="10USA", customerCode=code)
    assert half is not None and (half["siteCode"], half["daybookSetCode"]) == ("", "")
    qad.arm("refuse", match={"path": "mfgCustomers"}, text="The record is in use by another user.", field="siteCode")
    done = {**half, "siteCode": "100", "daybookSetCode": "STD"}
    answer = qad.update("mfgCustomers", done)
    assert answer["submitResult"]["success"] is False and "in use" in answer["submitResult"]["errors"][0]["message"]
    assert qad.read("customerV2s", sharedSetCode="CUST", customerCode=code) is not None
    assert qad.read("mfgCustomers", domainContext="10USA", customerCode=code) == half
    assert qad.update("mfgCustomers", done)["mfgCustomers"][0]["siteCode"] == "100"


def test_the_domain_record_knows_its_sites_and_is_never_created_by_hand(qad: Qad) -> None:
    half = qad.read("mfgCustomers", domainContext="10USA", customerCode=qad.customer()["customerCode"])
    assert half is not None
    answer = qad.update("mfgCustomers", {**half, "siteCode": "777"})
    assert fields(answer["submitResult"]["errors"]) == ["siteCode"]
    assert qad.refused("mfgCustomers", domainContext="10USA", customerCode="NEW", siteCode="100")


def test_an_update_changes_the_hash_and_the_old_one_is_stale(qad: Qad) -> None:
    read = qad.customer()
    changed = qad.update("customerV2s", {**read, "creditTermsCode": "N15"})["customerV2s"][0]
    assert changed["creditTermsCode"] == "N15" and changed["concurrencyHash"] != read["concurrencyHash"]
    stale = qad.update("customerV2s", {**read, "creditTermsCode": "N45"})
    errors = stale["submitResult"]["errors"]
    assert (errors[0]["code"], errors[0]["fieldName"]) == ("4001", "concurrencyHash")
    assert qad.read("customerV2s", sharedSetCode="CUST", customerCode=read["customerCode"]) == changed


def test_writing_the_same_again_changes_the_hash_too(qad: Qad) -> None:
    one = qad.customer()
    two = qad.update("customerV2s", one)["customerV2s"][0]
    assert two["concurrencyHash"] != one["concurrencyHash"]


def test_an_update_without_a_hash_is_stale(qad: Qad) -> None:
    read = qad.customer()
    del read["concurrencyHash"]
    assert qad.update("customerV2s", read)["submitResult"]["errors"][0]["code"] == "4001"


def test_a_changed_business_relation_makes_a_customers_copy_stale(qad: Qad) -> None:
    read = qad.customer()
    relation = qad.read("businessRelationV2s", businessRelationCode=read["businessRelationCode"])
    assert relation is not None
    qad.update("businessRelationV2s", {**relation, "businessRelationName1": "New name"})
    errors = qad.update("customerV2s", {**read, "creditTermsCode": "N45"})["submitResult"]["errors"]
    assert fields(errors) == ["businessRelationConcurrencyHash"]
    fresh = qad.read("customerV2s", sharedSetCode="CUST", customerCode=read["customerCode"])
    assert fresh is not None and qad.update("customerV2s", fresh)["submitResult"]["success"] is True


def test_keys_of_body_and_query_must_agree(qad: Qad) -> None:
    one, two = qad.customer(), qad.customer()
    answer = exact(qad.send("customerV2s", one, sharedSetCode="CUST", customerCode=two["customerCode"]))
    assert answer["submitResult"]["success"] is False
    assert fields(answer["submitResult"]["errors"]) == ["customerCode"]


def test_unknown_members_are_dropped_without_a_word(qad: Qad) -> None:
    made = qad.customer(externalReference="ST:1:customer:9", favouriteColour="red")
    assert "favouriteColour" not in made and "externalReference" not in made


@pytest.mark.parametrize(("field", "value"), [("isActive", "true"), ("customerCode", 42), ("currencyCode", ["USD"])])
def test_a_value_of_another_type_is_refused_with_its_field(qad: Qad, field: str, value: object) -> None:
    relation = qad.create("businessRelationV2s", businessRelationName1="A", languageCode="us")
    given = {
        "sharedSetCode": "CUST", "businessRelationCode": relation["businessRelationCode"], "isActive": True,
        "currencyCode": "USD", "creditTermsCode": "N30", "invoiceStatusCode": "AR-ALLOC", **PROFILES,
        "salesAccountGLProfileCode": "SALES",
    }  # fmt: skip
    assert fields(qad.refused("customerV2s", **{**given, field: value})) == [field]


def test_a_body_that_is_not_one_record_is_a_gateway_error(qad: Qad) -> None:
    url, query = "/clouderp/demo/api/erp/customerV2s", {"viewUri": VIEWS["customerV2s"]}
    for content in (b"{", b"[]", b'{"customerV2s": []}', b'{"customerV2s": [{}, {}]}', b'{"other": [{}]}', b"\xff"):
        answer = qad.http.post(url, params=query, content=content, headers=qad.headers())
        assert answer.status_code == 400 and answer.json()["errors"][0]["severity"] == 1


def test_a_refusal_may_come_without_errors_or_in_the_bare_envelope(qad: Qad) -> None:
    qad.arm("empty_errors")
    assert qad.refused("businessRelationV2s", businessRelationName1="") == []
    qad.arm("bare_errors")
    answer = qad.send("businessRelationV2s", {"businessRelationName1": ""})
    assert answer.status_code == 200 and "submitResult" not in answer.json() and answer.json()["errors"]


def test_a_write_without_the_view_is_refused(qad: Qad) -> None:
    answer = qad.http.post(
        "/clouderp/demo/api/erp/customerV2s", content=b'{"customerV2s": [{}]}', headers=qad.headers()
    )
    assert answer.status_code == 400
