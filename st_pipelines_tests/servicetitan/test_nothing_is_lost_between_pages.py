"""Every record of a window comes out once, however the pages move, or the day is refused and stays as it was."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from st_pipelines.systems.http.errors import BadAnswer
from st_pipelines.systems.servicetitan.pages import FilterIgnored, SourceKeepsMoving, Unsorted
from st_pipelines.systems.servicetitan.walk import Distinct, in_order
from st_pipelines_tests.servicetitan.conftest import Day
from st_pipelines_tests.servicetitan.hostile import Hostile
from st_pipelines_tests.servicetitan.records import bill, contact, invoice


def _ids(day: Day, table: str = "invoices") -> list[int]:
    return [int(one) for one in day.table(table)["id"].to_pylist()]


def test_all_pages_come_in_order_and_are_kept_raw(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 48)]
    got = day.read("invoices")
    assert _ids(day) == list(range(1, 48))
    assert (got.records, got.pages, got.unreadable) == (47, 5, 0)
    assert len(list(day.store.pages("demo", "invoices", "2026-10-05"))) == 5
    assert {asked["activeState"] for asked in hostile.asked("invoices")} == {"All"}
    assert {asked["sort"] for asked in hostile.asked("invoices")} == {"+Id"}


def test_a_short_page_does_not_end_the_walk(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 24)]
    hostile.largest_page = 4  # the server uses a smaller page than it was asked for
    day.read("invoices")
    assert _ids(day) == list(range(1, 24))


def test_the_window_reaches_back_by_the_overlap_and_ends_before_its_end(day: Day, hostile: Hostile) -> None:
    stamps = ["2026-10-05T04:49:59.9999999Z", "2026-10-05T04:50:00Z", "2026-10-05T04:59:59Z",
              "2026-10-06T04:59:59.9999999Z", "2026-10-06T05:00:00Z"]  # fmt: skip
    hostile.rows["invoices"] = [invoice(n, stamp) for n, stamp in enumerate(stamps)]
    got = day.read("invoices")
    assert _ids(day) == [1, 2, 3]
    assert (got.max_modified_on, got.max_id) == ("2026-10-06T04:59:59.9999999Z", "3")
    assert hostile.asked("invoices")[0]["modifiedOnOrAfter"] == "2026-10-05T04:50:00Z"


def test_ties_at_one_instant_all_come(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n, "2026-10-05T12:00:00.1234567Z") for n in range(1, 36)]
    got = day.read("invoices")
    assert _ids(day) == list(range(1, 36))
    assert got.max_id == "35"


def test_a_row_that_leaves_the_window_meanwhile_makes_it_read_again(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 40)]
    moved = iter([True])

    def edit(path: str, number: int) -> None:
        if number == 2 and next(moved, False):
            hostile.rows["invoices"][0]["modifiedOn"] = (
                "2026-10-07T00:00:00Z"  # row 11 moves to page 1: it would be lost
            )

    hostile.before_page = edit
    got = day.read("invoices")
    assert _ids(day) == list(range(2, 40))
    assert got.records == 38


def test_a_window_that_never_rests_is_refused_and_the_old_partition_stays(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 30)]
    day.read("invoices")

    def leave(path: str, number: int) -> None:
        if number == 2:
            hostile.rows["invoices"] = [*hostile.rows["invoices"][1:], invoice(1000)]
            hostile.rows["invoices"][-1]["modifiedOn"] = "2026-10-09T00:00:00Z"

    hostile.before_page = leave
    with pytest.raises(SourceKeepsMoving, match="invoices: its rows moved in each of 4 readings"):
        day.read("invoices")
    assert _ids(day) == list(range(1, 30))


def test_a_server_that_gives_the_same_page_for_ever_is_noticed(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 30)]
    hostile.ignored = {"page"}
    with pytest.raises(SourceKeepsMoving):
        day.read("invoices")
    assert len(hostile.requests) < 60


def test_without_totals_a_long_list_is_refused_because_nothing_proves_it_whole(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 30)]
    hostile.totals = False
    with pytest.raises(BadAnswer, match="gives no total"):
        day.read("invoices")


@pytest.mark.parametrize("ignored", ["modifiedOnOrAfter", "modifiedBefore"])
def test_an_ignored_window_filter_is_noticed(day: Day, hostile: Hostile, ignored: str) -> None:
    hostile.rows["invoices"] = [invoice(n, "2026-01-01T00:00:00Z") for n in range(9)]
    hostile.rows["invoices"] += [invoice(100 + n, "2026-12-01T00:00:00Z") for n in range(9)]
    hostile.ignored = {ignored}
    with pytest.raises(FilterIgnored, match="filter was ignored"):
        day.read("invoices")


def test_inactive_records_come_too(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(1), invoice(2, active=False)]
    day.read("invoices")
    assert day.table("invoices")["active"].to_pylist() == [True, False]


def test_an_empty_day_is_one_request_and_keeps_its_columns(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = []
    got = day.read("invoices")
    assert (got.records, got.max_modified_on, got.max_id) == (0, "", "")
    assert len(hostile.asked("invoices")) == 1
    assert "general_ledger_account_number" in day.table("invoice_items").column_names


def test_the_same_content_has_the_same_digest_and_an_edit_another(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in range(1, 30)]
    first = day.read("invoices").digest
    day.with_reading(page_size=7)
    assert day.read("invoices").digest == first
    hostile.rows["invoices"][3]["total"] = "10.84"
    assert day.read("invoices").digest != first


def test_a_list_without_an_order_is_read_whole_and_what_it_repeats_comes_once(day: Day, hostile: Hostile) -> None:
    hostile.rows["customers/contacts"] = [contact(n, 7) for n in (25, 3, 40, 1, 12, 9, 7, 30, 31, 2, 50, 6)]
    day.with_reading(page_size=5)
    day.read("customer_contacts", ids=(7,))  # the window and the customer name the same contacts
    assert sorted(_ids(day, "customer_contacts")) == [1, 2, 3, 6, 7, 9, 12, 25, 30, 31, 40, 50]
    assert "sort" not in hostile.asked("customers/contacts")[0]


def test_cancelled_bills_are_seen_in_the_feed(day: Day, hostile: Hostile) -> None:
    hostile.rows["inventory-bills/paginated"] = [bill(1), bill(2)]
    hostile.feeds["export/inventory-bills"] = [
        [bill(2, active=True), bill(9, "2026-10-04T01:00:00Z", active=True)],
        [bill(1, active=True), bill(3, active=False), bill(8, "2026-10-08T01:00:00Z", active=True)],
    ]
    got = day.read("bills")
    assert [(r["id"], r["active"]) for r in day.table("bills").to_pylist()] == [(1, True), (2, True), (3, False)]
    assert got.records == 3
    asked = hostile.asked("export/inventory-bills")
    assert [one["from"] for one in asked] == ["2026-10-04", "token-1"]
    assert {one["includeRecentChanges"] for one in asked} == {"true"}


def test_a_bill_that_is_wanted_by_its_id_comes_from_the_feed_whenever_it_was_modified(
    day: Day, hostile: Hostile
) -> None:
    hostile.rows["inventory-bills/paginated"] = [bill(1)]
    marked = bill(8, "2026-10-08T01:00:00Z", active=True, syncStatus="Exported")
    hostile.feeds["export/inventory-bills"] = [[bill(1, active=True), marked, bill(9, "2026-10-08T02:00:00Z")]]
    got = day.read("bills", ids=(8, 77))
    assert [(r["id"], r["active"]) for r in day.table("bills").to_pylist()] == [(1, True), (8, True)]
    assert (got.max_id, got.missing) == ("1", (77,)), "the window's last record is one of the window"


def test_a_bill_that_the_feed_does_not_show_yet_has_no_known_activity(day: Day, hostile: Hostile) -> None:
    hostile.rows["inventory-bills/paginated"] = [bill(1)]
    hostile.feeds["export/inventory-bills"] = [[]]
    day.read("bills")
    assert day.table("bills")["active"].to_pylist() == [None]


def test_of_two_versions_in_the_feed_the_later_counts_in_any_order(day: Day, hostile: Hostile) -> None:
    late = bill(1, "2026-10-05T13:00:00.0000002Z", active=False)
    early = bill(1, "2026-10-05T13:00:00.0000001Z", active=True)
    hostile.rows["inventory-bills/paginated"] = []
    for pages in ([[late], [early]], [[early], [late]]):
        hostile.feeds["export/inventory-bills"] = pages
        day.read("bills")
        assert day.table("bills")["active"].to_pylist() == [False]


def test_the_feed_is_read_to_its_end_because_its_order_proves_nothing(day: Day, hostile: Hostile) -> None:
    hostile.rows["inventory-bills/paginated"] = []
    later = [[bill(50 + n, "2026-10-20T00:00:00Z", active=True)] for n in range(20)]
    hostile.feeds["export/inventory-bills"] = [*later, [bill(1, active=False)]]
    day.read("bills")
    assert day.table("bills").select(["id", "active"]).to_pylist() == [{"id": 1, "active": False}]
    assert len(hostile.asked("export/inventory-bills")) == 21


def test_a_feed_that_repeats_its_token_is_refused(day: Day, hostile: Hostile) -> None:
    hostile.rows["inventory-bills/paginated"] = []
    hostile.feeds["export/inventory-bills"] = [[], []]
    hostile.spoil = lambda path, number, body: body.replace(b"token-1", b"2026-10-04")
    with pytest.raises(BadAnswer, match="gives no new token"):
        day.read("bills")


def test_results_come_in_the_order_of_the_jobs_and_few_are_in_flight() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def job(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002 * (7 - number % 7))
        with lock:
            running -= 1
        return number

    assert list(in_order(((lambda n=n: job(n)) for n in range(30)), 3)) == list(range(30))
    assert most <= 3


@settings(deadline=None)
@given(pages=st.lists(st.lists(st.integers(-5, 25), max_size=8), max_size=6))
def test_distinct_counts_and_finds_repeats_like_a_set(pages: list[list[int]]) -> None:
    different, met = Distinct(ordered=False), set()
    for page in pages:
        expected = []
        for place, one in enumerate(page):
            if one in met:
                expected.append(place)
            met.add(one)
        assert different.add(page) == expected
    assert different.count == len(met)


@settings(deadline=None)
@given(pages=st.lists(st.lists(st.integers(0, 60), max_size=5).map(sorted), max_size=4))
def test_ordered_counting_accepts_exactly_what_ascends(pages: list[list[int]]) -> None:
    ids = [one for page in pages for one in page]
    different = Distinct(ordered=True)
    if ids == sorted(set(ids)):
        assert [different.add(page) for page in pages] == [[]] * len(pages)
        assert different.count == len(ids)
    else:
        with pytest.raises(Unsorted):
            for page in pages:
                different.add(page)


def test_a_list_that_ignores_the_order_asked_for_is_read_whole_all_the_same(day: Day, hostile: Hostile) -> None:
    hostile.rows["invoices"] = [invoice(n) for n in (30, 2, 17, *range(40, 70), 5)]
    hostile.ignored = {"sort"}
    assert day.read("invoices").records == 34
    assert sorted(_ids(day)) == sorted([30, 2, 17, *range(40, 70), 5])


def test_a_naive_window_is_refused(day: Day) -> None:
    from st_pipelines.systems.servicetitan.pages import Window

    with pytest.raises(ValueError, match="without a zone"):
        Window(datetime(2026, 10, 5), datetime(2026, 10, 6)).params()  # noqa: DTZ001
    window = Window(datetime(2026, 10, 5, 5, 0, 0, 120, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1))
    assert window.params()[0][1] == "2026-10-05T05:00:00.000120Z"
