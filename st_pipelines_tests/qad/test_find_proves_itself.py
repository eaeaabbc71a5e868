"""A document is found by the exact reference it carries, in few questions; what looks like absence must be absence."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from st_pipelines.systems.http.exact_json import decode
from st_pipelines.systems.qad.answers import UntrustedAnswer
from st_pipelines.systems.qad.client import MissingPermission
from st_pipelines.systems.qad.lists import Filter
from st_pipelines.systems.qad.post import QadTarget
from st_pipelines.systems.qad.profile import Profile
from st_pipelines_tests.qad import samples
from st_pipelines_tests.qad.samples import BOOKS, invoice, key, line, payment
from st_pipelines_tests.qad.scripted import scripted
from st_pipelines_tests.qad.tenant import Tenant

REFERENCE = key("invoice", 7001)
RECORD = {
    "domainCode": "10USA",
    "entityCode": "10USACO",
    "daybookCode": "ARINV",
    "postingYear": 2026,
    "voucherNumber": 1,
}


def _finding(profile: Profile, answer: Callable[[Any, bytes], Any]) -> Any:
    with scripted(profile, answer) as script:
        return QadTarget(script.qad).find("customer_invoice", BOOKS, [REFERENCE])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{**RECORD, "customLong0": key("invoice", 9999)}], "QAD ignored the filter"),
        ([{**RECORD, "customLong0": ""}], "QAD ignored the filter"),
        ([RECORD], "do not carry customLong0"),
        ([{**RECORD, "customLong0": REFERENCE}], "postingLines|customerInvoice"),  # the accounts cannot be compared
        ("none", "not a list"),
    ],
)
def test_an_answer_that_proves_nothing_raises(profile: Profile, rows: Any, said: str) -> None:
    with pytest.raises(UntrustedAnswer, match=said):
        _finding(profile, lambda request, body: {"data": rows})


def test_a_row_that_differs_in_letter_case_is_not_ours(profile: Profile) -> None:
    assert _finding(profile, lambda request, body: {"data": [{**RECORD, "customLong0": REFERENCE.lower()}]}) == {}


def test_a_denied_or_failed_question_is_not_an_absence(profile: Profile) -> None:
    denied = {"errors": [{"code": "403", "message": "Access is denied"}]}
    with pytest.raises(MissingPermission):
        _finding(profile, lambda request, body: denied)
    with pytest.raises(UntrustedAnswer):
        _finding(profile, lambda request, body: {"errors": [{"code": "9", "message": "browse is broken"}]})
    with pytest.raises(UntrustedAnswer):
        _finding(profile, lambda request, body: {})


def test_two_documents_under_one_reference_are_both_seen(qad: Tenant) -> None:
    qad.customer()
    qad.post(invoice())
    qad.post(invoice())
    assert len(qad.target.find("customer_invoice", BOOKS, [REFERENCE])[REFERENCE]) == 2


def test_neighbours_are_asked_for_together_and_strangers_alone(qad: Tenant) -> None:
    qad.customer()
    numbers = [*range(7001, 7041), 12, 880000]
    for number in numbers:
        qad.post(invoice(number, lines=(line(1, "4000", "10.00"),)))
    absent = [key("invoice", number) for number in (7050, 7051, 70, 700, 13)]
    qad.control("log", method="DELETE")
    found = qad.target.find("customer_invoice", BOOKS, [*(key("invoice", number) for number in numbers), *absent])
    asked = [one for one in qad.control("log")["requests"] if "customerInvoices" in one["path"]]
    assert found.keys() == {key("invoice", number) for number in numbers}
    assert all(len(rows) == 1 for rows in found.values())
    assert len(asked) < 12
    parties = [one for one in qad.control("log")["requests"] if "customerV2s" in one["path"]]
    assert len(parties) == 1  # one customer, asked for once


def test_a_crowded_neighbourhood_is_asked_for_one_by_one(qad: Tenant) -> None:
    qad.customer()
    small = qad.client.profile.limits.model_copy(update={"page_rows_for_find": 3})
    qad.client.profile = qad.client.profile.model_copy(update={"limits": small})
    for number in range(7001, 7006):
        qad.post(invoice(number, lines=(line(1, "4000", "10.00"),)))
    wanted = [key("invoice", number) for number in range(7001, 7008)]
    assert sorted(qad.target.find("customer_invoice", BOOKS, wanted)) == wanted[:5]


def test_another_partys_document_is_a_difference(qad: Tenant) -> None:
    qad.customer(42)
    qad.customer(43, name="Somebody Else")
    qad.references[key("customer", 42)] = qad.references[key("customer", 43)]  # as if codes were mixed up
    qad.post(invoice())
    (found,) = qad.target.find("customer_invoice", BOOKS, [REFERENCE])[REFERENCE]
    (said,) = qad.target.differences(invoice(), found)
    assert "planned ST:1234567:customer:42, QAD holds ST:1234567:customer:43" in said


@pytest.mark.parametrize(
    ("planned", "said"),
    [
        (invoice(lines=(line(1, "4100", "97.43"),)), "4100/1100/01"),
        (invoice(lines=(line(1, "4000", "97.44"),)), "total: planned 97.44, QAD holds 97.43"),
        (invoice(lines=(line(1, "4000", "97.43", centre="1200"),)), "4000/1200/01"),
        (invoice(lines=(line(1, "4000", "97.43"),), invoice_date=date(2026, 10, 6)), "invoiceDate: planned 2026-10-06"),
        (invoice(lines=(line(1, "4000", "97.43"),), posting_date=date(2026, 10, 6)), "postingDate: planned 2026-10-06"),
        (invoice(lines=(line(1, "4000", "97.43"),), currency="CAD"), "currency: planned CAD"),
    ],
)
def test_what_the_books_see_differently_is_said(qad: Tenant, planned: Any, said: str) -> None:
    qad.customer()
    qad.post(invoice(lines=(line(1, "4000", "97.43"),)))
    (found,) = qad.target.find("customer_invoice", BOOKS, [REFERENCE])[REFERENCE]
    assert any(said in difference for difference in qad.target.differences(planned, found))


def test_lists_take_in_the_whole_range_of_dates_and_only_ours(qad: Tenant) -> None:
    qad.customer()
    for number, day in (
        (1, date(2026, 9, 30)),
        (2, date(2026, 10, 1)),
        (3, date(2026, 10, 31)),
        (4, date(2026, 11, 1)),
    ):
        qad.post(payment(number, posting_date=day, payment_date=day))
    by_hand = decode(qad.write(payment(5)).body)
    by_hand["customerPayments"][0]["customLong0"] = "typed in by somebody"
    qad.client.submit("customerPayment", _books(), _encoded(by_hand), (), reference="by hand")
    small = qad.client.profile.paging.model_copy(update={"page_size": 2})
    qad.client.profile = qad.client.profile.model_copy(update={"paging": small})
    listed = list(qad.target.list_posted("customer_payment", BOOKS, date(2026, 10, 1), date(2026, 10, 31)))
    assert sorted(one.external_ref for one in listed) == [key("payment", 2), key("payment", 3)]
    assert len(list(qad.target.list_posted("customer", BOOKS, date(2026, 10, 1), date(2026, 10, 1)))) == 1


def _books() -> Any:
    from st_pipelines.systems.qad.company import company

    return company(BOOKS)


def _encoded(body: Any) -> bytes:
    from st_pipelines.systems.qad.wire_values import canonical

    return canonical(body)


@given(st.text(max_size=30))
def test_a_filter_value_can_not_break_out_of_its_place(value: str) -> None:
    try:
        text = str(Filter("customLong0", "eq", value))
    except ValueError:
        assert "," in value or any(ord(character) < 32 for character in value)
        return
    assert text.split(",") == ["customLong0", "eq", value, "literal"]


def test_the_void_of_a_payment_is_no_document_of_its_own(qad: Tenant) -> None:
    qad.customer()
    cash = payment()
    qad.post(cash)
    asked = [cash.doc_key, f"{cash.doc_key}:void"]
    void = changed_to_void(cash)
    (found,) = qad.target.find("customer_payment", BOOKS, asked)[cash.doc_key]
    assert qad.target.differences(void, found) != []
    qad.post(cash, op="void", previous=cash)
    answer = qad.target.find("customer_payment", BOOKS, asked)
    assert list(answer) == [cash.doc_key]
    assert qad.target.differences(void, answer[cash.doc_key][0]) == []


def test_the_void_of_an_invoice_is_found_under_its_own_reference(qad: Tenant) -> None:
    qad.customer()
    sale = invoice()
    qad.post(sale)
    void = changed_to_void(sale)
    (standing,) = qad.target.find("customer_invoice", BOOKS, [sale.doc_key, f"{sale.doc_key}:void"])[sale.doc_key]
    assert "still stands" in qad.target.differences(void, standing)[0]
    qad.post(sale, op="void", previous=sale)
    (reversal,) = qad.target.find("customer_invoice", BOOKS, [f"{sale.doc_key}:void"])[f"{sale.doc_key}:void"]
    assert qad.target.differences(void, reversal) == []


def test_a_retired_customer_is_inactive_and_that_is_what_is_compared(qad: Tenant) -> None:
    qad.customer()
    customer = samples.master(samples.party())
    void = changed_to_void(customer)
    asked = [customer.doc_key, f"{customer.doc_key}:void"]
    (found,) = qad.target.find("customer", BOOKS, asked)[customer.doc_key]
    assert qad.target.differences(void, found) == ["isActive: planned 'False', QAD holds 'True'"]
    qad.post(customer, op="void", previous=customer)
    (found,) = qad.target.find("customer", BOOKS, asked)[customer.doc_key]
    assert qad.target.differences(void, found) == []


def test_relation_and_domain_record_end_with_the_customer_and_stay_as_they_are(qad: Tenant) -> None:
    qad.customer()
    for document in (
        samples.relation(samples.party()),
        samples.domain(samples.party()),
        samples.master(samples.party()),
    ):
        qad.post(document, op="void", previous=document)
        (found,) = qad.target.find(document.kind, BOOKS, [document.doc_key, f"{document.doc_key}:void"]).popitem()[1]
        assert qad.target.differences(changed_to_void(document), found) == []
    assert [one["isActive"] for one in (*qad.state("business_relations"), *qad.state("customers"))] == [True, False]
    assert qad.state("customer_domains")[0]["siteCode"] == "100"


def changed_to_void(document: Any) -> Any:
    return samples.changed(document, disposition="void")
