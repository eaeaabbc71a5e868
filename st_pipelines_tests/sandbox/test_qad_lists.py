"""Reads, lists and browses with QAD's quirks: paging, filters, wrappers, views, metadata."""

from typing import Any

import pytest

from st_pipelines_tests.sandbox.qad_client import VIEWS, Qad, day, exact, invoice

ACCOUNTS = 20


@pytest.fixture
def invoices(qad: Qad) -> list[dict[str, Any]]:
    code = qad.customer()["customerCode"]
    return [
        qad.create(
            "customerInvoices",
            **invoice(code, f"{n}.50", customLong0=f"ST:1:invoice:{n}", postingDate=day(f"2026-10-{n:02d}")),
        )
        for n in range(1, 8)
    ]


def vouchers(qad: Qad, *filters: str) -> list[int]:
    return [row["voucherNumber"] for row in qad.rows("customerInvoices", *filters, size=2)]


def test_one_record_needs_all_its_keys(qad: Qad) -> None:
    assert qad.read("glAccounts", sharedSetCode="COA", glCode="4000")["description"] == "Service Revenue"  # type: ignore[index]
    assert qad.read("glAccounts", glCode="4000") is None
    assert qad.read("glAccounts", sharedSetCode="COA", glCode="4711") is None


def test_the_wrapper_may_be_missing(qad: Qad) -> None:
    qad.arm("no_wrapper")
    bare = qad.get("/api/erp/glAccounts", {"sharedSetCode": "COA", "glCode": "4000"}).json()
    wrapped = qad.get("/api/erp/glAccounts", {"sharedSetCode": "COA", "glCode": "4000"}).json()
    assert wrapped == {"data": bare} and len(bare["glAccounts"]) == 1


@pytest.mark.parametrize("missing", ["page", "pageAction", "both"])
def test_a_list_without_its_paging_has_zero_rows_and_no_error(qad: Qad, missing: str) -> None:
    params = {"browseId": "urn:browse:bebrowse:com.qad.erp.base.creditTerms", "pageSize": "10"}
    params |= {} if missing == "both" else ({"pageAction": "first"} if missing == "page" else {"page": "1"})
    for path, query in (("/api/qracore/browses", params), ("/api/erp/creditTerms", params)):
        answer = qad.get(path, query)
        assert answer.status_code == 200
        assert answer.json() == {"data": [], "auxillaryData": {"HasMoreParams": "false"}}


def test_a_browse_has_flat_dotted_rows_and_a_boolean_as_text(qad: Qad) -> None:
    params = {"browseId": "urn:browse:bebrowse:com.qad.erp.base.creditTerms", "page": "1", "pageSize": "3"}
    body = qad.get("/api/qracore/browses", {**params, "pageAction": "first", "callId": "c-1"}).json()
    assert body["auxillaryData"] == {"HasMoreParams": "true"}
    assert [row["creditTerms.creditTermsCode"] for row in body["data"]] == ["DUE", "N15", "N30"]
    body = qad.get("/api/qracore/browses", {**params, "page": "2", "pageAction": "next"}).json()
    assert [row["creditTerms.creditTermsCode"] for row in body["data"]] == ["N45"]
    assert body["auxillaryData"] == {"HasMoreParams": "false"}


def test_a_browse_shows_columns_and_a_list_the_nested_arrays(qad: Qad, invoices: list[dict[str, Any]]) -> None:
    browse = {"browseId": "urn:browse:bebrowse:com.qad.erp.financials.customerInvoices"}
    paging = {"page": "1", "pageSize": "1", "pageAction": "first"}
    row = exact(qad.get("/api/qracore/browses", {**browse, **paging}))["data"][0]
    assert "customerInvoices.postingLines" not in row and row["customerInvoices.voucherNumber"] == 1
    row = exact(qad.get("/api/erp/customerInvoices", paging))["data"][0]
    assert row["customerInvoices.postingLines"] == invoices[0]["postingLines"]
    assert (
        exact(qad.get("/api/erp/customerInvoices", {"viewUri": "any", **paging}))["data"]["customerInvoices"]
        == invoices[:1]
    )


def test_total_count_counts_with_filters(qad: Qad) -> None:
    browse = {"browseId": "urn:browse:bebrowse:com.qad.erp.financials.glAccounts", "filter": "glCode,sw,4,literal"}
    assert qad.get("/api/qracore/browses/totalCount/", browse).json() == {"data": {"totalCount": 6}}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["customLong0,eq,ST:1:invoice:3,literal"], [3]),
        (["customLong0,eq,st:1:invoice:3,literal"], []),
        (["customerInvoice.customLong0,sw,ST:1:inv,literal"], [1, 2, 3, 4, 5, 6, 7]),
        (["customLong0,ew,:4,literal"], [4]),
        (["customLong0,cn,invoice:5,literal"], [5]),
        (["voucherNumber,gt,5,literal"], [6, 7]),
        (["voucherNumber,ge,5,literal", "voucherNumber,lt,7,literal"], [5, 6]),
        (["invoiceAmountTC,le,2.50,literal"], [1, 2]),
        (["invoiceAmountTC,eq,2.5,literal"], [2]),
        (["isTaxable,eq,false,literal", "voucherNumber,eq,1,literal"], [1]),
        (["postingDate,rg,2026-10-02,literal,2026-10-04,literal"], [2, 3, 4]),
        (["postingDate,rg,2026-10-02T00:00:00.000Z,literal,2026-10-04T00:00:00.000Z,literal"], [2, 3, 4]),
        (["postingDate,ge,2026-10-06,literal"], [6, 7]),
        (["postingDate,gt,2026-10-06,literal"], [7]),
        (["postingDate,lt,2026-10-02,literal"], [1]),
        (["customLong0,rg,ST:1:invoice:2,literal,ST:1:invoice:3,literal"], [2, 3]),
        (["customLong0,sw,ST:1,literal", "postingDate,le,2026-10-02,literal"], [1, 2]),
        (["customLong0,eq,ST:1:invoice:3,literal", "description,sw,Rep,literal"], [3]),
        (["customLong0,eq,ST:1:invoice:3,literal", "description,sw,air,literal"], []),
        (["customLong0,eq,ST:1:invoice:3,literal", "postingDate,rg,2026-10-04,literal,2026-10-09,literal"], []),
        (["customerCode,eq,NOBODY,literal"], []),
    ],
)
def test_filters_are_anded(qad: Qad, invoices: list[dict[str, Any]], filters: list[str], expected: list[int]) -> None:
    assert vouchers(qad, *filters) == expected


@pytest.mark.parametrize(
    "text",
    ["customLong0,eq,a", "customLong0,is,a,literal", "nothing,eq,a,literal", "customLong0,eq,a,b,literal", "",
     "customLong0,rg,a,literal", "voucherNumber,eq,x,literal", "isTaxable,eq,maybe,literal"],
)  # fmt: skip
def test_a_filter_that_is_not_understood_is_an_error_and_never_ignored(qad: Qad, text: str) -> None:
    answer = qad.get("/api/erp/customerInvoices", {"page": "1", "pageSize": "5", "pageAction": "first", "filter": text})
    assert answer.status_code == 400 and answer.json()["errors"][0]["code"] == "400"


def test_page_two_may_repeat_page_one(qad: Qad) -> None:
    qad.arm("repeat_page", count=None)
    paging = {"viewUri": "x", "pageSize": "5"}
    first = exact(qad.get("/api/erp/glAccounts", {**paging, "page": "1", "pageAction": "first"}))
    second = exact(qad.get("/api/erp/glAccounts", {**paging, "page": "2", "pageAction": "next"}))
    assert second["data"] == first["data"]


def test_a_row_inserted_in_mid_scan_shifts_the_next_page(qad: Qad) -> None:
    plain = [row["glCode"] for row in qad.rows("glAccounts", size=10)]
    qad.arm("shift_page", count=None)
    shifted = [row["glCode"] for row in qad.rows("glAccounts", size=10)]
    assert len(plain) == ACCOUNTS == len(set(plain))
    assert shifted[:10] == plain[:10] and shifted[10] == plain[9] and set(shifted) == set(plain)


def test_rows_made_in_mid_scan_are_seen_on_later_pages(qad: Qad, invoices: list[dict[str, Any]]) -> None:
    paging = {"viewUri": "x", "pageSize": "7", "page": "1", "pageAction": "first"}
    assert exact(qad.get("/api/erp/customerInvoices", paging))["auxillaryData"]["HasMoreParams"] == "false"
    qad.create("customerInvoices", **invoice(invoices[0]["customerCode"], "9.00"))
    assert exact(qad.get("/api/erp/customerInvoices", paging))["auxillaryData"]["HasMoreParams"] == "true"
    later = exact(qad.get("/api/erp/customerInvoices", {**paging, "page": "2", "pageAction": "next"}))
    assert [row["voucherNumber"] for row in later["data"]["customerInvoices"]] == [8]


def test_a_wrong_view_is_an_error_on_observed_entities(qad: Qad) -> None:
    paging = {"page": "1", "pageSize": "1", "pageAction": "first"}
    assert qad.get("/api/erp/customerV2s", {"viewUri": "urn:x", **paging}).status_code == 400
    assert qad.get("/api/erp/customerV2s", {"viewUri": VIEWS["customerV2s"], **paging}).status_code == 200


def test_metadata_names_fields_in_pascal_case_with_their_lengths(qad: Qad) -> None:
    answer = qad.get("/api/qracore/entitymetadatas", {"entityURI": VIEWS["customerV2s"]}).json()
    fields = {field["fieldName"]: field for field in answer["data"]["entityMetadatas"][0]["fields"]}
    assert fields["CustomerCode"]["maxLength"] == 8 and fields["CurrencyCode"]["isRequired"] is True
    assert qad.get("/api/qracore/entitymetadatas", {"entityURI": "urn:be:nothing"}).status_code == 404


def test_the_demo_company_is_as_agreed(qad: Qad) -> None:
    accounts = {row["glCode"]: row for row in qad.rows("glAccounts")}
    assert len(accounts) == ACCOUNTS and [c for c, a in accounts.items() if not a["isActive"]] == ["4999"]
    analysed = {code for code, row in accounts.items() if row["isCostCentreAccount"] and row["isSubAccountAccount"]}
    variance = "5900"  # QAD books it by itself, without cost center
    assert analysed == {code for code in accounts if code[0] in "45" or code == "6900"} - {variance}
    assert [row["costCentreCode"] for row in qad.rows("costCentres") if not row["isActive"]] == ["9900"]
    assert [row["subAccountCode"] for row in qad.rows("subAccounts")] == ["01", "02"]
    assert [row["taxCode"] for row in qad.rows("taxCodes")] == ["TX825", "WI55", "EXEMPT"]
    assert {row["daybookCode"] for row in qad.rows("daybooks")} >= {"ARINV", "ARCRN", "ARPAY", "APINV", "APCRN"}
    opened = [(p["year"], p["period"]) for p in qad.rows("glPeriods") if p["isOpen"]]
    assert opened == [(2026, 9), (2026, 10), (2026, 11), (2026, 12)]
