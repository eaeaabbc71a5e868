"""Reading a range of days gives every day the tables, the order and the digest that reading it alone gives, with fewer
requests; where that is in doubt, days are read apart."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan.extract import extract_day
from st_pipelines.systems.servicetitan.extract_days import extract_days
from st_pipelines.systems.servicetitan.landed import Extracted
from st_pipelines.systems.servicetitan.pages import FilterIgnored, SourceKeepsMoving
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines_tests.servicetitan.hostile import Hostile, serving
from st_pipelines_tests.servicetitan.records import (
    bill,
    contact,
    customer,
    invoice,
    location,
    receipt,
    vendor,
)

CHICAGO = ZoneInfo("America/Chicago")
# Five local days around the end of summer time; the second has 25 hours.
MIDNIGHTS = [datetime(2026, 10, 31, tzinfo=CHICAGO) + timedelta(days=n) for n in range(6)]
EDGES = [midnight.astimezone(UTC) for midnight in MIDNIGHTS]
KEYS = [midnight.date().isoformat() for midnight in MIDNIGHTS[:-1]]
WINDOWS = dict(zip(KEYS, pairwise(EDGES), strict=True))
PATHS = {"invoices": "invoices", "vendors": "vendors", "receipts": "receipts", "customers": "customers",
         "customer_contacts": "customers/contacts", "locations": "locations",
         "bills": "inventory-bills/paginated"}  # fmt: skip
TABLES = {"invoices": ("invoices", "invoice_items"), "receipts": ("receipts", "receipt_items"),
          "bills": ("bills", "bill_items")}  # fmt: skip
FEED = "export/inventory-bills"
_numbers = count()


def _stamp(instant: datetime, ticks: int) -> str:
    """Ticks are of 100 ns, as ServiceTitan writes them."""
    at = instant + timedelta(microseconds=ticks // 10)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond * 10 + ticks % 10:07d}Z"


_overlap = 10 * 60 * 10**7
stamps = st.builds(
    _stamp,
    st.sampled_from(EDGES),
    st.one_of(
        st.sampled_from([0, 1, -1, 9, 10, -10, -_overlap, -_overlap - 1, -_overlap + 1]),
        st.integers(-2 * _overlap, 2 * _overlap),
        st.integers(-26 * 36 * 10**9, 26 * 36 * 10**9),
        st.just(-400 * 24 * 36 * 10**9),
    ),
)
ids = st.integers(1, 12)
named = st.fixed_dictionaries({key: st.sets(ids, max_size=8) for key in KEYS})


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Hostile, str]]:
    hostile = Hostile()
    with serving(hostile) as address:
        yield hostile, address


@pytest.fixture
def both(server: tuple[Hostile, str], connected: Callable[..., ServiceTitan], tmp_path: Path) -> "Both":
    return Both(server[0], connected(server[1], page_size=4), Store(str(tmp_path / "data")))


class Both:
    """Reads the same days together and alone, into two integrations of one store."""

    def __init__(self, hostile: Hostile, client: ServiceTitan, store: Store) -> None:
        self.hostile, self.client, self.store = hostile, client, store
        hostile.rows = {path: [] for path in PATHS.values()}
        hostile.feeds, hostile.ignored = {FEED: [[]]}, set()
        hostile.before_page = lambda path, number: None

    def together(
        self, entity: str, named: Mapping[str, Sequence[int]], windows: Mapping[str, Any] = WINDOWS
    ) -> dict[str, Extracted]:
        self.tag = f"n{next(_numbers)}"
        found: dict[str, Extracted] = {}
        for some in extract_days(self.client, self.store, f"{self.tag}_t", entity, windows, named):
            assert not found.keys() & some.keys()
            found |= some
        return found

    def alone(self, entity: str, named: Mapping[str, Sequence[int]]) -> dict[str, Extracted]:
        return {
            key: extract_day(self.client, self.store, f"{self.tag}_a", entity, key, *WINDOWS[key],
                             referenced_ids=sorted(named.get(key, ())))
            for key in KEYS
        }  # fmt: skip

    def require_same(self, entity: str, named: Mapping[str, Sequence[int]]) -> None:
        together, alone = self.together(entity, named), self.alone(entity, named)
        assert list(together) == KEYS
        for key in KEYS:
            for table in (*TABLES.get(entity, (entity,)), f"{entity}_unreadable"):
                here = self.store.read_table(f"{self.tag}_t", "source", table, key)
                assert here.equals(self.store.read_table(f"{self.tag}_a", "source", table, key)), (key, table)
            same = ("digest", "records", "unreadable", "max_modified_on", "max_id", "missing")
            assert [getattr(together[key], name) for name in same] == [getattr(alone[key], name) for name in same]
            facts = [self.store.manifest(f"{self.tag}_{how}", "source", entity, key).facts for how in "ta"]
            for each in facts:
                each.pop("transcript", None)  # what was asked differs, what landed does not
            assert facts[0] == facts[1]
            raw = b"".join(self.store.pages(f"{self.tag}_t", entity, key))
            rows = self.store.read_table(f"{self.tag}_t", "source", entity, key).select(["id", "modified_on"])
            for row in rows.to_pylist():
                assert f'"id": {row["id"]},'.encode() in raw and row["modified_on"].encode() in raw


_given = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
limits = st.sampled_from([5000, 5000, 9, 3])


@contextmanager
def _at_most(both: Both, limit: int) -> Iterator[None]:
    from dataclasses import replace

    both.client.reading = replace(both.client.reading, span_records=limit)
    yield


@_given
@given(st.lists(stamps, max_size=14), limits)
def test_documents(both: Both, at: list[str], limit: int) -> None:
    both.hostile.rows["invoices"] = [invoice(n, one) for n, one in enumerate(at, 1)]
    with _at_most(both, limit):
        both.require_same("invoices", {})


@_given
@given(st.lists(stamps, max_size=10), named, limits)
def test_masters_that_documents_name(both: Both, at: list[str], named: dict[str, set[int]], limit: int) -> None:
    both.hostile.rows["vendors"] = [vendor(n, one) for n, one in enumerate(at, 1)]
    with _at_most(both, limit):
        both.require_same("vendors", named)  # type: ignore[arg-type]


@_given
@given(st.lists(stamps, max_size=8), st.lists(st.tuples(ids, stamps), max_size=6),
       st.lists(st.tuples(ids, stamps), max_size=6), named, limits)  # fmt: skip
def test_customers_also_those_whose_contact_or_location_changed(
    both: Both, at: list[str], contacts: list[tuple[int, str]], locations: list[tuple[int, str]],
    named: dict[str, set[int]], limit: int,
) -> None:  # fmt: skip
    both.hostile.rows["customers"] = [customer(n, one) for n, one in enumerate(at, 1)]
    both.hostile.rows["customers/contacts"] = [contact(n, *one) for n, one in enumerate(contacts, 1)]
    both.hostile.rows["locations"] = [location(n, *one) for n, one in enumerate(locations, 1)]
    with _at_most(both, limit):
        both.require_same("customers", named)  # type: ignore[arg-type]


@_given
@given(st.sampled_from(["customer_contacts", "locations", "receipts"]),
       st.lists(st.tuples(ids, stamps), max_size=14), named, limits)  # fmt: skip
def test_records_that_belong_to_others(
    both: Both, entity: str, rows: list[tuple[int, str]], named: dict[str, set[int]], limit: int
) -> None:
    make: Any = {"customer_contacts": contact, "locations": location, "receipts": receipt}[entity]
    both.hostile.rows[PATHS[entity]] = [make(n, *one) for n, one in enumerate(rows, 1)]
    with _at_most(both, limit):
        both.require_same(entity, named)  # type: ignore[arg-type]


@_given
@given(st.lists(stamps, max_size=8), st.lists(st.lists(st.tuples(ids, stamps, st.booleans()), max_size=5), max_size=4),
       named, limits)  # fmt: skip
def test_bills_with_their_feed(
    both: Both, at: list[str], versions: list[list[tuple[int, str, bool]]], named: dict[str, set[int]], limit: int
) -> None:
    both.hostile.rows[PATHS["bills"]] = [bill(n, one) for n, one in enumerate(at, 1)]
    feed = [[{**bill(n, one), "active": active} for n, one, active in page] for page in versions]
    feed.append([{**bill(n, one), "active": True} for n, one in enumerate(at, 1)])
    both.hostile.feeds[FEED] = feed
    with _at_most(both, limit):
        both.require_same("bills", named)  # type: ignore[arg-type]


def test_a_record_that_cannot_be_read_is_listed_with_its_days_only(both: Both) -> None:
    rows = [invoice(n, _stamp(EDGES[n % 5], 50)) for n in range(1, 11)]
    rows[6]["total"] = "eleven"
    both.hostile.rows["invoices"] = rows
    both.require_same("invoices", {})


def test_what_one_id_names_is_asked_for_once_for_all_days(both: Both) -> None:
    both.hostile.rows["vendors"] = [vendor(n, "2020-01-01T00:00:00Z") for n in range(1, 5)]
    before = len(both.hostile.requests)
    both.together("vendors", dict.fromkeys(KEYS, (1, 2, 3, 4)))
    assert len(both.hostile.requests) - before == 2


@pytest.mark.parametrize("entity", sorted(PATHS))
def test_empty_days_are_one_reading_and_say_which_page_shows_it(both: Both, entity: str) -> None:
    before = len(both.hostile.requests)
    got = both.together(entity, {})
    woken_or_feed = {"customers": 2, "bills": 1}.get(entity, 0)
    assert len(both.hostile.requests) - before == 1 + woken_or_feed
    assert {one.records for one in got.values()} == {0}
    for key in KEYS:
        assert len(list(both.store.pages(f"{both.tag}_t", entity, key))) == 1


def test_days_that_do_not_adjoin_are_not_read_across_the_gap(both: Both) -> None:
    both.hostile.rows["invoices"] = [invoice(n, _stamp(edge, 5)) for n, edge in enumerate(EDGES, 1)]
    got = both.together("invoices", {}, {key: WINDOWS[key] for key in (KEYS[0], KEYS[1], KEYS[3])})
    assert {key: one.records for key, one in got.items()} == dict.fromkeys((KEYS[0], KEYS[1], KEYS[3]), 1)
    assert both.hostile.asked("invoices")[-1]["modifiedOnOrAfter"] == "2026-11-03T05:50:00Z"


def test_rows_that_move_in_the_middle_are_read_again(both: Both) -> None:
    rows = [invoice(n, _stamp(EDGES[n % 5], n)) for n in range(1, 21)]
    both.hostile.rows["invoices"] = rows
    moved: list[int] = []

    def move(path: str, number: int) -> None:
        if path == "invoices" and number == 3 and not moved:
            moved.append(number)
            rows[0] = invoice(1, "2027-01-01T00:00:00Z")

    both.hostile.before_page = move
    both.require_same("invoices", {})
    assert moved


def test_rows_that_never_rest_stop_the_days_they_are_in(both: Both) -> None:
    rows = [invoice(n, _stamp(EDGES[0], n)) for n in range(1, 61)]
    both.hostile.rows["invoices"] = rows

    def move(path: str, number: int) -> None:
        if number == 2:
            rows.pop()

    both.hostile.before_page = move
    with pytest.raises(SourceKeepsMoving):
        both.together("invoices", {})
    assert not both.store.has_table(f"{both.tag}_t", "source", "invoices", KEYS[0])


def test_an_ignored_window_is_noticed(both: Both) -> None:
    both.hostile.rows["invoices"] = [invoice(n, "2020-01-01T00:00:00Z") for n in range(1, 9)]
    both.hostile.ignored = {"modifiedOnOrAfter", "modifiedBefore"}
    with pytest.raises(FilterIgnored):
        both.together("invoices", {})


def test_a_hidden_instant_of_modification_is_left_to_the_server(both: Both) -> None:
    """Customers are filtered without balance changes, which move the modifiedOn that they show."""
    both.hostile.rows["customers"] = [customer(1, _stamp(EDGES[3], 5), _filterOn=_stamp(EDGES[1], 5))]
    both.require_same("customers", {})
    here = [both.store.read_table(f"{both.tag}_t", "source", "customers", key).num_rows for key in KEYS]
    assert here == [0, 1, 0, 0, 0]
