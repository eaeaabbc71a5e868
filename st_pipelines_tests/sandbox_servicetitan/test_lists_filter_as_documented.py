"""Lists: defaults that hide data, windows, sorting, paging, and the traps that a client must survive."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from st_pipelines_tests.sandbox_servicetitan.api import Api
from st_pipelines_tests.sandbox_servicetitan.conftest import sandbox

ALL = {"activeState": "All"}


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [one["id"] for one in rows]


def test_voided_documents_show_only_when_asked_for(reading: Api) -> None:
    for path in ("/invoices", "/payments"):
        usual, everything = (reading.every("accounting", path, **more) for more in ({}, ALL))
        hidden = reading.every("accounting", path, activeState="InactiveOnly")
        assert all(one["active"] for one in usual) and hidden and not any(one["active"] for one in hidden)
        assert sorted(ids(usual) + ids(hidden)) == ids(everything)


def test_inactive_masters_show_only_when_asked_for(reading: Api) -> None:
    usual, everything = (reading.every("crm", "/customers", **more) for more in ({}, {"active": "Any"}))
    merged = [one for one in everything if one["mergedToId"]]
    assert merged and not set(ids(merged)) & set(ids(usual)) and len(usual) < len(everything)
    assert ids(reading.every("crm", "/customers", active="False")) == [
        one["id"] for one in everything if not one["active"]
    ]


def test_a_canceled_bill_is_seen_in_the_feed_alone(reading: Api) -> None:
    listed = reading.every("accounting", "/inventory-bills/paginated")
    fed = [one for page in reading.feed("accounting", "/export/inventory-bills") for one in page["data"]]
    canceled = [one["id"] for one in fed if not one["active"]]
    assert canceled and "active" not in listed[0]
    assert sorted(ids(listed) + canceled) == sorted(ids(fed))


def test_bills_come_as_a_bare_array_or_with_an_envelope(reading: Api) -> None:
    bare = reading.get("accounting", "/inventory-bills", page=2, pageSize=3)
    wrapped = reading.get("accounting", "/inventory-bills/paginated", page=2, pageSize=3, includeTotal="true")
    assert isinstance(bare, list) and bare == wrapped["data"] and len(bare) == 3
    assert wrapped["hasMore"] is True and wrapped["totalCount"] > 6


@pytest.mark.parametrize(
    ("module", "path", "more"),
    [
        ("accounting", "/invoices", ALL), ("accounting", "/payments", ALL),
        ("accounting", "/inventory-bills/paginated", {}), ("inventory", "/receipts", {"active": "Any"}),
        ("inventory", "/purchase-orders", {}), ("crm", "/customers", {"active": "Any"}),
    ],
)  # fmt: skip
def test_windows_of_local_days_cover_every_record_once(
    reading: Api, module: str, path: str, more: dict[str, str]
) -> None:
    midnight = datetime(2026, 10, 1, 5, tzinfo=UTC)
    found: list[int] = []
    for day in range(31):
        low, high = (f"{midnight + timedelta(days=day + n):%Y-%m-%dT%H:%M:%SZ}" for n in (0, 1))
        rows = reading.every(module, path, modifiedOnOrAfter=low, modifiedBefore=high, **more)
        assert all(low[:19] <= one["modifiedOn"][:19] < high[:19] for one in rows)
        found += ids(rows)
    before = reading.every(module, path, modifiedBefore="2026-10-01T05:00:00Z", **more)
    assert sorted(found + ids(before)) == ids(reading.every(module, path, **more))
    assert len(set(found)) == len(found)


def test_the_lower_bound_is_inclusive_and_the_upper_exclusive_to_the_tick(reading: Api) -> None:
    stamp = reading.get("accounting", "/invoices", pageSize=40, **ALL)["data"][-1]["modifiedOn"]
    count = len([one for one in reading.every("accounting", "/invoices", **ALL) if one["modifiedOn"] == stamp])

    def between(low: str, high: str) -> int:
        return len(reading.every("accounting", "/invoices", modifiedOnOrAfter=low, modifiedBefore=high, **ALL))

    later = stamp[:-2] + str((int(stamp[-2]) + 1) % 10) + "Z" if stamp[-2] != "9" else stamp[:-1] + "5Z"
    assert between(stamp, "2027-01-01T00:00:00Z") - between(later, "2027-01-01T00:00:00Z") == count
    assert between(stamp, stamp) == 0


def test_a_date_without_a_time_and_unknown_parameters_are_ignored(reading: Api) -> None:
    everything = reading.get("accounting", "/invoices", includeTotal="true", pageSize=1)["totalCount"]
    for name, value in (
        ("modifiedOnOrAfter", "2026-10-20"),
        ("modifiedSince", "2026-10-20T00:00:00Z"),
        ("status", "x"),
    ):
        answer = reading.get("accounting", "/invoices", **{name: value, "includeTotal": "true", "pageSize": 1})
        assert answer["totalCount"] == everything


def test_at_most_fifty_ids_and_missing_ones_are_silently_absent(reading: Api) -> None:
    known = ids(reading.every("accounting", "/invoices"))[:49]
    asked = ",".join(map(str, [*known, 7]))
    assert ids(reading.get("accounting", "/invoices", ids=asked, pageSize=50)["data"]) == known
    assert reading.get("accounting", "/invoices", ids="7")["data"] == []
    assert reading.call("accounting", "/invoices", ids=asked + ",8").status_code == 400


def test_vendor_ids_are_repeated(reading: Api) -> None:
    known = ids(reading.get("inventory", "/vendors")["data"])[:3]
    answer = reading.query("inventory", "/vendors", "&".join(f"ids={one}" for one in known))
    assert ids(json.loads(answer.content)["data"]) == known


def test_sorting_needs_an_encoded_plus(reading: Api) -> None:
    def order(sort: str) -> list[int]:
        return ids(json.loads(reading.query("crm", "/customers", f"pageSize=500&sort={sort}").content)["data"])

    by_modified = order("%2BModifiedOn")
    assert by_modified == order("-ModifiedOn")[::-1] != order("%2BId")
    assert order("+ModifiedOn") == order("") == order("%2BId")
    assert reading.call("crm", "/customers", sort="+Name").status_code == 400


def test_repeated_and_comma_statuses(reading: Api) -> None:
    def statuses(path: str, query: str) -> set[str]:
        return {one["syncStatus"] for one in json.loads(reading.query("accounting", path, query).content)["data"]}

    assert statuses("/invoices", "pageSize=500&statuses=Pending&statuses=Exported") == {"Pending", "Exported"}
    assert statuses("/payments", "pageSize=500&statuses=Pending,Exported") == {"Pending", "Exported"}


def test_filters_by_relation(reading: Api) -> None:
    invoices = reading.every("accounting", "/invoices", **ALL)
    child = next(one for one in invoices if one["adjustmentToId"])
    assert child["id"] in ids(reading.every("accounting", "/invoices", adjustmentToId=child["adjustmentToId"]))
    wisconsin = [one["id"] for one in invoices if one["businessUnit"]["id"] == 106]
    assert ids(reading.every("accounting", "/invoices", businessUnitId=106, **ALL)) == wisconsin
    receipts = reading.every("inventory", "/receipts", active="Any")
    order = receipts[0]["purchaseOrderId"]
    expected = [one["id"] for one in receipts if one["purchaseOrderId"] == order]
    assert ids(reading.every("inventory", "/receipts", purchaseOrderIds=f"{order},5", active="Any")) == expected
    applied = next(one for one in reading.every("accounting", "/payments") if one["appliedTo"])
    invoice = applied["appliedTo"][0]["appliedTo"]
    assert applied["id"] in ids(reading.every("accounting", "/payments", appliedToInvoiceIds=invoice))


def test_pages_have_fifty_rows_unless_asked_and_stop_at_the_maximum() -> None:
    with sandbox(page_size_max="20") as api:
        assert api.get("jpm", "/jobs")["pageSize"] == 20
        assert api.get("jpm", "/jobs", pageSize=5000)["pageSize"] == 20
        api.control("settings", {"page_size_max": 5000, "page_size_over": "reject"})
        assert api.get("crm", "/customers/contacts", customerIds=1)["pageSize"] == 50
        assert api.call("jpm", "/jobs", pageSize=5001).status_code == 400
        assert api.get("jpm", "/jobs", page=0)["page"] == 1
        assert api.call("jpm", "/jobs", pageSize=0).status_code == 400


def test_rows_can_drift_between_pages() -> None:
    with sandbox() as api:
        truth = ids(api.every("crm", "/customers", pageSize=10))
        api.control("settings", {"drift": "duplicate"})
        twice = ids(api.every("crm", "/customers", pageSize=10))
        api.control("settings", {"drift": "omit"})
        lost = ids(api.every("crm", "/customers", pageSize=10))
    assert len(truth) > 30
    assert twice == [*truth[:10], truth[9], *truth[10:]] and lost == [*truth[:10], *truth[11:]]


def test_landed_cost_method_can_deviate_as_production_does() -> None:
    with sandbox(landed_cost_as_integer="true") as api:
        assert {one["landedCostMethod"] for one in api.get("accounting", "/inventory-bills")} == {0}
        assert {one["landedCostMethod"] for one in api.get("inventory", "/receipts")["data"]} == {0}


def test_unknown_options_of_the_sandbox_are_refused() -> None:
    with sandbox() as api:
        for wrong in ({"page_size": 5}, {"rate_per_s": "many"}):
            assert api.http.post("/_sandbox/settings", json=wrong).status_code == 400
        shown = api.control("settings")
        assert shown["page_size_max"] == 5000 and "client_secret" not in shown
