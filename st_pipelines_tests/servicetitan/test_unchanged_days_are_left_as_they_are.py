"""Days whose source answers as before are asked about in full and not made again; what differs by a byte lands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from st_pipelines.store.files import Store
from st_pipelines.systems.servicetitan import extract, extract_days
from st_pipelines.systems.servicetitan.extract_days import extract_days as read_days
from st_pipelines.systems.servicetitan.landed import Extracted
from st_pipelines.systems.servicetitan.tenant import ServiceTitan
from st_pipelines_tests.servicetitan.hostile import Hostile, serving
from st_pipelines_tests.servicetitan.records import bill, contact, customer, invoice, location, receipt, vendor

KEYS = ["2026-10-05", "2026-10-06", "2026-10-07"]
FIRST = datetime(2026, 10, 5, 5, tzinfo=UTC)
WINDOWS = {key: (FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n, key in enumerate(KEYS)}
STAMPS = [f"2026-10-0{5 + n % 3}T12:00:0{n}Z" for n in range(6)]
OLD = "2020-01-01T00:00:00Z"
FEED = "export/inventory-bills"

# Path of the list that is changed for each entity: those that wake a customer count too.
CHANGED = [("invoices", "invoices"), ("vendors", "vendors"), ("receipts", "receipts"), ("locations", "locations"),
           ("customer_contacts", "customers/contacts"), ("bills", "inventory-bills/paginated"),
           ("customers", "customers"), ("customers", "customers/contacts"), ("customers", "locations")]  # fmt: skip
NAMED = {"vendors": (1, 50), "customers": (1, 50), "customer_contacts": (1,), "locations": (1,), "receipts": (1,)}


class Company:
    def __init__(self, hostile: Hostile, client: ServiceTitan, store: Store) -> None:
        self.hostile, self.client, self.store = hostile, client, store
        hostile.rows = {
            "invoices": [invoice(n, at) for n, at in enumerate(STAMPS, 1)],
            "vendors": [*(vendor(n, at) for n, at in enumerate(STAMPS, 1)), vendor(50, OLD)],
            "receipts": [receipt(n, n, at) for n, at in enumerate(STAMPS, 1)],
            "customers": [*(customer(n, at) for n, at in enumerate(STAMPS, 1)), customer(50, OLD)],
            "customers/contacts": [contact(n, n, at) for n, at in enumerate(STAMPS, 1)],
            "locations": [location(n, n, at) for n, at in enumerate(STAMPS, 1)],
            "inventory-bills/paginated": [bill(n, at) for n, at in enumerate(STAMPS, 1)],
        }
        hostile.feeds = {FEED: [[{**bill(n, at), "active": True} for n, at in enumerate(STAMPS, 1)]]}

    def read(
        self, entity: str, keys: Sequence[str] = KEYS, named: Mapping[str, Sequence[int]] | None = None
    ) -> dict[str, Extracted]:
        found: dict[str, Extracted] = {}
        wanted = named if named is not None else dict.fromkeys(keys, NAMED.get(entity, ()))
        windows = {key: WINDOWS[key] for key in keys}
        for some in read_days(self.client, self.store, "demo", entity, windows, wanted):
            found |= {key: replace(one, seconds=0) for key, one in some.items()}
        return found

    def asked(self) -> list[tuple[str, str, str]]:
        """What was asked since the last call, whatever the order."""
        seen = sorted((verb, path, str(params)) for verb, path, params in self.hostile.requests)
        self.hostile.requests.clear()
        return seen


@pytest.fixture
def company(connected: Callable[..., ServiceTitan], tmp_path: Path) -> Iterator[Company]:
    hostile = Hostile()
    with serving(hostile) as address:
        yield Company(hostile, connected(address, page_size=4), Store(str(tmp_path / "data")))


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on nothing may become columns."""

    def refuse(*_: Any) -> None:
        raise AssertionError("records were made into columns again")

    def start() -> None:
        for module in (extract, extract_days):
            monkeypatch.setattr(module, "tables", refuse)
        monkeypatch.setattr("st_pipelines.systems.servicetitan.pages.to_tables", refuse)

    return start


@pytest.mark.parametrize("keys", [KEYS, KEYS[:1]], ids=["together", "alone"])
@pytest.mark.parametrize("entity", sorted({entity for entity, _ in CHANGED}))
def test_the_source_is_asked_everything_again_and_nothing_is_made_again(
    company: Company, nothing_is_made: Callable[[], None], entity: str, keys: list[str]
) -> None:
    first = company.read(entity, keys)
    assert sum(one.records for one in first.values()) >= 2
    asked = company.asked()
    nothing_is_made()
    assert company.read(entity, keys) == first
    again = company.asked()
    if entity == "customers" and len(keys) > 1:  # two pages of all days: each day is asked about too
        assert len(again) > len(keys)
    assert again == sorted(set(asked))


def test_one_page_of_customers_answers_for_each_of_its_days(
    company: Company, nothing_is_made: Callable[[], None]
) -> None:
    company.client.reading = replace(company.client.reading, page_size=50)
    first = company.read("customers")
    company.asked()
    nothing_is_made()
    assert company.read("customers") == first
    windows = [params for _, path, params in company.asked() if path == "customers" and "modifiedBefore" in params]
    assert len(windows) == 1


@pytest.mark.parametrize("keys", [KEYS, KEYS[:1]], ids=["together", "alone"])
@pytest.mark.parametrize(("entity", "path"), CHANGED)
def test_a_changed_record_lands(company: Company, entity: str, path: str, keys: list[str]) -> None:
    first = company.read(entity, keys)
    row = company.hostile.rows[path][0]
    company.hostile.rows[path][0] = {**row, "modifiedOn": "2026-10-05T12:00:00.5Z", "name": "Another",
                                     "memo": "Another", "summary": "Another"}  # fmt: skip
    if path == "customers/contacts" and entity == "customers":
        company.hostile.rows[path][0]["customerId"] = 50
    if path == "locations" and entity == "customers":
        company.hostile.rows[path][0]["customerId"] = 50
    if entity == "bills":
        company.hostile.feeds[FEED] = [[]]
    after = company.read(entity, keys)
    already_named = entity == "customers" and path != "customers"
    assert (after[KEYS[0]].digest == first[KEYS[0]].digest) == already_named
    assert company.read(entity, keys) == after


@pytest.mark.parametrize("entity", ["vendors", "customers", "locations"])
def test_other_ids_are_asked_for(company: Company, entity: str) -> None:
    before = company.read(entity, named={KEYS[0]: (1,)})
    after = company.read(entity, named={KEYS[0]: (1, 2)})
    assert after[KEYS[0]].records == before[KEYS[0]].records + 1


def test_what_somebody_deleted_is_there_again(company: Company, tmp_path: Path) -> None:
    first = company.read("invoices")
    for pattern in ("**/source/invoices/2026-10-06/*.parquet", "**/raw/invoices/*/*.zst", "**/invoices_transcript/*/*"):
        files = list((tmp_path / "data").glob(pattern))
        assert files
        files[0].unlink()
        assert company.read("invoices") == first
        assert files[0].exists()


def test_a_day_that_was_read_alone_meanwhile_is_no_part_of_the_old_reading(company: Company) -> None:
    first = company.read("invoices")
    company.read("invoices", KEYS[1:2])
    company.asked()
    assert company.read("invoices") == first


def test_no_token_of_a_feed_is_kept(company: Company) -> None:
    pages = company.hostile.feeds[FEED][0]
    company.hostile.feeds[FEED] = [pages[:3], pages[3:]]
    company.read("bills")
    for key in KEYS:
        assert "transcript" not in company.store.manifest("demo", "source", "bills", key).facts
