"""Records that an event names are read by their own ids, with all that they name, whatever their age."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.extract import Extracted
from st_pipelines.systems.servicetitan.pages import FilterIgnored
from st_pipelines.systems.servicetitan.reread import reread
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import Hostile
from st_pipelines_tests.servicetitan.records import (
    bill,
    contact,
    customer,
    invoice,
    location,
    purchase_order,
    receipt,
    vendor,
)

KEY = "2026-10-05_e1791234567890123"
SINCE = datetime(2026, 10, 1, tzinfo=UTC)
OLD = "2026-09-03T10:00:00Z"
SALES = ("invoices", "customers", "customer_contacts", "locations")
PURCHASES = ("bills", "purchase_orders", "receipts", "vendors")


def read(day: Day, entities: Sequence[str], **wanted: Sequence[int]) -> Mapping[str, Extracted]:
    return reread(day.client, day.store, "demo", KEY, entities, wanted, SINCE)


def table(day: Day, name: str) -> pa.Table:
    return day.store.read_table("demo", "source", name, KEY)


def ids(day: Day, name: str) -> list[int]:
    found: list[int] = table(day, name)["id"].to_pylist()
    return sorted(found)


@pytest.fixture
def served(hostile: Hostile) -> Hostile:
    """Two customers with an old invoice each; two orders, one bill and one receipt each."""
    hostile.rows |= {
        "invoices": [invoice(n, OLD, customer={"id": 100 + n, "name": f"C{n}"}) for n in (1, 2)],
        "customers": [customer(n, OLD) for n in (101, 102, 103)],
        "customers/contacts": [contact(n, n + 100, OLD) for n in (1, 2)],
        "locations": [location(n, n + 100, OLD) for n in (1, 2)],
        "inventory-bills/paginated": [bill(n, OLD) | {"purchaseOrderId": 60 + n, "vendor": {"id": 70 + n, "name": "V"}}
                                      for n in (1, 2)],
        "purchase-orders": [purchase_order(n, modified=OLD) for n in (61, 62)],
        "receipts": [receipt(n, 60 + n, OLD) for n in (1, 2)],
        "vendors": [vendor(n, OLD) for n in (71, 72)],
    }  # fmt: skip
    hostile.feeds["export/inventory-bills"] = [
        [one | {"active": True} for one in hostile.rows["inventory-bills/paginated"]]
    ]
    return hostile


def test_an_invoice_comes_with_its_customer_and_all_that_belongs_to_it(day: Day, served: Hostile) -> None:
    got = read(day, SALES, invoices=[1])
    assert {name: ids(day, name) for name in SALES} == {
        "invoices": [1], "customers": [101], "customer_contacts": [1], "locations": [1],
    }  # fmt: skip
    assert all("modifiedOnOrAfter" not in one for one in served.asked("invoices"))
    assert got["invoices"].missing == ()


def test_a_bill_comes_with_what_only_the_feed_says_and_with_order_receipts_and_vendor(
    day: Day, served: Hostile
) -> None:
    read(day, PURCHASES, bills=[2])
    assert {name: ids(day, name) for name in PURCHASES} == {
        "bills": [2], "purchase_orders": [62], "receipts": [2], "vendors": [72],
    }  # fmt: skip
    assert table(day, "bills")["active"].to_pylist() == [True]
    assert served.asked("export/inventory-bills")[0]["from"] == "2026-09-02"  # the day before it was modified


def test_a_cancelled_bill_that_its_list_hides_is_found_in_the_feed(day: Day, served: Hostile) -> None:
    gone = served.rows["inventory-bills/paginated"].pop()
    served.feeds["export/inventory-bills"][0][1] = gone | {"active": False}
    read(day, PURCHASES, bills=[1, 2])
    assert dict(zip(ids(day, "bills"), table(day, "bills").sort_by("id")["active"].to_pylist(), strict=True)) == {
        1: True, 2: False,
    }  # fmt: skip


def test_a_receipt_is_read_by_its_own_id_and_brings_its_whole_order(day: Day, served: Hostile) -> None:
    served.rows["receipts"].append(receipt(9, 61, OLD))
    read(day, PURCHASES, receipts=[1])
    assert (ids(day, "receipts"), ids(day, "purchase_orders"), ids(day, "bills")) == ([1, 9], [61], [])
    assert "1" in [one.get("ids") for one in served.asked("receipts")]


def test_a_location_is_read_through_its_customer(day: Day, served: Hostile) -> None:
    read(day, SALES[1:], locations=[2])
    assert (ids(day, "locations"), ids(day, "customers"), ids(day, "customer_contacts")) == ([2], [102], [2])


def test_ids_that_do_not_exist_are_told_apart_from_those_that_do(day: Day, served: Hostile) -> None:
    got = read(day, (*SALES, *PURCHASES), invoices=[1, 999], bills=[1, 888])
    assert (got["invoices"].missing, got["bills"].missing) == ((999,), (888,))
    assert (ids(day, "invoices"), ids(day, "bills")) == ([1], [1])


def test_a_filter_by_id_that_is_ignored_is_noticed(day: Day, served: Hostile) -> None:
    served.ignored = {"ids"}
    with pytest.raises(FilterIgnored, match="filter was ignored"):
        read(day, SALES, invoices=[1])


def test_reading_again_replaces_the_whole_partition(day: Day, served: Hostile) -> None:
    first = read(day, SALES, invoices=[1, 2])
    assert {one.digest for one in read(day, SALES, invoices=[1, 2]).values()} == {one.digest for one in first.values()}
    read(day, SALES, invoices=[2])
    assert (ids(day, "invoices"), ids(day, "customers")) == ([2], [102])
    assert set(SALES) <= DAILY.keys()
