"""Masters that a day's documents refer to are read by id, in blocks of at most fifty, and only they come."""

import pyarrow as pa
import pytest

from st_pipelines.systems.servicetitan.entities import DAILY
from st_pipelines.systems.servicetitan.named import named_ids
from st_pipelines.systems.servicetitan.pages import FilterIgnored
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import Hostile
from st_pipelines_tests.servicetitan.records import contact, customer, location, receipt, vendor

OLD = "2020-01-01T00:00:00Z"


def _customers_only(hostile: Hostile) -> None:
    hostile.rows |= {"customers/contacts": [], "locations": []}


def test_old_customers_come_by_id_beside_the_days_own(day: Day, hostile: Hostile) -> None:
    _customers_only(hostile)
    hostile.rows["customers"] = [customer(n, OLD) for n in range(1, 200)] + [customer(500)]
    got = day.read("customers", ids=tuple(range(1, 131)))
    assert day.table("customers")["id"].to_pylist() == [500, *range(1, 131)]
    blocks = [one["ids"].split(",") for one in hostile.asked("customers") if "ids" in one and one["pageSize"] == "10"]
    assert {len(block) for block in blocks} == {50, 30}
    assert (got.max_id, got.missing) == ("500", ())  # the watermark is the window's, not that of what was named


def test_what_the_window_holds_already_is_not_asked_for_again(day: Day, hostile: Hostile) -> None:
    _customers_only(hostile)
    hostile.rows["customers"] = [customer(n) for n in range(1, 6)]
    day.read("customers", ids=(1, 2, 3))
    assert day.table("customers")["id"].to_pylist() == [1, 2, 3, 4, 5]
    assert not [one for one in hostile.asked("customers") if "ids" in one]


def test_ids_that_do_not_exist_are_reported(day: Day, hostile: Hostile) -> None:
    _customers_only(hostile)
    hostile.rows["customers"] = [customer(1, OLD)]
    assert day.read("customers", ids=(1, 2, 3)).missing == (2, 3)
    facts = day.store.manifest("demo", "source", "customers", "2026-10-05").facts
    assert facts["missing_ids"] == [2, 3]


def test_vendors_repeat_the_parameter_because_their_list_wants_an_array(day: Day, hostile: Hostile) -> None:
    hostile.rows["vendors"] = [vendor(n, OLD) for n in range(1, 10)]
    day.read("vendors", ids=(3, 4))
    assert day.table("vendors")["id"].to_pylist() == [3, 4]
    assert [one["ids"] for one in hostile.asked("vendors") if "ids" in one] == ["3 4"]


def test_receipts_come_by_their_purchase_order(day: Day, hostile: Hostile) -> None:
    hostile.rows["receipts"] = [receipt(1, 60, OLD), receipt(2, 60, OLD, active=False), receipt(3, 61, OLD)]
    day.read("receipts", ids=(60,))
    assert day.table("receipts")["id"].to_pylist() == [1, 2]
    assert hostile.asked("receipts")[-1]["purchaseOrderIds"] == "60"


@pytest.mark.parametrize(("entity", "path", "ignored"), [
    ("customers", "customers", "ids"), ("receipts", "receipts", "purchaseOrderIds"),
    ("customer_contacts", "customers/contacts", "customerIds"),
])  # fmt: skip
def test_an_ignored_id_filter_is_noticed(day: Day, hostile: Hostile, entity: str, path: str, ignored: str) -> None:
    _customers_only(hostile)
    rows = {"customers": [customer(n, OLD) for n in range(9)], "receipts": [receipt(n, n, OLD) for n in range(9)],
            "customers/contacts": [contact(n, n, OLD) for n in range(9)]}  # fmt: skip
    hostile.rows[path] = rows[path]
    hostile.ignored = {ignored}
    with pytest.raises(FilterIgnored, match="filter was ignored"):
        day.read(entity, ids=(3,))


def test_a_customer_whose_contact_or_location_changed_is_read_again(day: Day, hostile: Hostile) -> None:
    hostile.rows["customers"] = [customer(n, OLD) for n in range(1, 9)]
    hostile.rows["customers/contacts"] = [contact(1, 4), contact(2, 5, OLD)]
    hostile.rows["locations"] = [location(1, 6), location(2, 7, OLD)]
    day.read("customers")
    assert day.table("customers")["id"].to_pylist() == [4, 6]


def test_all_contacts_of_the_days_customers_come_whenever_they_changed(day: Day, hostile: Hostile) -> None:
    hostile.rows["customers/contacts"] = [contact(n, n % 5, OLD) for n in range(1, 101)] + [contact(200, 9)]
    day.read("customer_contacts", ids=(1, 2))
    customers = day.table("customer_contacts")["customer_id"].to_pylist()
    assert {one: customers.count(one) for one in set(customers)} == {1: 20, 2: 20, 9: 1}


@pytest.mark.parametrize(("elsewhere", "single_calls"), [(40, 0), (400, 12)])
def test_locations_are_asked_by_customer_unless_the_whole_list_is_shorter(
    day: Day, hostile: Hostile, elsewhere: int, single_calls: int
) -> None:
    mine = [location(n, n % 12, OLD) for n in range(24)]
    hostile.rows["locations"] = mine + [location(1000 + n, 99, OLD) for n in range(elsewhere)]
    day.read("locations", ids=tuple(range(12)))
    assert sorted(day.table("locations")["id"].to_pylist()) == list(range(24))
    assert len([one for one in hostile.asked("locations") if "customerId" in one]) == single_calls


def test_named_ids_are_distinct_without_nulls_and_ascending() -> None:
    tables = {
        "invoices": pa.table({"customer_id": pa.array([5, 3, None, 5], pa.int64())}),
        "payments": pa.table({"customer_id": pa.array([4, None], pa.int64())}),
    }
    assert named_ids("customers", tables) == [3, 4, 5]
    assert named_ids("invoices", {}) == []


def test_naming_columns_exist_in_the_tables_that_name() -> None:
    from st_pipelines.systems.servicetitan.columns import schemas
    from st_pipelines.systems.servicetitan.decode import shape_of

    for about in DAILY.values():
        for naming in about.named_by:
            known = schemas(shape_of(naming.entity, DAILY[naming.entity]))
            assert naming.column in known[naming.table].names
