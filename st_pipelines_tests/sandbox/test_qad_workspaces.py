"""The workspace header decides the company; without it the user's default takes the document, silently."""

from collections.abc import Iterator

import pytest

from st_pipelines_tests.sandbox.qad_client import Qad, exact, invoice


@pytest.fixture
def customer(qad: Qad) -> str:
    return str(qad.customer()["customerCode"])


def sharing(qad: Qad, workspace: str | None) -> Qad:
    other = Qad(str(qad.http.base_url), workspace)
    other.token = qad.token
    return other


@pytest.fixture
def second(qad: Qad) -> Iterator[Qad]:
    session = sharing(qad, "10USA_20USACO")
    yield session
    session.http.close()


def test_workspaces_are_listed_with_the_default(qad: Qad) -> None:
    listed = qad.get("/api/webshell/workspaces").json()["data"]["workspaces"]
    assert [(one["workspaceId"], one["isDefault"]) for one in listed] == [
        ("10USA_10USACO", True),
        ("10USA_20USACO", False),
        ("99TRAIN_99TRAINCO", False),
    ]


def test_without_the_header_a_document_lands_in_the_default_company(qad: Qad, second: Qad, customer: str) -> None:
    nowhere = sharing(qad, None)
    made = nowhere.create("customerInvoices", **invoice(customer, "10.00", entityCode="20USACO"))
    assert (made["domainCode"], made["entityCode"]) == ("10USA", "10USACO")
    assert second.rows("customerInvoices") == []
    nowhere.http.close()


def test_an_unknown_workspace_is_403(qad: Qad) -> None:
    answer = sharing(qad, "10USA_99").get("/api/erp/glAccounts")
    assert answer.status_code == 403 and answer.json()["errors"][0]["code"] == "403"


def test_documents_of_one_entity_do_not_exist_in_another(qad: Qad, second: Qad, customer: str) -> None:
    made = qad.create("customerInvoices", **invoice(customer, "10.00"))
    keys = {key: made[key] for key in ("entityCode", "daybookCode", "postingYear", "voucherNumber")}
    assert qad.read("customerInvoices", **keys) == made
    assert second.read("customerInvoices", **keys) is None
    assert second.rows("customerInvoices", "customLong0,eq,ST:1:invoice:1,literal") == []
    refused = exact(second.send("customerInvoices", made, **keys))
    assert (
        refused["submitResult"]["success"] is False
        and "does not exist" in refused["submitResult"]["errors"][0]["message"]
    )


def test_voucher_numbers_run_by_entity_daybook_and_year(qad: Qad, second: Qad, customer: str) -> None:
    credit = {"daybookCode": "ARCRN", "invoiceType": "Credit Note"}
    numbers = [
        qad.create("customerInvoices", **invoice(customer, "1.00"))["voucherNumber"],
        qad.create("customerInvoices", **invoice(customer, "1.00"))["voucherNumber"],
        second.create("customerInvoices", **invoice(customer, "1.00"))["voucherNumber"],
        qad.create("customerInvoices", **_credit(customer, **credit))["voucherNumber"],
    ]
    assert numbers == [1, 2, 1, 1]


def test_masters_of_a_shared_set_are_seen_by_every_domain_that_shares_it(qad: Qad, second: Qad, customer: str) -> None:
    training = sharing(qad, "99TRAIN_99TRAINCO")
    for session in (qad, second, training):
        assert session.read("customerV2s", sharedSetCode="CUST", customerCode=customer) is not None
    assert qad.read("mfgCustomers", domainContext="10USA", customerCode=customer) is not None
    assert training.read("mfgCustomers", domainContext="10USA", customerCode=customer) is None
    training.http.close()


def _credit(customer: str, **changes: object) -> dict[str, object]:
    made = invoice(customer, "1.00", **changes)
    made["postingLines"][0]["isDebit"] = True
    return made
